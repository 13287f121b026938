// Package config is the operator's settings: what they are, their defaults, and every fault in them told at once with its key and line.
package config

import (
	"log/slog"
	"net"
	"net/url"
	"strings"
)

// Config is every setting of a place. config.example.toml explains each for the person who runs it.
type Config struct {
	Listen         string   // host:port to serve plain HTTP on; loopback unless PublicURL is https
	PublicURL      string   // the address in people's browsers, scheme and host only; empty: derived from Listen
	Data           string   // directory of the database and its secrets; made when missing
	BackupKeep     int      // how many nightly copies of the database are kept; 0: none are made
	Registration   string   // the mode a new place starts with: invite_only, open or closed
	Lockout        string   // whose wrong guesses are counted together: device or literal
	AdminUsername  string   // the sign-in name of an account that is made an admin at start; may be empty
	AuditDays      int      // how long the audit log is kept
	TrustedProxies []string // CIDR prefixes whose word about the client's address is believed
	IPHeader       string   // where they put it: x-forwarded-for or cf-connecting-ip
	CORS           string   // list or any
	CORSOrigins    []string // exact origins whose pages may call the API, besides the place's own and the desktop's
	RateAPI        string   // requests from one address, as "20/50": a second on average, and at once
	RateAuth       string   // of these to the routes of signing in
	RateUser       string   // requests of one person
	RateMessages   string   // messages of one person
	RateUpload     string   // MiB that one person, and one address, may send
	// Key files that stand elsewhere than in the data directory; empty: systemd's credentials, or else the data directory. They are only read.
	JWTPrivateKeyFile string
	JWTPublicKeyFile  string
	TOTPKeyFile       string
	LogLevel          string // debug, info, warn or error
	LogFormat         string // text or json
}

// Default is what holds for every key the operator leaves out.
func Default() Config {
	return Config{
		Listen:         "localhost:8080",
		Data:           "chatalot-data",
		BackupKeep:     3,
		Registration:   "invite_only",
		Lockout:        "device",
		TrustedProxies: []string{"127.0.0.0/8", "::1/128"},
		AuditDays:      90,
		IPHeader:       "x-forwarded-for",
		CORS:           "list",
		CORSOrigins:    []string{},
		RateAPI:        "20/50",
		RateAuth:       "5/10",
		RateUser:       "40/200",
		RateMessages:   "10/100",
		RateUpload:     "4/128",
		LogLevel:       "info",
		LogFormat:      "text",
	}
}

// Level is LogLevel for slog.
func (c Config) Level() (level slog.Level) {
	level.UnmarshalText([]byte(c.LogLevel)) // checked by Load
	return level
}

// Origin is the place's address in a browser, without a trailing slash. addr is where it really listens, which settles port 0.
func (c Config) Origin(addr net.Addr) string {
	if c.secure() { // a browser leaves the usual port out of the Origin header
		return strings.TrimSuffix(strings.TrimSuffix(c.PublicURL, "/"), ":443")
	}
	if c.PublicURL != "" {
		return strings.TrimSuffix(strings.TrimSuffix(c.PublicURL, "/"), ":80")
	}
	host, port, _ := net.SplitHostPort(c.Listen)
	if tcp, ok := addr.(*net.TCPAddr); ok {
		_, port, _ = net.SplitHostPort(tcp.String())
	}
	return "http://" + strings.TrimSuffix(net.JoinHostPort(host, port), ":80")
}

// Loopback reports whether host (a name or an address, without port) can only be this very machine.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// secure reports whether people reach the place by TLS, which a proxy in front then ends.
func (c Config) secure() bool {
	u, err := url.Parse(c.PublicURL)
	return err == nil && u.Scheme == "https"
}
