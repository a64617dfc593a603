package e2e_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/oauth2"

	"postern/e2e/harness"
)

// photographer keeps a picture of a page in every size and colour scheme.
type photographer struct {
	t   *testing.T
	tab *harness.Tab
	dir string
}

// take opens an address, which must answer the same again, and keeps pictures of it.
func (p photographer) take(name, address string) {
	p.t.Helper()
	p.tab.Open(address)
	p.here(name)
}

// here keeps pictures of the page that the tab is at.
func (p photographer) here(name string) {
	p.t.Helper()
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			p.tab.Size(width, 844).Colours(scheme)
			png := p.tab.Shot()
			file := filepath.Join(p.dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
			if err := os.WriteFile(file, png, 0o644); err != nil {
				p.t.Fatal(err)
			}
			if over := p.tab.Overflow(); over > 0 {
				p.t.Errorf("%s at %d px is %d px too wide", name, width, over)
			}
		}
	}
}

// Pictures of every page go to e2e/shots; a page that is wider than its window fails.
func TestEveryPageFitsPhoneAndDesktop(t *testing.T) {
	t.Parallel()
	dir := "shots"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	chromium := harness.NewChromium(t)
	p := photographer{t, chromium.NewTab(), dir}
	c := newClient(t, shared)
	p.take("dev-app", shared.URL+"/dev/app")
	p.take("dev-spa", shared.URL+"/dev/spa")
	p.take("dev-fault", shared.URL+"/dev/app/callback?state=none")
	p.take("login", c.request().url)
	p.take("login-de", c.request("ui_locales", "de").url)
	p.take("login-ja", c.request("ui_locales", "ja").url)
	p.take("login-brand", brandedLogin(t))
	p.shootLogin(chromium)
	p.shootOthers(chromium, c)
}

func (p photographer) shootLogin(chromium *harness.Chromium) {
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
	stranger := photographer{p.t, harness.NewChromium(p.t).NewTab(), p.dir}
	stranger.take("verify-elsewhere", link)
	p.tab.Click(`form[action$="/auth/verify"] button`)
	p.tab.Wait("#id-token-claims")
	p.here("dev-account")
	p.take("used", link)
	p.take("waiting-done", waiting)
	p.shootAccount(address)
	p.take("logout-confirm", metadata(p.t, shared)["end_session_endpoint"].(string))
	p.tab.Click("form button:not([value=cancel])")
	p.tab.WaitText("igned out")
	p.here("signed-out")
}

// shootAccount moves whoever the tab is signed in as to another address.
func (p photographer) shootAccount(from string) {
	p.t.Helper()
	to := newAddress()
	p.take("account", shared.Issuer+"/auth/account")
	p.tab.Type("input[type=email]", from)
	p.tab.Click(`form[action$="/auth/account"] button`)
	p.tab.Wait("[role=alert]")
	p.here("account-same")
	p.tab.Type("input[type=email]", to)
	p.tab.Click(`form[action$="/auth/account"] button`)
	p.tab.Wait("input[name=code]")
	p.here("waiting-change")
	link := shared.WaitMail(p.t, to, 1).Link
	photographer{p.t, harness.NewChromium(p.t).NewTab(), p.dir}.take("verify-elsewhere-change", link)
	p.take("verify-here-change", link)
	p.tab.Click(`form[action$="/auth/verify"] button`)
	p.tab.WaitText(to)
	p.here("account-changed")
	shared.WaitMail(p.t, from, 2)
	p.take("dev-mail-notice", shared.URL+"/dev/mail?to="+from)
}

func (p photographer) shootOthers(chromium *harness.Chromium, c client) {
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
	shared.Run(t, "tenant", "create", "brand", "--name", "Violet Books")
	shared.Run(t, "tenant", "set", "brand", "colour=#5b2a86", "greeting=Good to see you again", "support=help@violet.example",
		"privacy=https://violet.example/privacy", "terms=https://violet.example/terms", "imprint=https://violet.example/imprint")
	shared.Run(t, "client", "create", "--tenant", "brand", "--name", "Violet Reader", "--redirect-uri", callback, "--id", "reader", "--public")
	q := url.Values{
		"client_id": {"reader"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())}, "code_challenge_method": {"S256"},
	}
	return shared.URL + "/t/brand/authorize?" + q.Encode()
}
