package edge

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
)

// Unheeded tells the operator, once, of a proxy whose headers do not count for
// it is not trusted: everybody behind it would share one address and its limits,
// and hosts would be unknown.
type Unheeded struct {
	Trusted Proxies
	Log     *slog.Logger
	told    atomic.Bool
}

// Watch is the middleware.
func (u *Unheeded) Watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !forwarded(r.Header) || u.told.Load() {
			next.ServeHTTP(w, r)
			return
		}
		if peer := peerOf(r); u.looksLikeProxy(peer) && u.told.CompareAndSwap(false, true) {
			u.Log.WarnContext(r.Context(), "a proxy's X-Forwarded headers are not heeded, for it is not trusted: "+
				"if it is yours, name it with --trusted-proxy, else everybody behind it counts as one",
				"proxy", peer.String(), "flag", "--trusted-proxy "+network(peer))
		}
		next.ServeHTTP(w, r)
	})
}

func forwarded(h http.Header) bool {
	return h["X-Forwarded-For"] != nil || h["X-Forwarded-Host"] != nil
}

// looksLikeProxy tells a peer that an operator may have forgotten: any where
// nobody is trusted, else one that is near. Whoever else sends the headers from
// afar is nobody's proxy.
func (u *Unheeded) looksLikeProxy(peer netip.Addr) bool {
	return !u.Trusted.trust(peer) && (len(u.Trusted) == 0 || peer.IsPrivate() || peer.IsLoopback())
}

func network(peer netip.Addr) string {
	if !peer.IsValid() {
		return "CIDR"
	}
	return netip.PrefixFrom(peer, peer.BitLen()).String()
}
