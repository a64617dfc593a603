package dev_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"postern/dev"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fixture is the pages beside a provider, and one browser that looks at them.
type fixture struct {
	t        *testing.T
	provider *provider
	mailbox  *mailbox
	handler  http.Handler
	jar      http.CookieJar
}

func setUp(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, provider: newProvider(t, began), mailbox: &mailbox{}}
	pages, err := dev.New(dev.Config{
		PublicURL: publicURL, Issuer: issuer, WebClientID: "demo-web", WebClientSecret: "hush", SPAClientID: "demo-spa",
		Mailbox: f.mailbox, Clock: func() time.Time { return f.provider.now }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	// One chi router serves both, so a call of the app's passes through it twice.
	router := chi.NewRouter()
	router.Mount("/dev", pages)
	router.Mount("/t/demo", f.provider.mux)
	pages.SetHandler(router)
	f.handler = router
	f.newBrowser()
	return f
}

func (f *fixture) newBrowser() {
	jar, err := cookiejar.New(nil)
	if err != nil {
		f.t.Fatal(err)
	}
	f.jar = jar
}

// do asks as a browser would, cookies included, and follows nothing.
func (f *fixture) do(method, path string, header ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), method, publicURL+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for _, c := range f.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	f.jar.SetCookies(r.URL, w.Result().Cookies())
	return w
}

func (f *fixture) post(path string) *httptest.ResponseRecorder {
	f.t.Helper()
	return f.do(http.MethodPost, path, "Sec-Fetch-Site", "same-origin")
}

// start begins a sign-in and gives the address it is sent to.
func (f *fixture) start() string {
	f.t.Helper()
	w := f.do(http.MethodGet, "/dev/app/login")
	if w.Code != http.StatusSeeOther {
		f.t.Fatalf("login: status %d: %s", w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

// signIn goes through a whole sign-in and gives the page it ends at.
func (f *fixture) signIn() string {
	f.t.Helper()
	w := f.do(http.MethodGet, "/dev/app/callback?"+f.provider.agree(f.start()).Encode())
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/dev/app" {
		f.t.Fatalf("callback: status %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	return f.do(http.MethodGet, "/dev/app").Body.String()
}

func contains(t *testing.T, page string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %q:\n%s", want, page)
		}
	}
}

func TestWebAppShowsTheVerifiedIDToken(t *testing.T) {
	f := setUp(t)
	contains(t, f.do(http.MethodGet, "/dev/app").Body.String(), `href="/dev/app/login"`, "Sign in (web app)", "Sign in (single-page app)")
	contains(t, f.signIn(), "ES256, by key k1", "the one this app sent", "&#34;sub&#34;: &#34;s-1&#34;", "&#34;email_verified&#34;: true", "Sign in again", "Refresh", "Sign out")
}

func TestAuthorizationRequestCarriesStateNonceAndPKCE(t *testing.T) {
	f := setUp(t)
	first, err := url.Parse(f.start())
	if err != nil {
		t.Fatal(err)
	}
	second, err := url.Parse(f.start())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if a, b := first.Query().Get(name), second.Query().Get(name); a == "" || a == b {
			t.Errorf("%s is %q, then %q", name, a, b)
		}
	}
	want := []string{"S256", "code", "demo-web", publicURL + "/dev/app/callback"}
	q := first.Query()
	got := []string{q.Get("code_challenge_method"), q.Get("response_type"), q.Get("client_id"), q.Get("redirect_uri")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTwoSignInsOfOneBrowserBothFinish(t *testing.T) {
	f := setUp(t)
	first, second := f.provider.agree(f.start()), f.provider.agree(f.start())
	for _, q := range []url.Values{second, first} {
		if w := f.do(http.MethodGet, "/dev/app/callback?"+q.Encode()); w.Code != http.StatusSeeOther {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	}
}

func TestRefreshRotates(t *testing.T) {
	f := setUp(t)
	f.signIn()
	for range 2 {
		if w := f.post("/dev/app/refresh"); w.Code != http.StatusSeeOther {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	}
	contains(t, f.do(http.MethodGet, "/dev/app").Body.String(), "Refreshed 2 times", "replaced by a new one", "s-1")
}

func TestRefreshThatNamesSomeoneElseIsRefused(t *testing.T) {
	f := setUp(t)
	f.signIn()
	f.provider.bend = func(claims map[string]any) { claims["sub"] = "s-2" }
	if w := f.post("/dev/app/refresh"); w.Code != http.StatusBadGateway {
		t.Errorf("status %d", w.Code)
	}
}

func TestSignOutEndsHereAndGoesToTheProvider(t *testing.T) {
	f := setUp(t)
	f.signIn()
	w := f.post("/dev/app/logout")
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || !strings.HasPrefix(u.String(), issuer+"/end_session?") {
		t.Fatalf("status %d to %q", w.Code, w.Header().Get("Location"))
	}
	if u.Query().Get("id_token_hint") == "" || u.Query().Get("post_logout_redirect_uri") != publicURL+"/dev/app" {
		t.Errorf("logout request: %s", u.RawQuery)
	}
	contains(t, f.do(http.MethodGet, "/dev/app?state="+u.Query().Get("state")).Body.String(), "You are signed out", "Sign in (web app)")
}

func TestSignInChangesTheNameOfTheSession(t *testing.T) {
	f := setUp(t)
	u, err := url.Parse(publicURL + "/dev/app")
	if err != nil {
		t.Fatal(err)
	}
	authorize := f.start()
	before := f.jar.Cookies(u)[0].Value
	f.do(http.MethodGet, "/dev/app/callback?"+f.provider.agree(authorize).Encode())
	if after := f.jar.Cookies(u)[0].Value; after == before {
		t.Error("the session kept its name over the sign-in")
	}
}

func TestSessionEndsAfterAnHour(t *testing.T) {
	f := setUp(t)
	f.signIn()
	f.provider.now = f.provider.now.Add(time.Hour + time.Second)
	contains(t, f.do(http.MethodGet, "/dev/app").Body.String(), "Sign in (web app)")
}

func TestCookieIsForTheServerAlone(t *testing.T) {
	f := setUp(t)
	c := f.do(http.MethodGet, "/dev/app/login").Result().Cookies()[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/dev/app" {
		t.Errorf("cookie: %v", c)
	}
}

func TestIDTokenThatFailsACheckSignsNobodyIn(t *testing.T) {
	for name, bend := range map[string]func(map[string]any){
		"another issuer":      func(c map[string]any) { c["iss"] = "https://evil.example" },
		"another audience":    func(c map[string]any) { c["aud"] = "demo-spa" },
		"another nonce":       func(c map[string]any) { c["nonce"] = "other" },
		"no nonce":            func(c map[string]any) { delete(c, "nonce") },
		"expired":             func(c map[string]any) { c["exp"] = began.Add(-time.Hour).Unix() },
		"userinfo of another": func(c map[string]any) { c["sub"] = "s-2" },
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t)
			f.provider.bend = bend
			w := f.do(http.MethodGet, "/dev/app/callback?"+f.provider.agree(f.start()).Encode())
			if w.Code != http.StatusBadGateway {
				t.Errorf("status %d", w.Code)
			}
			contains(t, w.Body.String(), "The sign-in could not be completed")
			contains(t, f.do(http.MethodGet, "/dev/app").Body.String(), "Sign in (web app)")
		})
	}
}

func TestBadInputsGetClearPages(t *testing.T) {
	mine := func(change func(url.Values)) func(*fixture) *httptest.ResponseRecorder {
		return func(f *fixture) *httptest.ResponseRecorder {
			q := f.provider.agree(f.start())
			change(q)
			return f.do(http.MethodGet, "/dev/app/callback?"+q.Encode())
		}
	}
	get := func(path string) func(*fixture) *httptest.ResponseRecorder {
		return func(f *fixture) *httptest.ResponseRecorder { return f.do(http.MethodGet, path) }
	}
	for name, c := range map[string]struct {
		ask    func(*fixture) *httptest.ResponseRecorder
		status int
		says   string
	}{
		"a callback with a state of nobody":       {mine(func(q url.Values) { q.Set("state", "other") }), 400, "not started here"},
		"a callback without anything":             {get("/dev/app/callback"), 400, "not started here"},
		"a callback from another issuer":          {mine(func(q url.Values) { q.Set("iss", "https://evil.example") }), 400, "someone else"},
		"a callback without iss":                  {mine(func(q url.Values) { q.Del("iss") }), 400, "someone else"},
		"a cancelled sign-in":                     {mine(func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }), 403, "You did not sign in"},
		"another error, with markup in its words": {mine(func(q url.Values) { q.Set("error", "<b>x") }), 400, "&lt;b&gt;x"},
		"a callback with neither code nor error":  {mine(func(q url.Values) { q.Del("code") }), 400, "neither a code nor an error"},
		"a code that is not good":                 {mine(func(q url.Values) { q.Set("code", "wrong") }), 502, "could not be completed"},
		"an unknown page":                         {get("/dev/nothing"), 404, "no such page"},
		"an unknown asset":                        {get("/dev/assets/nothing.js"), 404, "no such page"},
		"an asset outside the folder":             {get("/dev/assets/..%2fpages.go"), 404, "no such page"},
		"the wrong method": {func(f *fixture) *httptest.ResponseRecorder {
			return f.do(http.MethodDelete, "/dev/app")
		}, 405, "does not take DELETE"},
		"a refresh by nobody": {func(f *fixture) *httptest.ResponseRecorder { return f.post("/dev/app/refresh") }, 401, "not signed in"},
		"a logout by nobody":  {func(f *fixture) *httptest.ResponseRecorder { return f.post("/dev/app/logout") }, 401, "not signed in"},
		"a logout from another site": {func(f *fixture) *httptest.ResponseRecorder {
			f.signIn()
			return f.do(http.MethodPost, "/dev/app/logout", "Sec-Fetch-Site", "cross-site")
		}, 403, "did not come from this app"},
	} {
		t.Run(name, func(t *testing.T) {
			w := c.ask(setUp(t))
			if w.Code != c.status {
				t.Errorf("status %d, not %d", w.Code, c.status)
			}
			contains(t, w.Body.String(), c.says, "Back to the demo app")
			checkHeaders(t, w.Header())
		})
	}
}

func TestCallbackIsGoodOnce(t *testing.T) {
	f := setUp(t)
	q := f.provider.agree(f.start()).Encode()
	f.do(http.MethodGet, "/dev/app/callback?"+q)
	if w := f.do(http.MethodGet, "/dev/app/callback?"+q); w.Code != http.StatusBadRequest {
		t.Errorf("status %d", w.Code)
	}
}

func TestCallbackInAnotherBrowserSignsNobodyIn(t *testing.T) {
	f := setUp(t)
	q := f.provider.agree(f.start()).Encode()
	f.newBrowser()
	if w := f.do(http.MethodGet, "/dev/app/callback?"+q); w.Code != http.StatusBadRequest {
		t.Errorf("status %d", w.Code)
	}
}

func TestEveryPageHasTheHeaders(t *testing.T) {
	f := setUp(t)
	for _, path := range []string{"/dev/app", "/dev/spa", "/dev/spa/callback", "/dev/mail"} {
		w := f.do(http.MethodGet, path)
		if w.Code != http.StatusOK {
			t.Errorf("%s: status %d", path, w.Code)
		}
		checkHeaders(t, w.Header())
	}
}

// A browser that finds no icon asks for one that is not there, and says so.
func TestWhatPagesNameIsThere(t *testing.T) {
	f := setUp(t)
	page := f.do(http.MethodGet, "/dev/app").Body.String()
	if !strings.Contains(page, `<link rel="icon"`) {
		t.Error("the page has no icon")
	}
	for _, asset := range regexp.MustCompile(`"(/dev/assets/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		if w := f.do(http.MethodGet, asset[1]); w.Code != http.StatusOK || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d %q", asset[1], w.Code, w.Header().Get("Content-Type"))
		}
	}
}

func checkHeaders(t *testing.T, h http.Header) {
	t.Helper()
	csp := h.Get("Content-Security-Policy")
	if strings.Contains(csp, "unsafe-inline") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("Content-Security-Policy: %s", csp)
	}
	want := []string{"no-referrer", "no-store", "nosniff"}
	got := []string{h.Get("Referrer-Policy"), h.Get("Cache-Control"), h.Get("X-Content-Type-Options")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSinglePageAppKnowsItsClient(t *testing.T) {
	f := setUp(t)
	contains(t, f.do(http.MethodGet, "/dev/spa").Body.String(),
		`data-issuer="`+issuer+`"`, `data-client-id="demo-spa"`, `data-redirect-uri="`+publicURL+`/dev/spa/callback"`, `<script src="/dev/assets/spa.js"`)
	w := f.do(http.MethodGet, "/dev/assets/spa.js")
	if b, err := io.ReadAll(w.Body); err != nil || len(b) == 0 || w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("spa.js: %d bytes, %s, %v", len(b), w.Header().Get("Content-Type"), err)
	}
}
