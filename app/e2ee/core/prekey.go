package core

import (
	"strconv"

	"chatalot/app/e2ee/pqxdh"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

// How many one-time prekeys the server should hold for this device (E2EE.md section 3).
const (
	oneTimeStock = 50
	kemStock     = 20
)

const prekeysKey = "prekeys"

// prekeyList is what this device knows of its prekeys as a whole.
type prekeyList struct {
	last    uint32 // highest key id given out, over all kinds
	rotated uint64 // when the signed and the last-resort prekey were made, ms; 0 before the first
}

func (c *Core) prekeyList() (*prekeyList, error) {
	list, err := load(c.state, prekeysKey, func(r *octet.Reader) *prekeyList { return &prekeyList{r.U32(), r.U64()} })
	if list == nil && err == nil {
		list = new(prekeyList)
	}
	return list, err
}

func prekeyPrefix(kind signed.PrekeyKind) string { return "prekey/" + strconv.Itoa(int(kind)) + "/" }

func prekeyKey(kind signed.PrekeyKind, id uint32) string {
	return prekeyPrefix(kind) + strconv.FormatUint(uint64(id), 10)
}

// prekey returns a private prekey, or pqxdh.ErrPrekey when it was used or has gone.
func (c *Core) prekey(kind signed.PrekeyKind, id uint32) (*pqxdh.Private, error) {
	raw := c.state.get(prekeyKey(kind, id))
	if raw == nil {
		return nil, pqxdh.ErrPrekey
	}
	p, err := pqxdh.ParsePrivate(raw)
	if err != nil {
		return nil, errState
	}
	return p, nil
}

// TopUp rotates the signed prekey when it is seven days old and fills the server's store of one-time keys to 50 X25519 and 20 ML-KEM-768;
// the arguments are what the server says is left. It returns prekeys to publish, none when there is nothing to do. It also forgets what has expired.
func (c *Core) TopUp(oneTimeLeft, kemLeft int) (prekeys [][]byte, err error) {
	err = c.change(func() error {
		a, _, err := c.active()
		if err != nil {
			return err
		}
		if err := c.sweep(); err != nil {
			return err
		}
		prekeys, err = c.stock(a, oneTimeLeft, kemLeft)
		return err
	})
	return prekeys, err
}

// stock makes what is missing of a device's prekeys.
func (c *Core) stock(a *account, oneTimeLeft, kemLeft int) (statements [][]byte, err error) {
	list, err := c.prekeyList()
	if err != nil {
		return nil, err
	}
	now := c.cfg.Now()
	want := make([]signed.PrekeyKind, 0, oneTimeStock+kemStock+2)
	if list.rotated == 0 || since(list.rotated, now) >= pqxdh.RotateAfter {
		list.rotated = now
		want = append(want, signed.PrekeySigned, signed.PrekeyLastResort)
	}
	for range oneTimeStock - max(oneTimeLeft, 0) {
		want = append(want, signed.PrekeyOneTime)
	}
	for range kemStock - max(kemLeft, 0) {
		want = append(want, signed.PrekeyKEM)
	}
	for _, kind := range want {
		list.last++
		p, err := pqxdh.NewPrivate(c.cfg.Rand, kind, a.address.User, a.address.Device, list.last, now, a.device.Sign)
		if err != nil {
			return nil, because(CodeRandom, err)
		}
		c.state.put(prekeyKey(kind, list.last), p.Encode())
		statements = append(statements, p.Statement.Encode())
	}
	if len(want) > 0 {
		c.state.put(prekeysKey, record(13).U32(list.last).U64(list.rotated).Bytes())
	}
	return statements, nil
}

// sweep forgets private prekeys and replay entries past their time.
func (c *Core) sweep() error {
	now := c.cfg.Now()
	for _, key := range c.state.keys("prekey/") {
		p, err := pqxdh.ParsePrivate(c.state.get(key))
		if err != nil {
			return errState
		}
		if p.Gone(now) {
			c.state.remove(key)
		}
	}
	for _, key := range c.state.keys("initial/") {
		at, err := load(c.state, key, readTime)
		if err != nil {
			return err
		}
		if since(*at, now) >= pqxdh.ReusableLife+pqxdh.Grace {
			c.state.remove(key)
		}
	}
	return nil
}

func readTime(r *octet.Reader) *uint64 {
	at := r.U64()
	return &at
}

// since returns the milliseconds from then to now, 0 when the clock was set back.
func since(then, now uint64) uint64 {
	if now < then {
		return 0
	}
	return now - then
}
