// Package edge is where a request enters: which tenant it is for, who really
// sent it, how large and slow it may be, and what the log says of it.
//
// The issuer comes from the tenant's row, never from a header; a header counts
// only from a configured proxy.
package edge

import (
	"context"
	"net/http"
	"net/netip"
)

// ClientIP is the network address of who sent the request: the peer, or the
// rightmost untrusted hop where the peer is a trusted proxy. IPv6-mapped
// addresses are unmapped.
func ClientIP(ctx context.Context) netip.Addr {
	if rec := recordOf(ctx); rec != nil {
		return rec.client
	}
	return netip.Addr{}
}

func hostOf(ctx context.Context) string {
	if rec := recordOf(ctx); rec != nil {
		return rec.host
	}
	return ""
}

// RequestID names the request in the log and on error pages.
func RequestID(ctx context.Context) string {
	if rec := recordOf(ctx); rec != nil {
		return rec.id
	}
	return ""
}

// FromHere tells whether a POST comes from a page of the given origin (scheme
// and host of the issuer): Sec-Fetch-Site is same-origin, or, where the browser
// sends none, Origin equals it. A page under no-referrer sends Origin: null even
// to its own origin, so Origin alone would refuse it.
func FromHere(r *http.Request, origin string) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return r.Header.Get("Origin") == origin
}
