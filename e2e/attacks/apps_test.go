package attacks_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// registerApp has an app register itself, and takes what it is given; another
// gets opaque tokens, a third proves itself by its key.
func (h *held) registerApp(t *testing.T) {
	t.Helper()
	var initial struct {
		Token string `json:"initial_access_token"`
	}
	decode(t, h.home.server.Run(t, "client", "token", "--tenant", h.home.Slug, "--uses", "2"), &initial)
	h.add("initial access token", initial.Token, func(a *attempt, _ tenant, v string) {
		a.header = map[string]string{"Authorization": "Bearer " + v, "Content-Type": "application/json"}
		a.body = `{"redirect_uris":["` + callback + `"]}`
	})
	h.addRegistered(t, initial.Token)
	h.addOpaque(t)
	h.addAssertion(t)
	h.addPushed(t)
	h.askDevice(t)
}

// pushedURI is what the names of pushed requests begin with (RFC 9126).
const pushedURI = "urn:ietf:params:oauth:request_uri:"

// addPushed is the name of a request that the app has pushed: good for a minute
// and a half, so there is a fresh one each time.
func (h *held) addPushed(t *testing.T) {
	t.Helper()
	push := func() string {
		_, body := h.home.do(t, attempt{method: http.MethodPost, path: "/par", values: appValues(h.home.app, authorizeValues(h.home.app))})
		var pushed struct {
			URI string `json:"request_uri"`
		}
		decode(t, []byte(body), &pushed)
		return strings.TrimPrefix(pushed.URI, pushedURI)
	}
	h.addNew("pushed request", push, func(a *attempt, to tenant, v string) {
		a.values = url.Values{"client_id": {to.app.ID}, "request_uri": {pushedURI + v}}
	})
}

// addRegistered is what an app that registered itself has. Other tenants have a
// client of its id, too.
func (h *held) addRegistered(t *testing.T, initial string) {
	t.Helper()
	var registered struct {
		ID    string `json:"client_id"`
		Token string `json:"registration_access_token"`
	}
	_, body := h.home.do(t, attempt{
		method: http.MethodPost, path: "/register", body: `{"redirect_uris":["` + callback + `"]}`,
		header: map[string]string{"Authorization": "Bearer " + initial, "Content-Type": "application/json"},
	})
	decode(t, []byte(body), &registered)
	h.add("registration token", registered.Token, func(a *attempt, _ tenant, v string) {
		a.client = registered.ID
		a.header = map[string]string{"Authorization": "Bearer " + v, "Content-Type": "application/json"}
		a.body = `{"client_id":"` + registered.ID + `","redirect_uris":["https://evil.example/callback"]}`
		if a.method == http.MethodPost {
			a.body = "" // nobody reads it
		}
	})
	h.registered = registered.ID
}

// addOpaque is an access token that only its issuer can read.
func (h *held) addOpaque(t *testing.T) {
	t.Helper()
	sealed := h.home.newApp(t, h.home.app.ID+"-opaque", "--opaque")
	ask, verifier := h.home.ask(sealed, nil)
	tokens := h.home.redeemAs(t, sealed, h.browser.Get(ask).URL.Query().Get("code"), verifier)
	h.add("opaque token", tokens["access_token"], bearer)
}

// addAssertion is a proof that the app made for its tenant: each counts once.
func (h *held) addAssertion(t *testing.T) {
	t.Helper()
	h.addNew("client assertion", func() string { return assertion(t, h.home) }, func(a *attempt, _ tenant, v string) {
		a.values = url.Values{
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {v},
			"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "token": {"x"},
		}
	})
}

// signingKey is that of every tenant's signer: only whom an assertion is for
// tells them apart.
var signingKey = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// newSigner registers an app that proves itself by that key.
func (to tenant) newSigner(t *testing.T, id string) app {
	t.Helper()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: signingKey.Public(), Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	return to.newApp(t, id, "--auth-method", "private_key_jwt", "--jwks-file", file)
}

// assertion proves a tenant's signer to that tenant.
func assertion(t *testing.T, of tenant) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: signingKey}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": of.signer.ID, "sub": of.signer.ID, "aud": of.base, "jti": strings.ToLower(rand.Text()), "exp": time.Now().Add(time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
