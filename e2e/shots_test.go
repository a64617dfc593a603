package e2e_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"postern/e2e/harness"
)

// visitor goes to every page and looks at it.
type visitor struct {
	t   *testing.T
	tab *harness.Tab
	// look looks at the page that the tab is at, which goes by a name.
	look func(tab *harness.Tab, name string)
}

// take opens an address, which must answer the same again, and looks at it.
func (p visitor) take(name, address string) {
	p.t.Helper()
	p.tab.Open(address)
	p.here(name)
}

// here looks at the page that the tab is at.
func (p visitor) here(name string) {
	p.t.Helper()
	p.look(p.tab, name)
}

// Pictures of every page go to e2e/shots; a page that is wider than its window fails.
func TestEveryPageFitsPhoneAndDesktop(t *testing.T) {
	t.Parallel()
	dir := "shots"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	visitEveryPage(t, func(tab *harness.Tab, name string) {
		for _, width := range []int64{390, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				tab.Size(width, 844).Colours(scheme)
				file := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
				if err := os.WriteFile(file, tab.Shot(), 0o644); err != nil {
					t.Fatal(err)
				}
				if over := tab.Overflow(); over > 0 {
					t.Errorf("%s at %d px is %d px too wide", name, width, over)
				}
			}
		}
	})
}

func visitEveryPage(t *testing.T, look func(*harness.Tab, string)) {
	t.Helper()
	chromium := harness.NewChromium(t)
	p := visitor{t, chromium.NewTab(), look}
	c := newClient(t, shared)
	p.take("dev-app", shared.URL+"/dev/app")
	p.take("dev-spa", shared.URL+"/dev/spa")
	p.take("dev-fault", shared.URL+"/dev/app/callback?state=none")
	p.take("login", c.request().url)
	p.take("login-de", c.request("ui_locales", "de").url)
	p.take("login-ja", c.request("ui_locales", "ja").url)
	p.take("login-brand", brandedLogin(t))
	p.take("login-work", working(t, "proof_of_work=always"))
	p.login()
	p.undelivered()
	p.others(chromium, c)
}

// undelivered waits for mails that no server takes.
func (p visitor) undelivered() {
	p.t.Helper()
	for _, fault := range []struct{ name, verb, reply, words string }{
		{"waiting-refused", "RCPT", "550 5.1.1 nobody", "is refused"},
		{"waiting-failed", "END", "554 5.7.1 spam", "could not be sent"},
		{"waiting-delayed", "RCPT", "450 4.2.0 greylisted", "is delayed"},
	} {
		mx := harness.StartFaulty(p.t, harness.On(fault.verb, fault.reply))
		p.tab.Open(tenantOf(p.t, "Mint Post", mx.URL()))
		typeAddress(p.tab, newAddress())
		p.tab.WaitText(fault.words)
		p.take(fault.name, p.tab.URL())
	}
}

// tenantOf makes a tenant that mails by one server, and gives its sign-in page.
func tenantOf(t *testing.T, name, server string) string {
	t.Helper()
	slug := "mail-" + strings.ToLower(rand.Text()[:8])
	shared.Run(t, "tenant", "create", slug, "--name", name)
	shared.Run(t, "mail", "set", "--tenant", slug, server, "--name", "mx")
	return signInPage(t, slug, name+" Reader")
}

func (p visitor) login() {
	p.t.Helper()
	address := newAddress()
	p.tab.Open(shared.URL + "/dev/app/login")
	typeAddress(p.tab, address)
	waiting := p.tab.URL()
	p.here("waiting")
	p.tab.Type("input[name=code]", "0000-0000")
	p.tab.Click(`form[action$="/auth/code"] button`)
	p.tab.Wait("[role=alert]")
	p.here("waiting-wrong-code")
	link := shared.WaitMail(p.t, address, 1).Link
	p.take("dev-mail", shared.URL+"/dev/mail?to="+address)
	p.take("verify-here", link)
	stranger := visitor{p.t, harness.NewChromium(p.t).NewTab(), p.look}
	stranger.take("verify-elsewhere", link)
	p.tab.Click(`form[action$="/auth/verify"] button`)
	p.tab.Wait("#id-token-claims")
	p.here("dev-account")
	p.take("used", link)
	p.take("waiting-done", waiting)
	p.account(address)
	p.device()
	p.take("logout-confirm", metadata(p.t, shared)["end_session_endpoint"].(string))
	p.tab.Click("form button:not([value=cancel])")
	p.tab.WaitText("igned out")
	p.here("signed-out")
}

// device has whoever the tab is signed in as allow a device, and another not.
func (p visitor) device() {
	p.t.Helper()
	app := newClient(p.t, shared, "--public", "--grant", "refresh_token", "--grant", deviceGrant)
	p.take("device-code", shared.Issuer+"/auth/device")
	p.tab.Type("input[name=code]", "0000-0000")
	p.tab.Click(`form[action$="/auth/device"] button`)
	p.tab.Wait("[role=alert]")
	p.here("device-wrong-code")
	for _, answer := range []struct{ button, name, says string }{
		{"[value=agree]", "device-done", "Your device is signed in"}, {"[value=cancel]", "device-denied", "The device was not signed in"},
	} {
		p.take("device-code-filled", app.askDevice())
		p.tab.Click(`form[action$="/auth/device"] button`)
		p.tab.Wait(`form[action$="/auth/consent"]`)
		p.here("device-confirm")
		p.tab.Click(`form[action$="/auth/consent"] button` + answer.button)
		p.tab.WaitText(answer.says)
		p.here(answer.name)
	}
}

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// askDevice asks for a device's login and gives the page with its code.
func (c client) askDevice() string {
	c.t.Helper()
	res, err := http.PostForm(c.server.Issuer+"/device_authorization", url.Values{
		"client_id": {c.ID}, "scope": {"openid profile email offline_access"},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	var device struct {
		Page string `json:"verification_uri_complete"`
	}
	if err := json.NewDecoder(res.Body).Decode(&device); err != nil || device.Page == "" {
		c.t.Fatalf("no device code: %d %v", res.StatusCode, err)
	}
	return device.Page
}

// account signs another browser out, of whoever the tab is signed in as, takes
// an app's access away, and moves the person to another address.
func (p visitor) account(from string) {
	p.t.Helper()
	to := newAddress()
	other := begin(p.t, newClient(p.t, shared), newBrowser(p.t), from)
	other.finish(other.openLink(shared.WaitMail(p.t, from, 2).Link))
	p.take("account", shared.Issuer+"/auth/account")
	p.tab.Click(`form[action$="/account/access"] button`)
	p.tab.WaitText("no longer has access")
	p.here("account-removed")
	p.tab.Click(`form[action$="/account/signout"] button`)
	p.tab.WaitText("is signed out")
	p.here("account-signed-out")
	p.tab.Type("input[type=email]", from)
	p.tab.Click(`form[action$="/auth/account"] button`)
	p.tab.Wait("[role=alert]")
	p.here("account-same")
	p.tab.Type("input[type=email]", to)
	p.tab.Click(`form[action$="/auth/account"] button`)
	p.tab.Wait("input[name=code]")
	p.here("waiting-change")
	link := shared.WaitMail(p.t, to, 1).Link
	visitor{p.t, harness.NewChromium(p.t).NewTab(), p.look}.take("verify-elsewhere-change", link)
	p.take("verify-here-change", link)
	p.tab.Click(`form[action$="/auth/verify"] button`)
	p.tab.WaitText("Done. From now on") // the page before names the address, too
	p.here("account-changed")
	shared.WaitMail(p.t, from, 3)
	p.take("dev-mail-notice", shared.URL+"/dev/mail?to="+from)
}

func (p visitor) others(chromium *harness.Chromium, c client) {
	p.t.Helper()
	spa, address := chromium.NewTab().Open(shared.URL+"/dev/spa?start"), newAddress()
	typeAddress(spa, address)
	p.tab.Open(shared.WaitMail(p.t, address, 1).Link)
	p.tab.Click(`form[action$="/auth/verify"] button`)
	p.tab.Wait(`form[action$="/auth/finish"]`)
	p.here("completed")
	third := newClient(p.t, shared, "--third-party")
	spa.WaitText("ID token is verified")
	p.take("consent", third.request().url)
	p.take("fault-client", c.request("client_id", "nobody").url)
	p.take("fault-tenant", shared.URL+"/t/nobody/auth/login")
	p.take("expired-unknown", shared.Issuer+"/auth/verify?token=nothing")
	l := begin(p.t, c, newBrowser(p.t), newAddress())
	link := l.mail().Link
	for range 5 {
		l.enter("0000-0000")
	}
	p.take("locked", link)
}

// brandedLogin makes a tenant with a brand of its own and gives its sign-in page.
func brandedLogin(t *testing.T) string {
	t.Helper()
	slug := "brand-" + strings.ToLower(rand.Text()[:8])
	shared.Run(t, "tenant", "create", slug, "--name", "Violet Books")
	shared.Run(t, "tenant", "set", slug, "colour=#5b2a86", "greeting=Good to see you again", "support=help@violet.example",
		"privacy=https://violet.example/privacy", "terms=https://violet.example/terms", "imprint=https://violet.example/imprint")
	return signInPage(t, slug, "Violet Reader")
}

// signInPage gives the page that an app sends people to, which it registers.
func signInPage(t *testing.T, slug, app string) string {
	t.Helper()
	shared.Run(t, "client", "create", "--tenant", slug, "--name", app, "--redirect-uri", callback, "--id", "reader", "--public")
	q := url.Values{
		"client_id": {"reader"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())}, "code_challenge_method": {"S256"},
	}
	return shared.URL + "/t/" + slug + "/authorize?" + q.Encode()
}
