package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPostsThatAreNotOurPagesAreForbidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	loginForm := b.get(w.loginPath(w.acme, w.request("web"))).form(t, "/auth/login")
	loginForm.fields.Set("email", "ann@example.org")
	cancelForm := loginForm
	cancelForm.action = strings.Replace(loginForm.action, "/auth/login", "/auth/cancel", 1)
	waiting := b.get(b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org"))
	codeForm, resendForm := waiting.form(t, "/auth/code"), waiting.form(t, "/auth/resend")
	link := w.send()
	codeForm.fields.Set("code", relayCode(w, link))
	w.clock.advance(time.Minute)
	verifyForm := b.get(link).form(t, "/auth/verify")
	b.ask(w.loginPath(w.acme, w.request("spa")), "ann@example.org")
	finishForm := b.submit(b.get(w.send()), "/auth/verify", nil).form(t, "/auth/finish")
	third := w.request("third")
	consentForm := b.get("/t/acme/auth/consent?request="+w.seal(w.acme, third)).form(t, "/auth/consent")
	consentForm.fields.Set("action", "agree")
	noConsentForm := consentForm
	noConsentForm.action += "/cancel"

	senders := []struct {
		name   string
		header http.Header
		change func(url.Values)
	}{
		{"from another site", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, nil},
		{"from a sibling host", http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://app.login.example"}}, nil},
		{"typed or from a bookmark", http.Header{"Sec-Fetch-Site": {"none"}}, nil},
		{"cross-site with our Origin", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {public}}, nil},
		{"Origin null alone", http.Header{"Origin": {"null"}}, nil},
		{"nothing at all", http.Header{}, nil},
		{"http for https", http.Header{"Origin": {"http://login.example"}}, nil},
		{"no token", http.Header{"Sec-Fetch-Site": {"same-origin"}}, func(v url.Values) { v.Del("form_token") }},
		{"a token of another form", http.Header{"Sec-Fetch-Site": {"same-origin"}}, func(v url.Values) { v.Set("form_token", strings.Repeat("A", 43)) }},
	}
	for _, f := range []form{loginForm, cancelForm, codeForm, resendForm, verifyForm, finishForm, consentForm, noConsentForm} {
		for _, s := range senders {
			t.Run(f.action+" "+s.name, func(t *testing.T) {
				body := url.Values{}
				for name, value := range f.fields {
					body[name] = value
				}
				if s.change != nil {
					s.change(body)
				}
				w.store.drain()
				b.do(http.MethodPost, f.action, body, s.header).want(t, http.StatusForbidden)
				for _, call := range w.store.drain() {
					if !strings.HasPrefix(call, "Find") {
						t.Errorf("reached %s", call)
					}
				}
			})
		}
	}
	for _, f := range []form{loginForm, resendForm, codeForm, finishForm, consentForm} {
		p := b.do(http.MethodPost, f.action, f.fields, http.Header{"Origin": {public}})
		if p.status != http.StatusSeeOther {
			t.Errorf("%s: an old browser with the right Origin gets %d", f.action, p.status)
		}
	}
}

func TestAFormTokenWorksForItsOwnFormAndFlowOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	one := b.get(b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")).form(t, "/auth/code")
	two := b.get(b.ask(w.loginPath(w.acme, w.request("web")), "bob@example.org")).form(t, "/auth/code")
	verify := b.get(w.send()).form(t, "/auth/verify")
	swapped := url.Values{"flow": one.fields["flow"], "form_token": two.fields["form_token"], "code": {"ABCD-EFGH"}}
	b.post(one.action, swapped).want(t, http.StatusForbidden)
	verify.fields["form_token"] = one.fields["form_token"]
	b.post(verify.action, verify.fields).want(t, http.StatusForbidden)
	finish := url.Values{"flow": one.fields["flow"], "form_token": one.fields["form_token"]}
	b.post("/t/acme/auth/finish", finish).want(t, http.StatusForbidden)
}

func TestCookiesAndTokensOfOneTenantAreNothingInAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	b.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web")
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "bob@example.org")
	link := w.send()
	for _, c := range b.cookies() { // toss every cookie of acme at zeta
		b.plant(&http.Cookie{Name: strings.Replace(c.Name, string(w.acme.ID), string(w.zeta.ID), 1), Value: c.Value})
	}
	if who := b.who(w.zeta); who != "" {
		t.Errorf("signed in at the other tenant as %q", who)
	}
	if who := b.who(w.acme); who == "" {
		t.Error("no longer signed in at the first tenant")
	}
	elsewhere := func(path string) string { return strings.Replace(path, "/t/acme/", "/t/zeta/", 1) }
	b.get(elsewhere(waiting)).want(t, http.StatusNotFound)
	b.get(elsewhere(link)).want(t, http.StatusNotFound)
	b.get(elsewhere(w.loginPath(w.acme, w.request("web")))).want(t, http.StatusBadRequest)
	verify := b.get(link).form(t, "/auth/verify")
	b.post(elsewhere(verify.action), verify.fields).want(t, http.StatusNotFound)
	code := b.get(waiting).form(t, "/auth/code")
	b.post(elsewhere(code.action), code.fields).want(t, http.StatusForbidden)
	w.limits.asked = nil
	b.ask(w.loginPath(w.zeta, w.request("web")), "ann@example.org")
	if diff := cmp.Diff([]string{"ann@example.org "}, w.limits.asked); diff != "" {
		t.Errorf("known from the other tenant: %s", diff)
	}
}

func TestNothingGoesToARedirectURIThatIsNotRegistered(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"https://evil.example/", "//evil.example/cb", "https://web.example/cb/../x", "https://web.example/cb?x=1", `https://web.example\@evil.example/cb`,
		"https://web.example@evil.example/cb", "https://web.example/%63b", "HTTPS://web.example/cb", "https://web.example/cb#x", "https://web.example:443/cb", "javascript:alert(1)", "",
	} {
		t.Run(uri, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			req := w.request("web")
			form := b.get(w.loginPath(w.acme, req)).form(t, "/auth/login")
			req.RedirectURI = uri
			p := b.get(w.loginPath(w.acme, req))
			p.want(t, http.StatusBadRequest)
			if p.location != "" || strings.Contains(p.body, "evil") {
				t.Errorf("leads to %q\n%s", p.location, p.body)
			}
			form.fields.Set("request", w.seal(w.acme, req))
			form.fields.Set("action", "cancel")
			b.post(form.action, form.fields).want(t, http.StatusBadRequest)
		})
	}
}
