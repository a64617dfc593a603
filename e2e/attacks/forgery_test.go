package attacks_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// Threat 17: each form of a login, sent as another site or a program would send
// it, is refused and changes nothing; then it works.
func TestFormsPostedFromElsewhereOrWithoutTheirTokenAreForbidden(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c, b := w.demo(t, "--public"), browse(t)
		l := &login{client: c, browser: b, request: c.request(), address: newAddress()}
		page := b.Get(l.request.url)
		forge(t, b, page, "/auth/login", url.Values{"email": {l.address}})
		forge(t, b, page, "/auth/cancel", nil)
		if n := w.count(t, `SELECT count(*) FROM flows WHERE address = $1`, l.address); n != 0 {
			t.Fatalf("forged forms began %d logins", n)
		}
		l.waiting = submit(t, b, page, "/auth/login", url.Values{"email": {l.address}})
		link := l.link(t)
		forge(t, b, l.waiting, "/auth/code", url.Values{"code": {link}})
		forge(t, b, l.waiting, "/auth/resend", nil)
		verify := b.Get(link)
		forge(t, b, verify, "/auth/verify", nil)
		l.stillWaits(t)
		completed := submit(t, b, verify, "/auth/verify", nil)
		forge(t, b, completed, "/auth/finish", nil)
		l.finish(t, submit(t, b, completed, "/auth/finish", nil))
		out := b.Get(c.tenant.base + "/end_session")
		forge(t, b, out, "/end_session", nil)
		if !c.signedIn(t, b) {
			t.Error("a forged form signed the person out")
		}
	})
}

// spares is the one hidden field that proves nothing: it spares the server a
// look at the link, and does so only while its seal holds.
const spares = "link"

// forge sends a form whole from elsewhere, then from its own page with each
// hidden field in turn spoilt.
func forge(t *testing.T, b *harness.Browser, p *harness.Page, action string, typed url.Values) {
	t.Helper()
	form := formTo(t, p, action)
	whole := form.Values(nil, typed)
	here := harness.Origin(p.URL)
	for _, header := range []map[string]string{
		{"Sec-Fetch-Site": "cross-site", "Origin": here},
		{"Sec-Fetch-Site": "same-site", "Origin": here},
		{"Sec-Fetch-Site": "none"},
		{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
		{"Origin": "https://evil.example"},
		{"Origin": here + ".evil.example"},
		{"Origin": "null"}, // all that a sandboxed frame, or a page under no-referrer, says where Fetch Metadata is missing
		{"Referer": here + "/"},
		{},
	} {
		if status := bare(t, b, form.Action, whole, header); status != http.StatusForbidden {
			t.Errorf("%s with %v is answered %d", action, header, status)
		}
	}
	for _, field := range form.Fields {
		if field.Type != "hidden" || field.Name == spares {
			continue
		}
		for _, value := range []string{"", "AAAA", strings.Repeat("A", len(field.Value))} {
			values := maps.Clone(whole)
			values.Set(field.Name, value)
			got, err := b.Do(http.MethodPost, form.Action.String(), here, values)
			if err != nil || got.Status < 400 || got.Status >= 500 {
				t.Errorf("%s with %s=%q: %v, %v", action, field.Name, value, got, err)
			}
		}
	}
}

// formTo is Page.FormTo, and knows the buttons that post their form elsewhere.
func formTo(t *testing.T, p *harness.Page, action string) harness.Form {
	t.Helper()
	if action != "/auth/cancel" {
		return p.FormTo(t, action)
	}
	form := p.FormTo(t, "/auth/login")
	to := *form.Action
	to.Path = strings.Replace(to.Path, "/auth/login", action, 1)
	form.Action = &to
	return form
}

// bare posts with a browser's cookies and no header but these, and gives the status.
func bare(t *testing.T, b *harness.Browser, to *url.URL, values url.Values, header map[string]string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to.String(), strings.NewReader(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	for _, cookie := range b.Cookies(to.String()) {
		r.AddCookie(cookie)
	}
	answer, err := noRedirects.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// A real browser's form from a page under no-referrer says Origin: null, and
// passes by its Fetch Metadata; a page of another origin that posts the same
// form, and one that frames it, get nowhere.
func TestAPageOfAnotherOriginPostsAndFramesInVainInChromium(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		address := newAddress()
		var form harness.Form
		evil := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "text/html")
			if r.URL.Path == "/frame" {
				source := strings.ReplaceAll(c.request("login_hint", "framed-"+address).url, "&", "&amp;")
				_, _ = rw.Write([]byte(`<!doctype html><iframe id="victim" width="600" height="800" src="` + source + `"></iframe>`))
				return
			}
			page := `<!doctype html><form id="forged" method="post" action="` + form.Action.String() + `">`
			for name, values := range form.Values(nil, url.Values{"email": {"forged-" + address}}) {
				page += `<input name="` + name + `" value="` + values[0] + `">`
			}
			_, _ = rw.Write([]byte(page + `</form>`))
		}))
		t.Cleanup(evil.Close)
		elsewhere := strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)

		chromium := harness.NewChromium(t)
		tab := chromium.NewTab().Open(c.request().url)
		stolen := browse(t).Get(c.request().url)
		form = stolen.FormTo(t, "/auth/login")
		second := chromium.NewTab().Open(elsewhere + "/")
		second.Script(`document.getElementById("forged").submit()`)
		if n := w.count(t, `SELECT count(*) FROM flows WHERE address = $1`, "forged-"+address); n != 0 {
			t.Error("a page of another origin began a login")
		}
		// From the same site the cookies do come along, so only the frame itself can be refused.
		framed := chromium.NewTab().Open(evil.URL + "/frame")
		framed.ClickDown("#victim", 15)
		if n := w.count(t, `SELECT count(*) FROM flows WHERE address = $1`, "framed-"+address); n != 0 {
			t.Error("a login was begun in a frame")
		}
		tab.Type("input[type=email]", address)
		tab.Click(`form[action$="/auth/login"] button`)
		w.mail(t, address, 1)
	})
}

// Threat 18: a cookie of one tenant under the name of another's, and beside it.
func TestACookieRenamedForAnotherTenantIsNobodys(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		home, abroad := w.demo(t), w.apart(t)
		l, code := home.signIn(t)
		redeem(t, home.tenant, code, l.request.verifier)
		tossed := browse(t)
		var renamed []*http.Cookie
		for _, cookie := range l.browser.Cookies(w.URL) {
			if !strings.HasSuffix(cookie.Name, home.tenant.ID) {
				t.Errorf("the cookie %s does not carry its tenant", cookie.Name)
			}
			renamed = append(renamed, &http.Cookie{
				Name: strings.TrimSuffix(cookie.Name, home.tenant.ID) + abroad.tenant.ID, Value: cookie.Value, Path: "/",
			})
		}
		tossed.Toss(w.URL, renamed...)
		if abroad.signedIn(t, tossed) {
			t.Error("a session of one tenant, renamed, is one of another")
		}
		if !home.signedIn(t, l.browser) {
			t.Error("the session is no longer good at home")
		}
		other := abroad.begin(t, browse(t), newAddress())
		link := other.link(t)
		thief := browse(t)
		thief.Toss(w.URL, renamed...)
		for _, f := range thief.Get(link).Forms() {
			if f.PostsTo("/auth/verify") {
				t.Error("a browser's secret of one tenant, renamed, is one of another")
			}
		}
	})
}
