package main

import (
	"cmp"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// errProof is wrapped by all that is wrong with a proof.
var errProof = errors.New("DPoP proof")

// proofAge is how old a proof may be, or how far ahead a caller's clock.
const proofAge = time.Minute

// prove checks that whoever sent the request holds the key (RFC 9449 §4.3): the
// proof is signed with it, for this request, for this token, now, and was not
// here before.
func (g *guard) prove(r *http.Request, token, thumbprint string) error {
	proofs := r.Header.Values("DPoP")
	if len(proofs) != 1 {
		return fmt.Errorf("%w: there are %d", errProof, len(proofs))
	}
	signed, err := jose.ParseSignedCompact(proofs[0], []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.PS256})
	if err != nil {
		return fmt.Errorf("%w: %w", errProof, err)
	}
	header := signed.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != "dpop+jwt" || header.JSONWebKey == nil {
		return fmt.Errorf("%w: not its type, or without its key", errProof)
	}
	key, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
	if err != nil || base64.RawURLEncoding.EncodeToString(key) != thumbprint {
		return fmt.Errorf("%w: by another key than the token's", errProof)
	}
	payload, err := signed.Verify(header.JSONWebKey)
	if err != nil {
		return fmt.Errorf("%w: %w", errProof, err)
	}
	return g.fits(r, token, payload)
}

func (g *guard) fits(r *http.Request, token string, payload []byte) error {
	var p struct {
		ID        string  `json:"jti"`
		Method    string  `json:"htm"`
		URL       string  `json:"htu"`
		IssuedAt  float64 `json:"iat"`
		TokenHash string  `json:"ath"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return fmt.Errorf("%w: %w", errProof, err)
	}
	hash := sha256.Sum256([]byte(token))
	now := time.Now()
	age := now.Sub(time.Unix(int64(p.IssuedAt), 0))
	switch {
	case p.Method != r.Method || !same(p.URL, g.url+r.URL.Path):
		return fmt.Errorf("%w: for another request", errProof)
	case p.TokenHash != base64.RawURLEncoding.EncodeToString(hash[:]):
		return fmt.Errorf("%w: for another token", errProof)
	case age > proofAge || age < -proofAge:
		return fmt.Errorf("%w: too old, or of the future", errProof)
	case p.ID == "" || !g.first(p.ID, now):
		return fmt.Errorf("%w: without an id, or seen before", errProof)
	}
	return nil
}

// same compares URLs without their queries, in whatever way they are written
// (RFC 3986 §6.2).
func same(one, other string) bool {
	a, err := url.Parse(one)
	if err != nil {
		return false
	}
	b, err := url.Parse(other)
	return err == nil && strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) &&
		port(a) == port(b) && a.EscapedPath() == b.EscapedPath()
}

func port(u *url.URL) string {
	usual := map[string]string{"http": "80", "https": "443"}
	return cmp.Or(u.Port(), usual[strings.ToLower(u.Scheme)])
}

// first notes a proof. One process remembers for itself: several of them would
// share this, in Redis say.
func (g *guard) first(id string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for old, until := range g.seen {
		if now.After(until) {
			delete(g.seen, old)
		}
	}
	if _, there := g.seen[id]; there {
		return false
	}
	g.seen[id] = now.Add(2 * proofAge)
	return true
}
