package clients_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// A single-page app on oidc-client-ts, on an origin of its own: discovery, keys,
// token and userinfo go over CORS.
func TestOIDCClientTSInChromium(t *testing.T) {
	t.Parallel()
	app := newBrowserApp(t, 0)
	tab, address := app.signIn(t, harness.NewChromium(t), app.URL)
	first := shown(t, tab)
	if first.Profile.Issuer != shared.Issuer || first.Profile.Email != address || first.Refresh == "" {
		t.Errorf("signed in as %+v", first)
	}

	press(tab, "renew", "renewed")
	second := shown(t, tab)
	if second.Access == first.Access || second.Refresh == first.Refresh || second.Profile.Subject != first.Profile.Subject {
		t.Errorf("renewed by refresh token: %+v, was %+v", second, first)
	}
	press(tab, "renew-in-frame", "renewed")
	third := shown(t, tab)
	if third.Access == second.Access || third.Profile.Session != first.Profile.Session || third.Profile.Subject != first.Profile.Subject {
		t.Errorf("renewed in a frame: %+v, was %+v", third, second)
	}
	press(tab, "userinfo", "401 Bearer")

	tab.Click("#sign-out")
	tab.WaitText(`signed out with "farewell"`)
	press(tab, "renew-in-frame", "login_required")
	if got := len(shared.Mails(t, address)); got != 1 {
		t.Errorf("%d mails: renewing needs none", got)
	}
}

// The library renews by itself before the access token ends.
func TestOIDCClientTSRenewsByItselfInChromium(t *testing.T) {
	t.Parallel()
	app := newBrowserApp(t, 2)
	tab, _ := app.signIn(t, harness.NewChromium(t), app.URL)
	first := shown(t, tab)
	harness.Eventually(t, "two renewals", func() bool { return shown(t, tab).Renewals >= 2 })
	if now := shown(t, tab); now.Access == first.Access || now.Profile.Subject != first.Profile.Subject {
		t.Errorf("renewed: %+v, was %+v", now, first)
	}
}

// An app of another site than the provider's gets no session in its frames: no
// browser sends a Lax cookie there. Its refresh token renews all the same.
func TestOIDCClientTSOfAnotherSiteRenewsByRefreshTokenInChromium(t *testing.T) {
	t.Parallel()
	app := newBrowserApp(t, 0)
	other := strings.Replace(app.URL, "127.0.0.1", "localhost", 1)
	tab, _ := app.signIn(t, harness.NewChromium(t), other)
	first := shown(t, tab)
	press(tab, "renew-in-frame", "login_required")
	press(tab, "renew", "renewed")
	if now := shown(t, tab); now.Access == first.Access || now.Profile.Subject != first.Profile.Subject {
		t.Errorf("renewed: %+v, was %+v", now, first)
	}
}

// A page whose origin no client has registered reads nothing.
func TestOIDCClientTSOfAStrangersOriginReadsNothingInChromium(t *testing.T) {
	t.Parallel()
	app := newBrowserApp(t, 0)
	stranger := httptest.NewServer(app.Config.Handler)
	t.Cleanup(stranger.Close)
	tab := harness.NewChromium(t).NewTab().Open(stranger.URL)
	press(tab, "userinfo", "Failed to fetch")
	tab.Open(app.URL)
	press(tab, "userinfo", "401 Bearer")
}

type browserApp struct{ *httptest.Server }

// newBrowserApp serves the app and registers it; it renews its tokens when they
// are so many seconds old, if any.
func newBrowserApp(t *testing.T, renewAfter int) browserApp {
	t.Helper()
	library := filepath.Join(harness.NodeModules(t, "node"), "oidc-client-ts", "dist", "browser", "oidc-client-ts.min.js")
	mux := http.NewServeMux()
	app := browserApp{httptest.NewServer(mux)}
	t.Cleanup(app.Close)
	name := strings.Replace(app.URL, "127.0.0.1", "localhost", 1) // the same app by another
	registered := register(t, "oidc-client-ts", app.URL,
		"--redirect-uri", name+"/callback", "--redirect-uri", name+"/silent", "--post-logout-redirect-uri", name+"/bye")
	settings, err := json.Marshal(map[string]any{"issuer": shared.Issuer, "clientId": registered.ID, "renewAfter": renewAfter})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{
		"/settings.json": settings, "/library.js": readFile(t, library),
		"/app.js": readFile(t, "browser/app.js"), "/": readFile(t, "browser/index.html"),
	} {
		kind := map[string]string{".js": "text/javascript", ".json": "application/json"}[filepath.Ext(path)]
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if kind != "" {
				w.Header().Set("Content-Type", kind)
			}
			_, _ = w.Write(content)
		})
	}
	return app
}

// signIn signs somebody new in, in a tab that comes to the app at an origin.
func (app browserApp) signIn(t *testing.T, chromium *harness.Chromium, origin string) (*harness.Tab, string) {
	t.Helper()
	address := newAddress()
	tab := chromium.NewTab().Open(origin)
	tab.Click("#sign-in")
	tab.Type("input[name=email]", address)
	tab.Click(`form[action$="/auth/login"] button:not([value=cancel])`)
	tab.Wait("input[name=code]")
	linked := chromium.NewTab().Open(shared.WaitMail(t, address, 1).Link)
	linked.Click(`form[action$="/auth/verify"] button`)
	tab.WaitText(`signed in with {"deep":"link"}`)
	return tab, address
}

// press presses a button of the app and waits for what comes of it.
func press(tab *harness.Tab, id, want string) {
	tab.Click("#" + id)
	tab.WaitText(fmt.Sprintf("%s: %s", id, want))
}

// shownUser is what the app shows of whom it knows.
type shownUser struct {
	Profile struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
		Email   string `json:"email"`
		Session string `json:"sid"`
	} `json:"profile"`
	Access   string `json:"access"`
	Refresh  string `json:"refresh"`
	Renewals int    `json:"renewals"`
}

func shown(t *testing.T, tab *harness.Tab) (user shownUser) {
	t.Helper()
	if err := json.Unmarshal([]byte(tab.TextOf("#user")), &user); err != nil {
		t.Fatalf("the app shows no user: %v\n%s", err, tab.Text())
	}
	return user
}
