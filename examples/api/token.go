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
	scope     string // that callers' tokens must hold, if any
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

// errScope tells a token that is good but not for this.
var errScope = errors.New("without the scope that it takes")

func (g *guard) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := g.check(r)
		if err != nil {
			g.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, t)))
	})
}

// proofs are the challenge to callers that hold a key.
const proofs = `DPoP algs="ES256 EdDSA PS256"`

// refuse answers as RFC 6750 §3 has it: who sent no token is told only how to.
func (g *guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, code, challenge := http.StatusUnauthorized, "invalid_token", "Bearer"
	switch {
	case r.Header.Get("Authorization") == "":
		w.Header().Add("WWW-Authenticate", "Bearer")
		w.Header().Add("WWW-Authenticate", proofs)
		http.Error(w, "an access token is missing", status)
		return
	case errors.Is(err, errScope):
		status, code, challenge = http.StatusForbidden, "insufficient_scope", `Bearer scope="`+g.scope+`",`
	case errors.Is(err, errProof):
		code, challenge = "invalid_dpop_proof", proofs+","
	}
	w.Header().Set("WWW-Authenticate", challenge+` error="`+code+`"`)
	http.Error(w, code, status)
}

// check gives the token if it is the issuer's, for this API, and alive, if
// whoever sent it holds the key that it is bound to, and if it holds the scope.
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
		if err := g.prove(r, text, t.Bound.Key); err != nil {
			return token{}, err
		}
	}
	if g.scope != "" && !slices.Contains(strings.Fields(t.Scope), g.scope) {
		return token{}, errScope
	}
	return t, nil
}
