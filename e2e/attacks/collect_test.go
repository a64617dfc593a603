package attacks_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/e2e/harness"
)

func newAddress() string { return strings.ToLower(rand.Text()) + "@example.com" }

// signIn signs the person in and gives the app its tokens, and a code by the
// session that nobody redeems.
func (h *held) signIn(t *testing.T) {
	t.Helper()
	ask, verifier := h.home.ask(h.home.app, nil)
	submit(t, h.browser, h.browser.Get(ask), "/auth/login", url.Values{"email": {h.address}})
	link := h.home.server.WaitMail(t, h.address, 1).Link
	done := submit(t, h.browser, h.browser.Get(link), "/auth/verify", nil)
	tokens := redeem(t, h.home, done.URL.Query().Get("code"), verifier)
	h.signedIn, h.subject = cookiesOf(h.browser, h.home), subjectOf(t, tokens["id_token"])
	h.add("session cookie", h.signedIn["session"], func(a *attempt, to tenant, v string) {
		a.cookies = map[string]string{"session": v, "browser": h.signedIn["browser"]}
		a.values = authorizeValues(to.app)
		a.values.Set("prompt", "none")
	})
	h.add("known-browser cookie", h.signedIn["known"], func(a *attempt, to tenant, v string) {
		a.cookies = map[string]string{"known": v, "browser": to.guest.cookies["browser"]}
		a.values = url.Values{
			"request": to.guest.values["request"], "form_token": to.guest.values["form_token"], "email": {h.address},
		}
		a.then = func(location string) string { return to.nextMail(t, location, to.guest.cookies) }
	})
	h.add("id token as hint", tokens["id_token"], func(a *attempt, to tenant, v string) {
		a.cookies, a.values = h.signedIn, authorizeValues(to.app)
		a.values.Set("prompt", "none")
		a.values.Set("id_token_hint", v)
	})
	h.addTokens(t, ask, verifier, tokens)
}

// addTokens are what the app has; the code is one more, by the session.
func (h *held) addTokens(t *testing.T, ask, verifier string, tokens map[string]string) {
	t.Helper()
	h.add("access token", tokens["access_token"], bearer)
	h.addBound(t, tokens["access_token"])
	h.add("client secret", h.home.app.Secret, func(a *attempt, to tenant, v string) {
		a.values = url.Values{"token": {"x"}, "grant_type": {"client_credentials"}}
		a.header = map[string]string{"Authorization": basic(to.app.ID, v)}
	})
	h.add("authorization code", h.browser.Get(ask).URL.Query().Get("code"), func(a *attempt, to tenant, v string) {
		a.values = appValues(to.app, url.Values{
			"grant_type": {"authorization_code"}, "code": {v}, "redirect_uri": {callback}, "code_verifier": {verifier},
		})
	})
	h.add("refresh token", tokens["refresh_token"], func(a *attempt, to tenant, v string) {
		a.values = appValues(to.app, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {v}, "token": {v}})
	})
}

// bearer puts an access token where a resource or its server shows it.
func bearer(a *attempt, to tenant, v string) {
	a.values = url.Values{"token": {v}}
	a.header = map[string]string{"Authorization": "Bearer " + v}
	if strings.HasSuffix(a.path, "/introspect") {
		a.header["Authorization"] = basic(to.app.ID, to.app.Secret)
	}
}

// nextMail reads on the waiting page whether another mail may be asked for: who
// uses a browser that is known has a limit of their own.
func (to tenant) nextMail(t *testing.T, location string, cookies map[string]string) string {
	t.Helper()
	at := harness.MustURL(t, location)
	if !strings.HasSuffix(at.Path, "/auth/waiting") {
		return ""
	}
	_, page := to.do(t, attempt{method: http.MethodGet, path: "/auth/waiting", values: at.Query(), cookies: cookies})
	if strings.Contains(page, "data-until=") {
		return "a mail later"
	}
	return "a mail now"
}

// askAgain leaves authorization requests on their way, in each of the forms that
// they travel in.
func (h *held) askAgain(t *testing.T) {
	t.Helper()
	long := url.Values{"claims": {`{"userinfo":{"nickname":{"values":["` + strings.Repeat("x", 3000) + `"]}}}`}}
	for name, more := range map[string]url.Values{"": nil, "stored ": long} {
		ask, _ := h.home.ask(h.home.app, more)
		to := harness.MustURL(t, ask)
		field := map[string]string{"": "request", "stored ": "stored"}[name]
		h.addRequest(t, name+"request", field, attempt{method: http.MethodGet, path: "/authorize", values: to.Query()})
		field = map[string]string{"": "posted", "stored ": "stored"}[name]
		h.addRequest(t, name+"request that was posted", field, attempt{method: http.MethodPost, path: "/authorize", values: to.Query()})
	}
}

// addRequest sends a request and keeps what a field of the answer's Location holds.
func (h *held) addRequest(t *testing.T, name, field string, a attempt) {
	t.Helper()
	answer, body := h.home.do(t, a)
	value := harness.MustURL(t, answer.Header.Get("Location")).Query().Get(field)
	if value == "" {
		t.Fatalf("no %s: %d %s %s", name, answer.StatusCode, answer.Header.Get("Location"), body)
	}
	h.add(name, value, func(a *attempt, _ tenant, v string) { a.values = url.Values{field: {v}} })
}

// startLogin leaves a login of the person waiting in another browser.
func (h *held) startLogin(t *testing.T) {
	t.Helper()
	b := browse(t)
	ask, _ := h.home.ask(h.home.app, nil)
	page := b.Get(ask)
	typed := page.FormTo(t, "/auth/login").Values(nil, url.Values{"email": {h.address}})
	pending := submit(t, b, page, "/auth/login", url.Values{"email": {h.address}})
	waits := pending.FormTo(t, "/auth/code").Values(nil, url.Values{"code": {"AAAA-AAAA"}})
	link := h.home.server.WaitMail(t, h.address, 2).Link
	pressed := b.Get(link).FormTo(t, "/auth/verify").Values(nil, nil)
	cookies := cookiesOf(b, h.home)
	h.addField("login form token", cookies, typed, "form_token")
	h.add("browser cookie", cookies["browser"], func(a *attempt, _ tenant, v string) {
		a.cookies, a.values = map[string]string{"browser": v}, changed(waits, "code", "")
	})
	h.addField("link token", cookies, pressed, "token")
	h.addField("form token", cookies, waits, "form_token")
	h.addField("relay code", cookies, changed(waits, "code", browse(t).Get(link).Text("relay-code")), "code")
}

// stopBeforeTheEnd leaves a login to the single-page app at "continue here".
func (h *held) stopBeforeTheEnd(t *testing.T) {
	t.Helper()
	b, address := browse(t), newAddress()
	ask, _ := h.home.ask(h.home.spa, nil)
	submit(t, b, b.Get(ask), "/auth/login", url.Values{"email": {address}})
	link := h.home.server.WaitMail(t, address, 1).Link
	completed := submit(t, b, b.Get(link), "/auth/verify", nil)
	h.addField("finish form token", cookiesOf(b, h.home), completed.FormTo(t, "/auth/finish").Values(nil, nil), "form_token")
}

// startLogout leaves a sign-out before the person's confirmation, and one on its
// way there.
func (h *held) startLogout(t *testing.T) {
	t.Helper()
	asks := h.browser.Get(h.home.base+"/end_session").FormTo(t, "/end_session").Values(nil, nil)
	h.addField("logout confirmation", h.signedIn, asks, "confirm")
	h.addField("logout form token", h.signedIn, asks, "token")
	h.addRequest(t, "logout that was posted", "posted", attempt{
		method: http.MethodPost, path: "/end_session", values: url.Values{"client_id": {h.home.app.ID}},
	})
}

// openAccount leaves the person before their account, with an app to take access from.
func (h *held) openAccount(t *testing.T) {
	t.Helper()
	form := h.browser.Get(h.home.base+accountPath).FormTo(t, accountPath+"/access").Values(nil, url.Values{"client": {"nobody"}})
	h.addField("account form token", h.signedIn, form, "form_token")
}

// startConsent leaves the person before a consent.
func (h *held) startConsent(t *testing.T) {
	t.Helper()
	ask, _ := h.home.ask(h.home.app, url.Values{"prompt": {"consent"}})
	asks := h.browser.Get(ask).FormTo(t, "/auth/consent").Values(nil, nil)
	h.addField("consent request", h.signedIn, asks, "request")
	h.addField("consent form token", h.signedIn, asks, "form_token")
}

// addField is a credential that comes with the rest of a form and its browser.
func (h *held) addField(name string, cookies map[string]string, form url.Values, field string) {
	h.add(name, form.Get(field), func(a *attempt, _ tenant, v string) {
		a.cookies, a.values = cookies, changed(form, field, v)
	})
}

// changed is a form with another value in a field.
func changed(form url.Values, field, value string) url.Values {
	other := url.Values{}
	for name := range form {
		other.Set(name, form.Get(name))
	}
	other.Set(field, value)
	return other
}
