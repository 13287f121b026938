package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"chatalot/app/config"
)

// certificate shakes hands with the place under its own name, as a browser does.
func certificate(ctx context.Context, p *patient) verdict {
	if !p.secure() {
		return pass("People reach it at %s: on this machine alone, where browsers need no certificate.", p.origin)
	}
	host, port := p.origin.Hostname(), p.port()
	conn, err := p.Machine.Dial(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil { // many routers do not lead back inside: the proxy is most often on this machine
		if conn, err = p.Machine.Dial(ctx, "tcp", net.JoinHostPort("127.0.0.1", port)); err != nil {
			return warn("Look whether the proxy runs and the name leads here; from outside: openssl s_client -connect "+net.JoinHostPort(host, port), "Nobody answers at %s as seen from this machine.", p.origin)
		}
	}
	defer conn.Close()
	client := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: p.Machine.Trust, Time: p.Now})
	if err := client.HandshakeContext(ctx); err != nil {
		return fail("Give the proxy a certificate for "+host+" from a public authority; Caddy does it by itself.", "The certificate is not good: %s.", strings.TrimPrefix(plain(err), "tls: "))
	}
	leaf := client.ConnectionState().PeerCertificates[0]
	if v := judgeLife(leaf, p.Now()); v.grade != "pass" {
		return v
	}
	if p.oldTLS(ctx, conn.RemoteAddr().String(), host) {
		return warn("Allow TLS 1.2 and 1.3 only in the proxy (nginx: ssl_protocols TLSv1.2 TLSv1.3).", "The proxy still speaks TLS 1.1, which is broken.")
	}
	if port == "443" && p.plainHTTP(ctx, host) {
		return warn("Have the proxy answer port 80 with a redirect to "+p.origin.String()+".", "Port 80 answers %s without leading to https.", host)
	}
	return judgeLife(leaf, p.Now())
}

// port is where people reach the place.
func (p *patient) port() string {
	if port := p.origin.Port(); port != "" {
		return port
	}
	return map[bool]string{true: "443", false: "80"}[p.secure()]
}

// judgeLife goes by the fraction that is left: certificates of six days and of ninety are renewed at a third.
func judgeLife(leaf *x509.Certificate, now time.Time) verdict {
	life, left := leaf.NotAfter.Sub(leaf.NotBefore), leaf.NotAfter.Sub(now)
	if left < life/6 {
		return warn("Look why the proxy does not renew it: its log says so.", "The certificate ends in %s, and should have been renewed.", days(left))
	}
	return pass("The certificate is good for this name for another %s.", days(left))
}

func (p *patient) oldTLS(ctx context.Context, address, host string) bool {
	conn, err := p.Machine.Dial(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	old := &tls.Config{ServerName: host, RootCAs: p.Machine.Trust, Time: p.Now, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	return tls.Client(conn, old).HandshakeContext(ctx) == nil
}

// plainHTTP tells whether port 80 serves something else than the way to https. Nobody there is fine.
func (p *patient) plainHTTP(ctx context.Context, host string) bool {
	client := http.Client{Transport: &http.Transport{DialContext: p.Machine.Dial, Proxy: nil, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+host+"/", nil)
	if err != nil {
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode/100 == 2 || res.StatusCode/100 == 3 && !strings.HasPrefix(res.Header.Get("Location"), "https://")
}

// listener is a socket that waits for anybody.
type listener struct {
	network string // tcp or udp
	address netip.AddrPort
	inode   string
}

// postgres is the port of the hardening page's database; nothing on this machine may offer it to the network.
const postgres = 5432

func listeners(_ context.Context, p *patient) verdict {
	all, err := p.Machine.listeners(p.pid)
	if err != nil {
		return warn("Look with ss -tulpn what listens on this machine.", "This system does not tell what listens on it.")
	}
	for _, l := range all {
		if l.network == "tcp" && l.address.Port() == postgres && !l.address.Addr().IsLoopback() {
			return fail("Set listen_addresses = 'localhost' in that PostgreSQL, or stop it: Chatalot needs none.", "A database listens on port 5432 for the whole network.")
		}
	}
	if p.pid == 0 {
		return p.asleep()
	}
	own, err := p.Machine.sockets(p.pid)
	if err != nil {
		return warn("Ask again as the user who runs the place, or as root; or look with ss -tulpn.", "Which sockets belong to the place cannot be seen by the user who asks.")
	}
	return p.judgeListeners(slices.DeleteFunc(all, func(l listener) bool { return !own[l.inode] }))
}

func (p *patient) judgeListeners(own []listener) verdict {
	host, port, _ := net.SplitHostPort(p.Config.Listen)
	if p.origin != nil && !p.secure() { // without a proxy people are where it listens, whatever its command line was
		host, port = p.origin.Hostname(), p.port()
	}
	open := false
	for _, l := range own {
		known := l.network == "tcp" && strconv.Itoa(int(l.address.Port())) == port
		if !known && p.Handler == nil && l.network == "tcp" && l.address.Addr().IsLoopback() {
			return warn("Ask again with the same --config and --listen that the place was started with.", "The place listens on port %d of this machine, which is not what these settings say.", l.address.Port())
		}
		if !known {
			return fail("Stop the place and use an unchanged chatalot.", "The place listens on %s port %d, which is not configured.", l.network, l.address.Port())
		}
		if config.Loopback(host) && !l.address.Addr().IsLoopback() {
			return fail("Stop the place and use an unchanged chatalot.", "The place listens for the whole network, but is configured for this machine.")
		}
		open = open || !l.address.Addr().IsLoopback()
	}
	switch {
	case len(own) == 0:
		return warn("Look with ss -tulpn what listens on this machine.", "The place was not seen to listen anywhere.")
	case open:
		return warn(`Set listen = "localhost:`+port+`" when the proxy is on this machine, or let only the proxy's address through the firewall.`,
			"The direct port %s, which speaks no TLS, is open to the network.", port)
	}
	return pass("The place listens on port %s of this machine alone, and nothing offers port 5432 to the network.", port)
}

// listeners reads /proc/PID/net (proc_net(5)) of the network that process pid is in: TCP sockets in state LISTEN, and UDP sockets that are not bound
// to one peer. For 0 it is the doctor's own.
func (m Machine) listeners(pid int) ([]listener, error) {
	all := []listener{}
	found, dir := false, "proc/self/net/"
	if pid != 0 {
		dir = fmt.Sprintf("proc/%d/net/", pid)
	}
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := m.read(dir + name)
		if err != nil {
			continue // no IPv6
		}
		found = true
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			if len(f) < 10 || name[:3] == "tcp" && f[3] != "0A" || name[:3] == "udp" && strings.Trim(f[2], "0:") != "" {
				continue
			}
			if address, ok := procAddress(f[1]); ok {
				all = append(all, listener{name[:3], address, f[9]})
			}
		}
	}
	if !found {
		return nil, errors.New("no /proc/net")
	}
	return all, nil
}

// procAddress reads "0100007F:1F90": words of 32 bits in this machine's byte order, which on every machine Go runs Chatalot on is little-endian.
func procAddress(text string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	address, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(address.Unmap(), uint16(n)), true
}

// sockets are the inodes of a process's open sockets.
func (m Machine) sockets(pid int) (map[string]bool, error) {
	dir := filepath.Join(m.Root, fmt.Sprintf("proc/%d/fd", pid))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, e := range entries {
		to, err := os.Readlink(filepath.Join(dir, e.Name()))
		if inode, ok := strings.CutPrefix(to, "socket:["); err == nil && ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return own, nil
}

// dns asks every address of the public name for the same public answer that the place itself gives.
func dns(ctx context.Context, p *patient) verdict {
	if !p.secure() {
		return pass("The place is on this machine alone and has no public name.")
	}
	host := p.origin.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return pass("The place is reached by its address: no name has to lead to it.")
	}
	found, err := p.Machine.Resolve(ctx, host)
	if err != nil || len(found) == 0 {
		return fail("Add an A record (and AAAA, if the machine has IPv6) for "+host+" at your DNS provider.", "The name %s leads nowhere.", host)
	}
	if p.door == nil {
		return p.asleep()
	}
	ours, err := p.door.ask(ctx, "GET", "/api/place", p.from.asks, "", nil)
	if err != nil || ours.status != http.StatusOK {
		return warn("Ask again in a minute.", "The place itself could not be asked.")
	}
	dead := []string{}
	for _, a := range found {
		if !p.leadsHere(ctx, a.Unmap(), ours.body) {
			dead = append(dead, kind(a))
		}
	}
	switch {
	case len(dead) == len(found):
		return warn("Look from outside, for example with a phone off the Wi-Fi: many routers do not lead back inside. Else correct the records of "+host+".",
			"None of the %d addresses of %s led here as seen from this machine.", len(found), host)
	case len(dead) > 0:
		return fail("Correct or delete the "+strings.Join(dead, " and ")+" record of "+host+" at your DNS provider.", "%s has an %s record that does not lead here.", host, strings.Join(dead, " and an "))
	}
	return pass("All %d addresses of %s lead here.", len(found), host)
}

func kind(a netip.Addr) string {
	if a.Unmap().Is4() {
		return "A"
	}
	return "AAAA"
}

func (p *patient) leadsHere(ctx context.Context, a netip.Addr, want []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	transport := &http.Transport{Proxy: nil, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: p.Machine.Trust, Time: p.Now},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return p.Machine.Dial(ctx, network, net.JoinHostPort(a.String(), p.port()))
		}}
	d := door{&http.Client{Transport: transport}, p.origin.String(), p.origin.Host}
	r, err := d.ask(ctx, "GET", "/api/place", p.from.asks, "", nil)
	return err == nil && r.status == http.StatusOK && bytes.Equal(r.body, want)
}

func proxies(_ context.Context, p *patient) verdict {
	host, _, _ := net.SplitHostPort(p.Config.Listen)
	return judgeProxies(p.Config.TrustedProxies, p.secure(), config.Loopback(host))
}

func judgeProxies(trusted []string, secure, local bool) verdict {
	const back = `Set trusted_proxies to the addresses of your own proxies only; for one on this machine leave the default.`
	loopback := false
	for _, text := range trusted {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fail(back, "%q in trusted_proxies is no prefix of addresses.", text)
		}
		a := prefix.Masked().Addr().Unmap()
		loopback = loopback || a.IsLoopback()
		private := a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
		switch bits := prefix.Bits(); {
		case bits == 0:
			return fail(back, "%s in trusted_proxies lets everybody say which address they come from.", text)
		case !private && (a.Is4() && bits < 12 || a.Is6() && bits < 24), a.IsPrivate() && a.Is6() && bits < 8:
			return warn(back, "%s in trusted_proxies is far more than anybody's own proxies.", text)
		}
	}
	switch {
	case secure && len(trusted) == 0:
		return warn(back, "The place stands behind a proxy but believes none, so all people share one limit.")
	case secure && local && !loopback:
		return warn(`Add "127.0.0.0/8" and "::1/128" to trusted_proxies.`, "The proxy on this machine is not believed, so all people share one limit.")
	case !secure:
		return pass("No proxy is needed, and none but this machine's could say where a request comes from.")
	}
	return pass("Only the %d configured networks of proxies may say where a request comes from.", len(trusted))
}

// subdomains minds the includeSubDomains of the header that the place sends.
func subdomains(_ context.Context, p *patient) verdict {
	host := p.origin.Hostname()
	if !p.secure() {
		return pass("The place has no public name, so it speaks for no other.")
	}
	if apex, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil && apex == host {
		return warn("Give the place a name of its own, such as https://chat."+host+", unless every other name under "+host+" speaks https too.",
			"%s is a whole domain, and browsers that were here use https for every name under it.", host)
	}
	return pass("The place has a name of its own and speaks for no other beside it.")
}

// firewall believes the kernel's rules when it may read them, or else what the system is set to load.
func firewall(ctx context.Context, p *patient) verdict {
	if text, err := p.Machine.Rules(ctx); err == nil {
		if filters(text) {
			return pass("The packet filter turns away what is not let in.")
		}
	} else if name := p.Machine.configuredFilter(); name != "" {
		return pass("%s is switched on, as its settings say.", name)
	} else if errors.Is(err, errNotAllowed) {
		return warn("sudo "+p.command("doctor")+" looks closer; "+p.command("firewall")+" prints rules for this place.", "No firewall was seen, but only root may look closely.")
	}
	return warn(p.command("firewall")+" prints rules for this place.", "No firewall was seen that turns away what is not let in.")
}

// filters reads nft's ruleset or iptables' rules: incoming packets meet a policy or a last rule that drops or rejects them.
func filters(text string) bool {
	input := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "-P INPUT DROP"), strings.HasPrefix(line, "-A INPUT -j DROP"), strings.HasPrefix(line, "-A INPUT -j REJECT"), strings.HasPrefix(line, "-A INPUT -j ufw-"):
			return true
		case strings.Contains(line, "hook input"):
			input = true
			if strings.Contains(line, "policy drop") {
				return true
			}
		case input && (line == "drop" || line == "reject" || strings.HasPrefix(line, "counter") && (strings.HasSuffix(line, " drop") || strings.HasSuffix(line, " reject"))):
			return true
		case line == "}":
			input = false
		}
	}
	return false
}

// configuredFilter names the firewall that the settings of this system switch on.
func (m Machine) configuredFilter() string {
	if text, err := m.read("etc/ufw/ufw.conf"); err == nil && strings.Contains("\n"+text, "\nENABLED=yes") {
		return "ufw"
	}
	if text, err := m.read("etc/nftables.conf"); err == nil && filters(text) {
		if _, on := os.Lstat(filepath.Join(m.Root, "etc/systemd/system/sysinit.target.wants/nftables.service")); on == nil {
			return "nftables"
		}
	}
	if _, on := os.Lstat(filepath.Join(m.Root, "etc/systemd/system/multi-user.target.wants/firewalld.service")); on == nil {
		return "firewalld"
	}
	return ""
}
