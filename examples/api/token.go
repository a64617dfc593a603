package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// guard lets requests through that bring a good access token (RFC 9068 §4).
type guard struct {
	issuer    string
	audiences []string
	url       string
	keys      oidc.KeySet // fetched once, and again for a key that is not known

	mu   sync.Mutex
	seen map[string]time.Time // proofs, until they are too old anyway
}

// token are the claims of an access token that an API looks at.
type token struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope"`
	Expires  int64    `json:"exp"`
	Bound    struct {
		Key string `json:"jkt"`
	} `json:"cnf"`
}

// audience is one text or a list of them.
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

type tokenKey struct{}

func tokenOf(ctx context.Context) token {
	t, _ := ctx.Value(tokenKey{}).(token)
	return t
}

func (g *guard) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := g.check(r)
		if err == nil {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, t)))
			return
		}
		scheme, code := "Bearer", "invalid_token"
		if errors.Is(err, errProof) {
			scheme, code = `DPoP algs="ES256 EdDSA PS256"`, "invalid_dpop_proof"
		}
		w.Header().Set("WWW-Authenticate", scheme+` error="`+code+`"`)
		http.Error(w, code, http.StatusUnauthorized)
	})
}

// check gives the token if it is the issuer's, for this API, and alive, and if
// whoever sent it holds the key that it is bound to.
func (g *guard) check(r *http.Request) (token, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.PS256, jose.RS256})
	if err != nil {
		return token{}, err
	}
	// The type keeps an ID token from passing for an access token.
	if typ := signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]; typ != "at+jwt" {
		return token{}, fmt.Errorf("typ %v", typ)
	}
	payload, err := g.keys.VerifySignature(r.Context(), text)
	if err != nil {
		return token{}, err
	}
	var t token
	if err := json.Unmarshal(payload, &t); err != nil {
		return token{}, err
	}
	mine := slices.ContainsFunc(g.audiences, func(name string) bool { return slices.Contains(t.Audience, name) })
	bound := t.Bound.Key != ""
	switch {
	case t.Issuer != g.issuer || !mine || time.Now().Unix() >= t.Expires:
		return token{}, errors.New("not the issuer's, not for this API, or expired")
	case bound != strings.EqualFold(scheme, "DPoP"), !bound && !strings.EqualFold(scheme, "Bearer"):
		return token{}, errors.New("sent as a bearer's though it is bound to a key, or the reverse")
	case bound:
		return t, g.prove(r, text, t.Bound.Key)
	}
	return t, nil
}
