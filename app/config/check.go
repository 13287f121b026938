package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// field ties a key to where it is kept and to the rule it must obey: check answers "" or what is wrong and what to write instead.
type field struct {
	key   string
	value any // *string, *int or *[]string
	check func() string
}

func (c *Config) fields() []field {
	return []field{
		{"listen", &c.Listen, c.checkListen},
		{"public_url", &c.PublicURL, c.checkPublicURL},
		{"data", &c.Data, c.checkData},
		{"backup_keep", &c.BackupKeep, between(&c.BackupKeep, 0, 365)},
		{"registration", &c.Registration, oneOf(&c.Registration, "invite_only", "open", "closed")},
		{"lockout", &c.Lockout, oneOf(&c.Lockout, "device", "literal")},
		{"trusted_proxies", &c.TrustedProxies, c.checkProxies},
		{"admin_username", &c.AdminUsername, c.checkAdminUsername},
		{"audit_days", &c.AuditDays, between(&c.AuditDays, 1, 3650)},
		{"ip_header", &c.IPHeader, oneOf(&c.IPHeader, "x-forwarded-for", "cf-connecting-ip")},
		{"cors", &c.CORS, oneOf(&c.CORS, "list", "any")},
		{"cors_origins", &c.CORSOrigins, c.checkOrigins},
		{"rate_api", &c.RateAPI, checkRate(&c.RateAPI)},
		{"rate_auth", &c.RateAuth, checkRate(&c.RateAuth)},
		{"rate_user", &c.RateUser, checkRate(&c.RateUser)},
		{"rate_messages", &c.RateMessages, checkRate(&c.RateMessages)},
		{"rate_upload", &c.RateUpload, checkRate(&c.RateUpload)},
		{"jwt_private_key_file", &c.JWTPrivateKeyFile, anything},
		{"jwt_public_key_file", &c.JWTPublicKeyFile, anything},
		{"totp_key_file", &c.TOTPKeyFile, anything},
		{"log_level", &c.LogLevel, oneOf(&c.LogLevel, "debug", "info", "warn", "error")},
		{"log_format", &c.LogFormat, oneOf(&c.LogFormat, "text", "json")},
	}
}

func oneOf(value *string, allowed ...string) func() string {
	return func() string {
		if slices.Contains(allowed, *value) {
			return ""
		}
		return fmt.Sprintf("%q is none of %s", *value, strings.Join(allowed, ", "))
	}
}

func between(value *int, least, most int) func() string {
	return func() string {
		if least <= *value && *value <= most {
			return ""
		}
		return fmt.Sprintf("%d is not from %d to %d", *value, least, most)
	}
}

// usernames is what a sign-in name looks like once it is stored.
var usernames = regexp.MustCompile(`^[a-z0-9_.-]{3,32}$`)

func (c *Config) checkAdminUsername() string {
	if c.AdminUsername == "" || usernames.MatchString(c.AdminUsername) {
		return ""
	}
	return fmt.Sprintf("%q is no sign-in name: 3 to 32 small letters, digits, dots, dashes and underscores", c.AdminUsername)
}

// checkListen refuses plain HTTP towards the network: passwords and refresh tokens would travel in the clear, and browsers
// give no WebCrypto to such a page (SECURITY.md T8).
func (c *Config) checkListen() string {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Sprintf("%q is not host:port, for example localhost:8080", c.Listen)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Sprintf("port %q is not a number from 0 to 65535", port)
	} else if n == 0 && c.secure() {
		return "port 0 cannot stand behind a proxy: choose a port"
	}
	if !Loopback(host) && !c.secure() {
		return fmt.Sprintf("%q would serve plain HTTP to the network. Listen on localhost, or put a proxy that speaks TLS in front and set public_url to its https address", c.Listen)
	}
	return ""
}

func (c *Config) checkPublicURL() string {
	if c.PublicURL == "" {
		return ""
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Sprintf("%q is not an address like https://chat.example.org", c.PublicURL)
	}
	if strings.TrimSuffix(c.PublicURL, "/") != u.Scheme+"://"+u.Host {
		return fmt.Sprintf("%q has more than a scheme and a host: a place stands at the root of its own name", c.PublicURL)
	}
	if u.Host != strings.ToLower(u.Host) {
		return fmt.Sprintf("write the host in lower case: %s", strings.ToLower(u.Host))
	}
	if u.Scheme == "http" && !Loopback(u.Hostname()) {
		return fmt.Sprintf("%q is plain HTTP: browsers give encryption and safe cookies only to https addresses and to localhost", c.PublicURL)
	}
	return ""
}

func (c *Config) checkData() string {
	if c.Data == "" {
		return "names no directory"
	}
	return ""
}

// anything is right for a path: whether a file stands there is found out when it is opened.
func anything() string { return "" }

func (c *Config) checkProxies() string {
	for _, p := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			return fmt.Sprintf("%q is not a prefix like 127.0.0.0/8 or ::1/128", p)
		}
	}
	return ""
}
