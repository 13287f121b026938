package config

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Rate is how often something may happen: so many times a second for as long as one likes, and Burst times at once.
type Rate struct {
	PerSecond float64
	Burst     int
}

// maxRate bounds both numbers of a rate: far above what any machine does, far below what overflows.
const maxRate = 1_000_000

// ReadRate reads a rate as settings spell it, "20/50".
func ReadRate(text string) (r Rate, ok bool) {
	second, burst, _ := strings.Cut(text, "/")
	var errSecond, errBurst error
	r.PerSecond, errSecond = strconv.ParseFloat(second, 64)
	r.Burst, errBurst = strconv.Atoi(burst)
	return r, errSecond == nil && errBurst == nil && r.PerSecond >= 0.01 && r.PerSecond <= maxRate && r.Burst >= 1 && r.Burst <= maxRate
}

func checkRate(value *string) func() string {
	return func() string {
		if _, ok := ReadRate(*value); ok {
			return ""
		}
		return fmt.Sprintf("%q is not a rate like 20/50: so many a second on average (0.01 to %d), and so many at once (1 to %d)", *value, maxRate, maxRate)
	}
}

// checkOrigins takes origins exactly as browsers send them, since they are compared letter by letter.
func (c *Config) checkOrigins() string {
	for _, text := range c.CORSOrigins {
		u, err := url.Parse(text)
		switch {
		case text == "*":
			return `"*" is no origin: name each one, or set cors = "any"`
		case err != nil || u.Scheme == "" || u.Hostname() == "" || text != strings.ToLower(u.Scheme+"://"+u.Host):
			return fmt.Sprintf("%q is not an origin like https://tools.example.org: scheme and host in lower case, nothing behind", text)
		case u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80":
			return fmt.Sprintf("%q names the usual port, which browsers leave out", text)
		}
	}
	return ""
}
