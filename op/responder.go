package op

import (
	"net/http"
	"net/url"
	"strings"

	"postern/idp"
)

// Responder brings authorization responses to clients, each with its issuer
// (RFC 9207). It needs no Provider, for the login room ends there too.
type Responder struct{ publicURL string }

// NewResponder makes a Responder for the instance at an origin.
func NewResponder(publicURL string) *Responder { return &Responder{publicURL: publicURL} }

// Code answers with an authorization code (RFC 6749 §4.1.2).
func (s *Responder) Code(w http.ResponseWriter, r *http.Request, req idp.AuthRequest, code string) {
	s.answer(w, r, req, url.Values{"code": {code}})
}

// Error answers with an error (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
func (s *Responder) Error(w http.ResponseWriter, r *http.Request, req idp.AuthRequest, code, description string) {
	answer := url.Values{"error": {code}}
	if description != "" {
		answer.Set("error_description", description)
	}
	s.answer(w, r, req, answer)
}

func (s *Responder) answer(w http.ResponseWriter, r *http.Request, req idp.AuthRequest, answer url.Values) {
	answer.Set("iss", idp.TenantOf(r.Context()).Issuer(s.publicURL))
	if req.State != "" {
		answer.Set("state", req.State)
	}
	if req.ResponseMode == modeFormPost {
		writeFormPost(w, req.RedirectURI, answer)
		return
	}
	if req.ResponseMode == modeFragment {
		seeOther(w, req.RedirectURI+"#"+answer.Encode())
		return
	}
	seeOther(w, withQuery(req.RedirectURI, answer))
}

// withQuery adds parameters to a URI and leaves the rest of it as it was
// registered, byte for byte.
func withQuery(uri string, added url.Values) string {
	switch {
	case len(added) == 0:
		return uri
	case !strings.Contains(uri, "?"):
		return uri + "?" + added.Encode()
	case strings.HasSuffix(uri, "?"), strings.HasSuffix(uri, "&"):
		return uri + added.Encode()
	default:
		return uri + "&" + added.Encode()
	}
}

// seeOther redirects with 303, so that a POST becomes a GET, and leaves no
// trace: the target may hold a code.
func seeOther(w http.ResponseWriter, target string) {
	header := w.Header()
	header.Set("Location", target)
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}
