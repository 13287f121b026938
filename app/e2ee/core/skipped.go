package core

import (
	"strings"

	"chatalot/app/wire/octet"
)

// maxSkipped bounds the skipped message keys of the whole device (E2EE.md section 4).
const maxSkipped = 20_000

// limitSkipped halves the largest hoards of skipped message keys while the device holds too many, so that nobody's gaps cost others their own.
func (c *Core) limitSkipped() error {
	for {
		total, largest, most := 0, "", 0
		for _, prefix := range [...]string{"pair/", "peer/"} {
			for _, key := range c.state.keys(prefix) {
				n := skippedIn(c.state.get(key))
				if total += n; n > most {
					largest, most = key, n
				}
			}
		}
		if total <= maxSkipped {
			return nil
		}
		if err := c.trim(largest); err != nil {
			return err
		}
	}
}

// skippedIn reads the number of skipped keys that pair and peer records begin with.
func skippedIn(raw []byte) int {
	r := octet.NewReader(raw)
	r.U8()
	return int(r.U32())
}

func (c *Core) trim(key string) error {
	if strings.HasPrefix(key, "pair/") {
		p, err := load(c.state, key, readPair)
		if err != nil {
			return err
		}
		p.trim(c.cfg.Now())
		c.state.put(key, p.encode())
		return nil
	}
	p, err := load(c.state, key, readPeer)
	if err != nil {
		return err
	}
	p.trim()
	c.state.put(key, p.encode())
	return nil
}
