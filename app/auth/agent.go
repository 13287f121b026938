package auth

import (
	"net/netip"
	"strings"
)

// Browsers claim to be one another, so the order matters: whoever comes later claims to be those before.
var (
	browsers = [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}}
	systems = [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"}}
)

// agentName keeps of a User-Agent header only what helps a person recognise their own device: "Firefox on Linux".
func agentName(header string) string {
	browser, system := firstIn(header, browsers), firstIn(header, systems)
	switch {
	case browser == "":
		return "A program"
	case system == "":
		return browser
	}
	return browser + " on " + system
}

func firstIn(header string, names [][2]string) string {
	for _, n := range names {
		if strings.Contains(header, n[0]) {
			return n[1]
		}
	}
	return ""
}

// network keeps of an address only which network it is in: an IPv4 /24 or an IPv6 /48. What is not known is empty.
func network(address netip.Addr) string {
	if !address.IsValid() { // the zero address has a prefix that is none, and no error
		return ""
	}
	address = address.Unmap()
	bits := 24
	if address.Is6() {
		bits = 48
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}
