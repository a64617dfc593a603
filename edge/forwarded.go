package edge

import (
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks whose forwarding headers count. The zero value trusts none.
type Proxies []netip.Prefix

// Resolve finds out who sent the request and to which host, and puts both into
// its record. Headers count only while the hop that sent them is trusted: the
// client is the rightmost address of X-Forwarded-For that is not a proxy of
// ours, so whatever a client wrote further left changes nothing.
func (p Proxies) Resolve(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec, r := recorded(r)
		peer := peerOf(r)
		rec.client, rec.host = peer, r.Host
		if p.trust(peer) {
			rec.client = p.client(peer, r.Header.Values("X-Forwarded-For"))
			if forwarded := lastValue(r.Header.Values("X-Forwarded-Host")); forwarded != "" {
				rec.host = forwarded
			}
		}
		next.ServeHTTP(w, r)
	})
}

func peerOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a unix socket's peer has no address
	}
	return peer.Addr().Unmap().WithZone("")
}

// Trusts tells whether a request comes from a trusted proxy.
func (p Proxies) Trusts(r *http.Request) bool { return p.trust(peerOf(r)) }

func (p Proxies) trust(a netip.Addr) bool {
	for _, prefix := range p {
		if a.IsValid() && prefix.Contains(a) {
			return true
		}
	}
	return false
}

func (p Proxies) client(peer netip.Addr, headers []string) netip.Addr {
	hops := strings.Split(strings.Join(headers, ","), ",")
	client := peer
	for i := len(hops) - 1; i >= 0 && p.trust(client); i-- {
		hop, err := parseHop(hops[i])
		if err != nil {
			return client // the last address that somebody trusted vouched for
		}
		client = hop
	}
	return client
}

// parseHop takes an address, with a port or brackets as some proxies write them.
func parseHop(text string) (netip.Addr, error) {
	text = strings.TrimSpace(text)
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone(""), nil
	}
	hop, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return hop.Unmap().WithZone(""), err
}

func lastValue(headers []string) string {
	if len(headers) == 0 {
		return ""
	}
	values := strings.Split(headers[len(headers)-1], ",")
	return strings.TrimSpace(values[len(values)-1])
}
