package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/go-chi/chi/v5/middleware"
)

// The headers that a proxy can tell the client's address in; one of them is configured, never "whichever is there" (SECURITY.md T14).
const (
	forwardedFor = "x-forwarded-for"  // read from right to left past trusted proxies
	cloudflare   = "cf-connecting-ip" // one address, which Cloudflare overwrites
)

// clientAddress finds out who a request comes from. The header counts only when the connection itself is a trusted proxy's; one that cannot be
// read leaves the address unknown. Without the header it is who connected: this machine is trusted, and somebody on it may well have no proxy between.
func clientAddress(o Options) func(http.Handler) http.Handler {
	if len(o.TrustedProxies) == 0 {
		return middleware.ClientIPFromRemoteAddr
	}
	header, told := forwardedFor, middleware.ClientIPFromXFF(o.TrustedProxies...)
	if strings.EqualFold(o.IPHeader, cloudflare) {
		header, told = cloudflare, middleware.ClientIPFromHeader(cloudflare, o.TrustedProxies...)
	}
	return func(next http.Handler) http.Handler {
		byHeader, byConnection := told(next), middleware.ClientIPFromRemoteAddr(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.Header.Values(header)) > 0 {
				byHeader.ServeHTTP(w, r)
				return
			}
			byConnection.ServeHTTP(w, r)
		})
	}
}

// address is who a request is counted against. The zero prefix stands for everyone whose address a trusted proxy left out.
func address(r *http.Request) netip.Prefix { return network(middleware.GetClientIPAddr(r.Context())) }

// network is what one customer of a provider has: an IPv4 address or an IPv6 /64.
func network(ip netip.Addr) netip.Prefix {
	if !ip.IsValid() {
		return netip.Prefix{}
	}
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, _ := ip.WithZone("").Prefix(bits)
	return prefix
}

func prefixes(texts []string) (all []netip.Prefix, err error) {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy: %w", err)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}
