package attacks_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"postern/e2e/harness"
)

// credential is something that one tenant gave out.
type credential struct {
	name string
	// value is the same each time, except where each counts once.
	value func() string
	// put writes a value into a request wherever an endpoint reads one; to is the
	// tenant that is asked.
	put func(a *attempt, to tenant, value string)
}

// held is all that a person and an app have of their tenant.
type held struct {
	home        tenant
	address     string
	subject     string
	credentials []credential
	// browser is where the person is signed in, with these cookies.
	browser  *harness.Browser
	signedIn map[string]string
	// registered is the id of an app that registered itself.
	registered string
}

// collect signs a person in, leaves logins, consents and sign-outs of theirs
// half way, and has the tenant's apps take what they can get.
func collect(t *testing.T, home tenant) *held {
	t.Helper()
	h := &held{home: home, address: newAddress(), browser: browse(t)}
	h.signIn(t)
	h.askAgain(t)
	h.startLogin(t)
	h.stopBeforeTheEnd(t)
	h.startLogout(t)
	h.startConsent(t)
	h.openAccount(t)
	h.registerApp(t)
	return h
}

func (h *held) add(name, value string, put func(*attempt, tenant, string)) {
	h.addNew(name, func() string { return value }, put)
}

func (h *held) addNew(name string, value func() string, put func(*attempt, tenant, string)) {
	h.credentials = append(h.credentials, credential{name, value, put})
}

// at is a request to an endpoint with a value of this credential.
func (c credential) at(to tenant, method, path, value string) attempt {
	a := attempt{method: method, path: path, client: to.app.ID}
	c.put(&a, to, value)
	a.path = strings.NewReplacer("{client}", a.client, "*", "x").Replace(a.path)
	return a
}

func authorizeValues(c app) url.Values {
	return url.Values{"client_id": {c.ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"}}
}

func appValues(c app, values url.Values) url.Values {
	values.Set("client_id", c.ID)
	values.Set("client_secret", c.Secret)
	return values
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// noise is a text of the same shape: each part between dots is another.
func noise(value string) string {
	parts := strings.Split(value, ".")
	last := len(parts) - 1
	for i := range parts {
		if i == last || len(parts) != 3 { // a JWT keeps its header and claims
			// The last letter of a base64 text has bits that must be zero.
			end := max(len(parts[i])-1, 0)
			parts[i] = strings.Map(turn, parts[i][:end]) + parts[i][end:]
		}
	}
	return strings.Join(parts, ".")
}

// turn keeps digits and marks, so that an id stays one.
func turn(r rune) rune {
	switch {
	case r >= 'a' && r < 'z', r >= 'A' && r < 'Z':
		return r + 1
	case r == 'z':
		return 'a'
	case r == 'Z':
		return 'A'
	default:
		return r
	}
}

func submit(t *testing.T, b *harness.Browser, p *harness.Page, action string, typed url.Values) *harness.Page {
	t.Helper()
	form := p.FormTo(t, action)
	for i, button := range form.Buttons {
		if button.Value != "cancel" {
			return b.Submit(p, form, &form.Buttons[i], typed)
		}
	}
	return b.Submit(p, form, nil, typed)
}

func cookiesOf(b *harness.Browser, of tenant) map[string]string {
	found := map[string]string{}
	for _, c := range b.Cookies(of.base) {
		if kind, ok := strings.CutPrefix(strings.TrimSuffix(c.Name, "-"+of.ID), "postern-"); ok {
			found[kind] = c.Value
		}
	}
	return found
}

// ask is an authorization request with its secret.
func (to tenant) ask(c app, more url.Values) (address, verifier string) {
	verifier = oauth2.GenerateVerifier()
	values := authorizeValues(c)
	values.Set("scope", "openid email offline_access")
	values.Set("code_challenge", oauth2.S256ChallengeFromVerifier(verifier))
	values.Set("code_challenge_method", "S256")
	for name := range more {
		values.Set(name, more.Get(name))
	}
	return to.base + "/authorize?" + values.Encode(), verifier
}

func redeem(t *testing.T, at tenant, code, verifier string) map[string]string {
	t.Helper()
	return at.redeemAs(t, at.app, code, verifier)
}

func (to tenant) redeemAs(t *testing.T, c app, code, verifier string) map[string]string {
	t.Helper()
	_, body := to.send(t, attempt{method: http.MethodPost, path: "/token", values: appValues(c, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
	})})
	var all map[string]any
	decode(t, []byte(strings.TrimSpace(body)), &all)
	tokens := map[string]string{}
	for name, value := range all {
		tokens[name], _ = value.(string)
	}
	if tokens["id_token"] == "" {
		t.Fatalf("no tokens: %s", body)
	}
	return tokens
}

func subjectOf(t *testing.T, idToken string) string {
	t.Helper()
	return claimsOf(t, idToken).Sub
}

// claims are those that tests read: whom a token is about, and in which session.
type claims struct{ Sub, SID string }

func claimsOf(t *testing.T, token string) (c claims) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	decode(t, raw, &c)
	return c
}
