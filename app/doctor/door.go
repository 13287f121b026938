package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

// senders are where the doctor's own requests come from, as the place counts them: addresses kept for documentation (RFC 5737), which no real client
// has. What is asked from there spends nobody's allowance; a burst from one does not hinder a question from another, nor the next examination.
type senders struct{ asks, bursts, guesses string }

func newSenders(now time.Time) senders {
	n := 1 + 3*(now.Unix()%80)
	at := func(i int64) string { return fmt.Sprintf("192.0.2.%d", n+i) }
	return senders{at(0), at(1), at(2)}
}

// loopbackOwn is where HTTP questions really come from on a machine with IPv4: all of 127.0.0.0/8 is this machine, so that even a place which
// believes no proxy counts them apart from its operator's own.
var loopbackOwn = net.IPv4(127, 83, 69, 67)

const maxReply = 1 << 20 // bytes of an answer that are looked at

// door is where the place is knocked at.
type door struct {
	client *http.Client
	base   string // scheme and host of the listener, "http://127.0.0.1:8080"
	host   string // the place's own name, for the Host header
}

// reply is an answer with its body.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// findDoor prepares p.door, or says in p.doorErr why there is none.
func (p *patient) findDoor(ctx context.Context) {
	if p.Handler != nil {
		p.door = &door{&http.Client{Transport: inside{p.Handler}}, "http://" + p.origin.Host, p.origin.Host}
		return
	}
	address, err := p.listenAddress()
	if err == nil {
		address, err = thisMachine(ctx, p.Machine, address)
	}
	if err != nil {
		p.doorErr = plain(err)
		return
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			d := net.Dialer{Timeout: 3 * time.Second}
			if strings.HasPrefix(to, "127.") {
				d.LocalAddr = &net.TCPAddr{IP: loopbackOwn}
			}
			return d.DialContext(ctx, network, to)
		},
		ResponseHeaderTimeout: 5 * time.Second, Proxy: nil, DisableCompression: true,
	}
	d := &door{&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, "http://" + address, p.origin.Host}
	if r, err := d.ask(ctx, "GET", "/api/health", p.from.asks, "", nil); err != nil || r.status != http.StatusOK {
		p.doorErr = "it does not answer at " + address
		return
	}
	p.door = d
	p.running = true // also where the system does not tell who holds the lock
}

// listenAddress is where the place serves plain HTTP.
func (p *patient) listenAddress() (string, error) {
	if p.secure() {
		return p.Config.Listen, nil
	}
	told, err := os.ReadFile(p.path(AddressFile))
	if err != nil {
		return "", errors.New("it has left no address")
	}
	_, host, ok := strings.Cut(strings.TrimSpace(string(told)), "http://")
	if !ok {
		return "", errors.New("the address it has left is none")
	}
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), "80")
	}
	return host, nil
}

// thisMachine makes an address to dial of one to listen on, and refuses every other machine's: the attack is for one's own place only.
func thisMachine(ctx context.Context, m Machine, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%q is not host:port", address)
	}
	if host == "" || host == "0.0.0.0" {
		return net.JoinHostPort("127.0.0.1", port), nil
	}
	if host == "::" {
		return net.JoinHostPort("::1", port), nil
	}
	found, err := m.Resolve(ctx, host)
	if err != nil || len(found) == 0 {
		return "", errors.New("its own address has no meaning on this machine")
	}
	own := ownAddresses()
	for _, a := range found {
		if a = a.Unmap().WithZone(""); !a.IsLoopback() && !own[a] {
			return "", errors.New("its address is another machine's, and only one's own place is attacked")
		}
	}
	for _, a := range found { // a name may have two; the place listens on the first that it could have
		if conn, err := m.Dial(ctx, "tcp", net.JoinHostPort(a.Unmap().String(), port)); err == nil {
			conn.Close()
			return net.JoinHostPort(a.Unmap().String(), port), nil
		}
	}
	return "", errors.New("nothing answers at its address")
}

func ownAddresses() map[netip.Addr]bool {
	own := map[netip.Addr]bool{}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return own
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own[p.Addr().Unmap()] = true
		}
	}
	return own
}

// ask sends one request that comes from the address from. An empty token sends none.
func (d *door) ask(ctx context.Context, method, path, from, token string, body []byte) (reply, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.base+path, content)
	if err != nil {
		return reply{}, err
	}
	req.Host = d.host
	req.Header.Set("User-Agent", "chatalot doctor")
	req.Header.Set("X-Forwarded-For", from)
	req.Header.Set("CF-Connecting-IP", from)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := d.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	return reply{res.StatusCode, res.Header, text}, err
}

// inside is a transport that calls a handler in this process. The request's sender is whom X-Forwarded-For names, so that no setting about
// proxies matters.
type inside struct{ handler http.Handler }

// RoundTrip answers one request.
func (t inside) RoundTrip(out *http.Request) (res *http.Response, err error) {
	in := out.Clone(out.Context())
	in.RequestURI = out.URL.RequestURI()
	in.RemoteAddr = net.JoinHostPort(out.Header.Get("X-Forwarded-For"), "1")
	in.Header.Del("X-Forwarded-For")
	in.Header.Del("CF-Connecting-IP")
	in.URL.Scheme, in.URL.Host = "", "" // as a server reads it
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &answer{header: http.Header{}}
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the answer was cut off: %v", fault)
		}
	}()
	t.handler.ServeHTTP(w, in)
	w.WriteHeader(http.StatusOK)
	return &http.Response{StatusCode: w.status, Header: w.sent, Body: io.NopCloser(&w.body), Request: out, ProtoMajor: 1, ProtoMinor: 1}, nil
}

// answer keeps what a handler writes.
type answer struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *answer) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter: only the first counts.
func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
	}
}

// Write implements http.ResponseWriter.
func (w *answer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
