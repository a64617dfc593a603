package attacks_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/e2e/harness"
)

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	deviceGrant   = "urn:ietf:params:oauth:grant-type:device_code"
	accessType    = "urn:ietf:params:oauth:token-type:access_token"
	// behind is an API behind the app of every tenant.
	behind = "https://behind.example"
)

// exchanges lets an app sign in devices, and exchange its own tokens.
var exchanges = []string{
	"--grant", "authorization_code", "--grant", "refresh_token", "--grant", deviceGrant, "--grant", exchangeGrant, "--exchange-for", behind,
}

// exchange are the values that exchange a token for one for the API behind.
func exchange(token string) url.Values {
	return url.Values{"grant_type": {exchangeGrant}, "subject_token": {token}, "subject_token_type": {accessType}, "resource": {behind}}
}

// prover proves a key to whoever asks (RFC 9449).
type prover struct {
	key harness.ProofKey
	// said is what tenants have told of themselves.
	said map[string]told
}

type told struct{ issuer, nonce string }

func newProver(t *testing.T) *prover {
	t.Helper()
	return &prover{key: harness.NewProofKey(t), said: map[string]told{}}
}

// prove makes a proof for a request to a tenant, with a token if there is one.
func (p *prover) prove(t *testing.T, to tenant, method, path, token string) string {
	t.Helper()
	knows := p.told(t, to)
	return p.key.Prove(method, knows.issuer+path, knows.nonce, token)
}

// told gives a tenant's issuer, and a nonce of it that is good for two minutes
// at least.
func (p *prover) told(t *testing.T, to tenant) told {
	t.Helper()
	at := to.base + " " + to.host
	if knows, ok := p.said[at]; ok {
		return knows
	}
	var described struct{ Issuer string }
	_, body := to.do(t, attempt{method: http.MethodGet, path: "/.well-known/openid-configuration"})
	decode(t, []byte(body), &described)
	a, _ := to.do(t, attempt{method: http.MethodPost, path: "/token", header: map[string]string{"DPoP": p.key.Prove(http.MethodPost, described.Issuer+"/token", "", "")}})
	if a.Header.Get("DPoP-Nonce") == "" {
		t.Fatalf("no nonce of %s", to.base)
	}
	p.said[at] = told{described.Issuer, a.Header.Get("DPoP-Nonce")}
	return p.said[at]
}

// addBound is an access token that is its key's, presented by a proof of it, and
// tokens as what is exchanged, bound and not.
func (h *held) addBound(t *testing.T, access string) {
	t.Helper()
	h.add("subject token", access, func(a *attempt, to tenant, v string) { a.values = appValues(to.app, exchange(v)) })
	p := newProver(t)
	ask, verifier := h.home.ask(h.home.app, nil)
	values := appValues(h.home.app, url.Values{
		"grant_type": {"authorization_code"}, "code": {h.browser.Get(ask).URL.Query().Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier},
	})
	_, body := h.home.do(t, attempt{
		method: http.MethodPost, path: "/token", values: values, header: map[string]string{"DPoP": p.prove(t, h.home, http.MethodPost, "/token", "")},
	})
	var got struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	if decode(t, []byte(body), &got); got.Type != "DPoP" {
		t.Fatalf("no bound token: %s", body)
	}
	h.add("bound access token", got.Token, func(a *attempt, to tenant, v string) {
		switch {
		case strings.HasSuffix(a.path, "/introspect"):
			bearer(a, to, v)
		case strings.HasSuffix(a.path, "/token"):
			a.values = appValues(to.app, exchange(v))
			a.header = map[string]string{"DPoP": p.prove(t, to, a.method, "/token", "")}
		default:
			a.header = map[string]string{"Authorization": "DPoP " + v, "DPoP": p.prove(t, to, a.method, a.path, v)}
		}
	})
}

// askDevice leaves a device waiting for its person.
func (h *held) askDevice(t *testing.T) {
	t.Helper()
	ask := func() (d struct {
		Code string `json:"device_code"`
		User string `json:"user_code"`
	},
	) {
		_, body := h.home.do(t, attempt{method: http.MethodPost, path: "/device_authorization", values: appValues(h.home.app, url.Values{"scope": {"openid"}})})
		decode(t, []byte(body), &d)
		return d
	}
	h.add("device code", ask().Code, func(a *attempt, to tenant, v string) {
		a.values = appValues(to.app, url.Values{"grant_type": {deviceGrant}, "device_code": {v}})
	})
	form := h.browser.Get(h.home.base+"/auth/device").FormTo(t, "/auth/device").Values(nil, nil)
	user := ask().User
	for noise(user) == user { // its letters are what noise changes
		user = ask().User
	}
	h.add("user code", user, func(a *attempt, _ tenant, v string) { a.cookies, a.values = h.signedIn, changed(form, "code", v) })
}
