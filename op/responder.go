package op

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/idp"
)

// Responder brings authorization responses to clients, each with its issuer
// (RFC 9207), and signed where the client asked for that (JARM). It needs no
// Provider, for the login room ends there too.
type Responder struct {
	publicURL string
	keys      Keys
	clock     func() time.Time
}

// NewResponder makes a Responder for the instance at an origin.
func NewResponder(publicURL string, keys Keys, clock func() time.Time) *Responder {
	return &Responder{publicURL: publicURL, keys: keys, clock: clock}
}

// Code answers with an authorization code (RFC 6749 §4.1.2). An error is one of
// signing, and nothing has been written then.
func (s *Responder) Code(w http.ResponseWriter, r *http.Request, req idp.AuthRequest, code string) error {
	return s.answer(w, r, req, url.Values{"code": {code}})
}

// Error answers with an error (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
// It fails as Code does.
func (s *Responder) Error(w http.ResponseWriter, r *http.Request, req idp.AuthRequest, code, description string) error {
	answer := url.Values{"error": {code}}
	if description != "" {
		answer.Set("error_description", description)
	}
	return s.answer(w, r, req, answer)
}

func (s *Responder) answer(w http.ResponseWriter, r *http.Request, req idp.AuthRequest, answer url.Values) error {
	answer.Set("iss", idp.TenantOf(r.Context()).Issuer(s.publicURL))
	if req.State != "" {
		answer.Set("state", req.State)
	}
	mode, signed := strings.CutSuffix(req.ResponseMode, modeSigned)
	if signed {
		response, err := s.sign(r.Context(), req, answer)
		if err != nil {
			return err
		}
		answer = url.Values{"response": {response}}
	}
	switch mode {
	case modeFormPost:
		writeFormPost(w, req.RedirectURI, answer)
	case modeFragment:
		seeOther(w, req.RedirectURI+"#"+answer.Encode())
	default:
		seeOther(w, withQuery(req.RedirectURI, answer))
	}
	return nil
}

const (
	typeResponse = "oauth-authz-resp+jwt"
	// responseLife is how long a signed answer may be on its way (JARM §2.1: ten
	// minutes at most).
	responseLife = 5 * time.Minute
)

// sign makes an answer a JWT for the client (JARM §2.1). Its type keeps it from
// passing for an ID token.
func (s *Responder) sign(ctx context.Context, req idp.AuthRequest, answer url.Values) (string, error) {
	claims := map[string]any{"aud": req.ClientID, "exp": s.clock().Add(responseLife).Unix()}
	for name := range answer {
		claims[name] = answer.Get(name)
	}
	response, err := sign(ctx, s.keys, idp.TenantOf(ctx).ID, req.ResponseAlg, typeResponse, claims)
	if err != nil {
		return "", fmt.Errorf("authorization response: %w", err)
	}
	return response, nil
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
