package attacks_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// redirects are redirect URIs that some parser takes for the registered one,
// https://app.example/callback.
var redirects = []string{
	"https://evil.example/callback",
	"https://app.example/callback/",
	"https://app.example/callback/..",
	"https://app.example/callback/../callback",
	"https://app.example/./callback",
	"https://app.example//callback",
	"https://app.example/%63allback",
	"https://app.example/callback%2f..%2fevil",
	"https://app.example/callback%00",
	"https://app.example/callback?next=https://evil.example",
	"https://app.example/callback?",
	"https://app.example/callback#",
	"https://app.example/callback#fragment",
	"https://app.example/callback;x",
	"https://app.example/Callback",
	"https://APP.example/callback",
	"HTTPS://app.example/callback",
	"http://app.example/callback",
	"https://app.example:443/callback",
	"https://app.example:8443/callback",
	"https://app.example./callback",
	"https://evil.example#@app.example/callback",
	"https://evil.example?@app.example/callback",
	`https://evil.example\@app.example/callback`,
	`https://app.example\.evil.example/callback`,
	"https://app.example@evil.example/callback",
	"https://user@app.example/callback",
	"https://app.example:x@evil.example/callback",
	"https://app.example.evil.example/callback",
	"https://evilapp.example/callback",
	"https:app.example/callback",
	"https:/app.example/callback",
	"https:///app.example/callback",
	`https:\\app.example\callback`,
	"//app.example/callback",
	"/callback",
	"callback",
	"javascript:alert(1)//https://app.example/callback",
	"data:text/html,https://app.example/callback",
	" https://app.example/callback",
	"https://app.example/callback ",
	"https://app.example/callback\r\nLocation: https://evil.example",
	"https://app.example/callback\t",
	"https://аpp.example/callback", // a Cyrillic a
	"https://ａpp.example/callback",
	"https://app.example/callback\u200b",
}

// Threat 7: no redirect URI but the registered one is ever gone to, neither with
// a code nor with an error, at authorize, at logout, nor by what pages carry.
func TestRedirectURIsThatLookLikeTheAppsAreNeverGoneTo(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t, "--post-logout-redirect-uri", callback)
		l, code := c.signIn(t) // with a session, authorize would answer at once
		tokens := redeem(t, c.tenant, code, l.request.verifier)
		for _, uri := range redirects {
			for _, extra := range [][]string{nil, {"prompt", "none"}, {"response_type", "token"}, {"scope", "nothing"}} {
				p, err := l.browser.Do(http.MethodGet, c.request(append(extra, "redirect_uri", uri)...).url, "", nil)
				if err != nil || p.Status < 400 || p.Header.Get("Location") != "" {
					t.Errorf("authorize to %q %v: %v %v", uri, extra, p, err)
				}
			}
			out := url.Values{"id_token_hint": {tokens["id_token"]}, "post_logout_redirect_uri": {uri}}
			p, err := l.browser.Do(http.MethodGet, c.tenant.base+"/end_session?"+out.Encode(), "", nil)
			if err != nil || p.Status < 400 || p.Header.Get("Location") != "" {
				t.Errorf("logout to %q: %v %v", uri, p, err)
			}
			status, got := c.token(t, url.Values{
				"grant_type": {"authorization_code"}, "redirect_uri": {uri}, "code_verifier": {l.request.verifier},
				"code": {l.code(t, l.again(t))},
			})
			refused(t, "a code with redirect URI "+uri, status, got)
		}
		if !c.signedIn(t, l.browser) {
			t.Error("a refused logout ended the session")
		}
	})
}

// again asks once more, by the session, and keeps the request.
func (l *login) again(t *testing.T) *harness.Page {
	t.Helper()
	l.request = l.client.request()
	return l.browser.Get(l.request.url)
}

// The way back is sealed into the login: nothing that a page or an address
// carries leads elsewhere.
func TestNoParameterOfALoginLeadsAnywhereElse(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		b := browse(t)
		page := b.Get(c.request().url)
		for _, name := range []string{"redirect_uri", "next", "return_to", "continue", "url", "r", "request"} {
			q := page.URL.Query()
			if name == "request" {
				sealed := []byte(q.Get(name))
				sealed[len(sealed)/2] ^= 1
				q.Set(name, string(sealed))
			} else {
				q.Add(name, "https://evil.example/")
			}
			at := *page.URL
			at.RawQuery = q.Encode()
			p := b.Get(at.String())
			if strings.Contains(p.Body, "evil.example") || strings.Contains(p.Header.Get("Location"), "evil") {
				t.Errorf("%s: the page holds the way to evil.example", name)
			}
			if name == "request" && p.Status < 400 {
				t.Errorf("a sealed request that was changed is answered %d", p.Status)
			}
		}
		l := &login{client: c, browser: b, address: newAddress(), request: c.request()}
		form := page.FormTo(t, "/auth/login")
		typed := url.Values{"email": {l.address}, "redirect_uri": {"https://evil.example/"}, "client_id": {"evil"}, "state": {"evil"}}
		l.waiting = b.Submit(page, form, nil, typed)
		if p := l.press(t, l.link(t)); !isCallback(p) || p.URL.Query().Get("state") == "evil" {
			t.Errorf("the login ends at %s", p.URL.Redacted())
		}
	})
}
