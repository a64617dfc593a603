package attacks_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// signer is a client's own key.
type signer struct{ key *ecdsa.PrivateKey }

func newSigner(t *testing.T) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{key}
}

func (s *signer) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.Public(), KeyID: "one", Algorithm: "ES256"}
}

// sign makes a compact JWS of claims, with headers of the test's own.
func (s *signer) sign(t *testing.T, claims, header map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return s.signRaw(t, raw, header)
}

func (s *signer) signRaw(t *testing.T, claims []byte, header map[string]any) string {
	t.Helper()
	return compact(t, jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, claims, header)
}

func compact(t *testing.T, key jose.SigningKey, claims []byte, header map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	for name, value := range header {
		options.ExtraHeaders[jose.HeaderKey(name)] = value
	}
	made, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := made.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// hmacWith signs by HMAC under a public key, which a verifier that goes by the
// header alone would take for the secret.
func hmacWith(t *testing.T, claims []byte, s *signer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return hmacKey(t, claims, der)
}

func hmacKey(t *testing.T, claims, key []byte) string {
	t.Helper()
	if len(key) == 0 {
		key = make([]byte, 32)
	}
	return compact(t, jose.SigningKey{Algorithm: jose.HS256, Key: key}, claims, nil)
}

// signing makes an app that proves itself by a signer's key.
func (w *world) signing(t *testing.T, s *signer) client {
	t.Helper()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.public()}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	return w.demo(t, "--auth-method", "private_key_jwt", "--jwks-file", file)
}

// assertionClaims are those of a client's assertion that is good for a minute.
func assertionClaims(c client, jti string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": c.ID, "sub": c.ID, "aud": c.tenant.base, "jti": jti + rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
}

// with changes claims.
func with(claims map[string]any, name string, value any) map[string]any {
	changed := maps.Clone(claims)
	changed[name] = value
	return changed
}

// assert asks for a token's introspection by an assertion, which needs no grant.
func (c client) assert(t *testing.T, replica int, assertion string) (int, string) {
	t.Helper()
	got, body := c.tenant.send(t, attempt{method: http.MethodPost, path: "/introspect", header: at(replica), values: url.Values{
		"token": {"x"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}})
	return got.Status, body
}

// Threat 29: an assertion that was seen once, at the other process, is worth
// nothing there.
func TestAnAssertionReplayedAtAnotherProcessIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := newSigner(t)
		c := w.signing(t, s)
		for range 3 {
			assertion := s.sign(t, assertionClaims(c, "once"), nil)
			statuses := map[int]int{}
			for replica := range 4 {
				status, _ := c.assert(t, replica%2, assertion)
				statuses[status]++
			}
			if statuses[http.StatusOK] != 1 || statuses[http.StatusUnauthorized] != 3 {
				t.Errorf("of four sendings: %v", statuses)
			}
		}
		claims := assertionClaims(c, "bad")
		past := time.Now().Add(-2 * time.Minute).Unix()
		for name, bad := range map[string]map[string]any{
			"no jti":            with(claims, "jti", ""),
			"another audience":  with(claims, "aud", "https://evil.example"),
			"a tenant beside":   with(claims, "aud", c.tenant.base+"x"),
			"expired":           with(claims, "exp", past),
			"good for a day":    with(claims, "exp", time.Now().Add(24*time.Hour).Unix()),
			"of the future":     with(claims, "nbf", time.Now().Add(5*time.Minute).Unix()),
			"for another":       with(claims, "sub", "another"),
			"by another":        with(claims, "iss", "another"),
			"without an end":    with(claims, "exp", nil),
			"issued later":      with(claims, "iat", time.Now().Add(5*time.Minute).Unix()),
			"an endless string": with(claims, "jti", string(make([]byte, 600))),
		} {
			if status, body := c.assert(t, -1, s.sign(t, bad, nil)); status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
	})
}
