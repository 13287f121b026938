package app

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"chatalot/app/config"
)

// firewall prints rules for ufw and for nft that let in what the place needs as it is configured, and nothing else. It changes nothing itself.
func (p Program) firewall(args []string) error {
	c, err := settings(args)
	if err != nil {
		return err
	}
	_, err = io.WriteString(p.Out, rules(c))
	return err
}

// opening is a port that strangers must be able to reach.
type opening struct{ port, why string }

// openings are the ports for c. The direct port of the place is never among them: it speaks no TLS, and only the proxy in front needs it.
func openings(c config.Config) []opening {
	all := []opening{{"22", "SSH, so that you do not lock yourself out; leave it away if you never come from outside"}}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Scheme != "https" {
		return all
	}
	if port := u.Port(); port != "" && port != "443" {
		return append(all, opening{port, "HTTPS, at the proxy"})
	}
	return append(all, opening{"80", "HTTP, where the proxy gets its certificates and sends people to https"}, opening{"443", "HTTPS, at the proxy"})
}

func rules(c config.Config) string {
	var text strings.Builder
	_, direct, _ := net.SplitHostPort(c.Listen)
	all := openings(c)
	if len(all) == 1 {
		text.WriteString("# This place serves this machine alone: nothing of it has to be reached from outside.\n")
	} else {
		fmt.Fprintf(&text, "# For %s. Port %s, where the place itself listens, stays closed: only the proxy on this machine needs it.\n", strings.TrimSuffix(c.PublicURL, "/"), direct)
	}
	text.WriteString("# Choose one of the two ways. Keep a second way into the machine open while you try it.\n\n# ufw (Debian, Ubuntu)\n")
	text.WriteString("sudo ufw default deny incoming\nsudo ufw default allow outgoing\n")
	ports := make([]string, len(all))
	for i, o := range all {
		fmt.Fprintf(&text, "sudo ufw allow %s/tcp comment '%s'\n", o.port, o.why)
		ports[i] = o.port
	}
	text.WriteString("sudo ufw enable\n\n")
	fmt.Fprintf(&text, nftables, strings.Join(ports, ", "))
	return text.String()
}

// nftables is a file for nft. ICMP has to pass: IPv6 does not work without it. The table is its own, so others on the machine stay as they are.
const nftables = `# nft: write this to /etc/nftables.conf, then sudo nft -f /etc/nftables.conf && sudo systemctl enable nftables
table inet chatalot
delete table inet chatalot
table inet chatalot {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		ct state invalid drop
		iif lo accept
		meta l4proto { icmp, ipv6-icmp } accept
		udp dport 68 accept comment "DHCP"
		ip6 saddr fe80::/10 udp dport 546 accept comment "DHCPv6"
		tcp dport { %s } accept
	}
}
`
