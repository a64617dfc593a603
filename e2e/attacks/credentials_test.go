package attacks_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"postern/e2e/harness"
)

// credential is something that one tenant gave out.
type credential struct {
	name, value string
	// put writes a value into a request wherever an endpoint reads one; the app is
	// the one of the tenant that is asked.
	put func(a *attempt, app app, value string)
}

// held is all that a person and an app have of their tenant.
type held struct {
	address, subject string
	credentials      []credential
}

// collect signs a person in and leaves a second login of theirs waiting.
func collect(t *testing.T, home tenant) held {
	t.Helper()
	b, address := browse(t), strings.ToLower(rand.Text())+"@example.com"
	verifier := oauth2.GenerateVerifier()
	ask := home.base + "/authorize?" + url.Values{
		"client_id": {home.app.ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email offline_access"},
		"state": {"s"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}.Encode()
	submit(t, b, b.Get(ask), "/auth/login", url.Values{"email": {address}})
	done := submit(t, b, b.Get(server.WaitMail(t, address, 1).Link), "/auth/verify", nil)
	tokens := redeem(t, home, done.URL.Query().Get("code"), verifier)
	code := b.Get(ask).URL.Query().Get("code") // by the session, unspent
	signedIn := cookiesOf(b, home)

	second := browse(t)
	page := second.Get(ask)
	sealed := page.URL.Query().Get("request")
	pending := submit(t, second, page, "/auth/login", url.Values{"email": {address}})
	form := pending.FormTo(t, "/auth/code")
	flow, _ := form.Field("flow")
	formToken, _ := form.Field("form_token")
	link := server.WaitMail(t, address, 2).Link
	relay := browse(t).Get(link).Text("relay-code")
	waits := cookiesOf(second, home)
	h := held{address: address, subject: subjectOf(t, tokens["id_token"])}
	own := func(values url.Values) url.Values { values.Set("flow", flow.Value); return values }
	h.add("session cookie", signedIn["session"], func(a *attempt, app app, v string) {
		a.cookies = map[string]string{"session": v, "browser": signedIn["browser"]}
		a.values = authorizeValues(app)
		a.values.Set("prompt", "none")
	})
	h.add("browser cookie", waits["browser"], func(a *attempt, _ app, v string) {
		a.cookies, a.values = map[string]string{"browser": v}, own(url.Values{"form_token": {formToken.Value}})
	})
	h.add("sealed request", sealed, func(a *attempt, _ app, v string) { a.values = url.Values{"request": {v}} })
	h.add("link token", harness.MustURL(t, link).Query().Get("token"), func(a *attempt, _ app, v string) {
		a.cookies, a.values = waits, url.Values{"token": {v}}
	})
	h.add("form token", formToken.Value, func(a *attempt, _ app, v string) {
		a.cookies, a.values = waits, own(url.Values{"form_token": {v}, "code": {"AAAA-AAAA"}})
	})
	h.add("access token", tokens["access_token"], func(a *attempt, app app, v string) {
		a.values = url.Values{"token": {v}}
		a.header = map[string]string{"Authorization": "Bearer " + v}
		if strings.HasSuffix(a.path, "/introspect") {
			a.header["Authorization"] = basic(app.ID, app.Secret)
		}
	})
	h.add("client secret", home.app.Secret, func(a *attempt, app app, v string) {
		a.values = url.Values{"token": {"x"}, "grant_type": {"client_credentials"}}
		a.header = map[string]string{"Authorization": basic(app.ID, v)}
	})
	h.add("authorization code", code, func(a *attempt, app app, v string) {
		a.values = appValues(app, url.Values{
			"grant_type": {"authorization_code"}, "code": {v}, "redirect_uri": {callback}, "code_verifier": {verifier},
		})
	})
	h.add("refresh token", tokens["refresh_token"], func(a *attempt, app app, v string) {
		a.values = appValues(app, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {v}, "token": {v}})
	})
	h.addRegistration(t, home)
	h.add("id token as hint", tokens["id_token"], func(a *attempt, _ app, v string) {
		a.cookies, a.values = signedIn, url.Values{"id_token_hint": {v}}
	})
	h.add("relay code", relay, func(a *attempt, _ app, v string) {
		a.cookies, a.values = waits, own(url.Values{"form_token": {formToken.Value}, "code": {v}})
	})
	return h
}

func (h *held) addRegistration(t *testing.T, home tenant) {
	t.Helper()
	var initial struct {
		Token string `json:"initial_access_token"`
	}
	decode(t, server.Run(t, "client", "token", "--tenant", home.Slug, "--uses", "1"), &initial)
	h.add("initial access token", initial.Token, func(a *attempt, _ app, v string) {
		a.header = map[string]string{"Authorization": "Bearer " + v, "Content-Type": "application/json"}
		a.body = `{"redirect_uris":["` + callback + `"]}`
	})
}

func (h *held) add(name, value string, put func(*attempt, app, string)) {
	h.credentials = append(h.credentials, credential{name, value, put})
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

func redeem(t *testing.T, at tenant, code, verifier string) map[string]string {
	t.Helper()
	_, body := at.send(t, attempt{method: http.MethodPost, path: "/token", values: appValues(at.app, url.Values{
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
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(idToken, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Sub string }
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Sub
}
