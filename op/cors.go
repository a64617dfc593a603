package op

import (
	"net/http"
	"strings"

	"postern/idp"
)

// preflight answers for any origin of the tenant's clients, for it does not say
// which of them will call (Fetch §3.3).
func (p *Provider) preflight(w http.ResponseWriter, r *http.Request, methods []string) {
	header := w.Header()
	p.allowOrigin(w, r, nil)
	header.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	if header.Get("Access-Control-Allow-Origin") != "" {
		header.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
		header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
		header.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
}

// allowOrigin lets a page read the answer: one of the client's origins, or,
// while no client is known and the answer is an error, one of the tenant's.
// Credentials are never allowed: no cookie counts at these endpoints.
func (p *Provider) allowOrigin(w http.ResponseWriter, r *http.Request, client *idp.Client) {
	header := w.Header()
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || origin == "null" || len(origin) > 512 {
		return
	}
	if client != nil && !client.AllowsOrigin(origin) {
		return
	}
	if client == nil {
		allowed, err := p.store.OriginAllowed(r.Context(), idp.TenantOf(r.Context()).ID, origin)
		if err != nil {
			p.log.WarnContext(r.Context(), "origin lookup failed", "error", err)
		}
		if err != nil || !allowed {
			return
		}
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce")
}
