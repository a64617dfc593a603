package op

import (
	"net/http"
	"slices"
)

type handler func(w http.ResponseWriter, r *http.Request) error

// page serves an endpoint that a browser shows.
func (p *Provider) page(h handler, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := error(methodNotAllowed(methods))
		if slices.Contains(methods, r.Method) {
			err = h(w, r)
		}
		if err != nil {
			p.fail(w, r, err, p.writePage)
		}
	})
}

// public serves an endpoint that anyone may read from anywhere.
func (p *Provider) public(h handler) http.Handler {
	methods := []string{http.MethodGet, http.MethodHead}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		err := error(methodNotAllowed(methods))
		if slices.Contains(methods, r.Method) {
			err = h(w, r)
		}
		if err != nil {
			p.fail(w, r, err, writeJSON)
		}
	})
}

// call serves an endpoint that a client calls, from a browser too: the answer
// is held back until it is known whose it is, for only that client's origins
// may read it.
func (p *Provider) call(h handler, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			p.preflight(w, r, methods)
			return
		}
		ctx, c := withCall(r.Context())
		r = r.WithContext(ctx)
		err := error(methodNotAllowed(methods))
		held := newHeldResponse()
		if slices.Contains(methods, r.Method) {
			err = h(held, r)
		}
		p.allowOrigin(w, r, c.client)
		p.offerNonce(w, r)
		if err != nil {
			p.fail(w, r, err, writeJSON)
			return
		}
		held.release(w)
	})
}
