package clients_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"

	"postern/e2e/harness"
)

// The session that the web app keeps ends with the provider's, whoever ends that.
func TestTheWebExampleSignsInCallsTheAPIAndSignsOut(t *testing.T) {
	t.Parallel()
	c := newClone(t, "api", "web")
	c.run("api")
	c.run("web")
	chromium, address := harness.NewChromium(t), newAddress()
	asks := chromium.NewTab().Open(c.app)
	look(t, asks, "web-nobody")
	asks.Press("Sign in")
	asks.Wait("input[name=email]")
	before := sessionCookie(t, asks)
	tab := signInByLink(t, chromium, asks.Open(c.app), address, 1)
	tab.WaitText("Signed in as " + address)
	if tab.URL() != c.app+"/" {
		t.Errorf("the login ends at %s", tab.URL())
	}
	switch cookie := sessionCookie(t, tab); {
	case !cookie.HTTPOnly || cookie.SameSite != network.CookieSameSiteLax:
		t.Errorf("the session's cookie: %+v", cookie)
	case cookie.Value == before.Value:
		t.Error("the session is under the id that it had before the login")
	}
	tab.Press("Call the API")
	tab.WaitText(`"scope":"openid email offline_access greet"`)
	look(t, tab, "web-somebody")
	tab.Press("Renew the tokens")
	tab.WaitText("Renewals\n1")
	tab.Press("Call the API")
	tab.WaitText("The API says")

	c.forgeLogout(tab.TextOf("dd"))
	tab.Open(c.app)
	tab.WaitText("Signed in as " + address)
	shared.Run(t, "user", "sign-out", "--tenant", "demo", address)
	harness.Eventually(t, "the end of the app's session", func() bool { return tab.Open(c.app).TextOf("p") == "You are not signed in." })

	tab = signInByLink(t, chromium, tab, address, 2)
	tab.WaitText("Signed in as " + address)
	tab.Press("Sign out")
	tab.WaitText("You are not signed in.")
	tab.Press("Sign in")
	tab.Wait("input[name=email]") // for the provider's session is over, too
	tab.Click("button[value=cancel]")
	tab.WaitText("You are not signed in.")
}

func sessionCookie(t *testing.T, tab *harness.Tab) *network.Cookie {
	t.Helper()
	for _, cookie := range tab.Cookies() {
		if cookie.Name == "web" {
			return cookie
		}
	}
	t.Fatal("no session cookie")
	return nil
}

// signInByLink presses "Sign in", and gives the tab of the mailed link, where the
// login ends.
func signInByLink(t *testing.T, chromium *harness.Chromium, asks *harness.Tab, address string, mails int) *harness.Tab {
	t.Helper()
	asks.Press("Sign in")
	asks.Type("input[name=email]", address)
	asks.Click(`form[action$="/auth/login"] button:not([value=cancel])`)
	asks.Wait("input[name=code]")
	linked := chromium.NewTab().Open(shared.WaitMail(t, address, mails).Link)
	linked.Click(`form[action$="/auth/verify"] button`)
	return linked
}

// forgeLogout sends logout tokens that the provider did not sign.
func (c *clone) forgeLogout(subject string) {
	c.t.Helper()
	claims, err := json.Marshal(map[string]any{
		"iss": shared.Issuer, "sub": subject, "iat": time.Now().Unix(), "exp": time.Now().Unix() + 60, "jti": "1",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	coded := base64.RawURLEncoding
	unsigned := coded.EncodeToString([]byte(`{"alg":"none","typ":"logout+jwt"}`)) + "." + coded.EncodeToString(claims) + "."
	for _, token := range []string{"", "x", unsigned} {
		answer, err := http.PostForm(c.app+"/backchannel-logout", url.Values{"logout_token": {token}})
		if err != nil {
			c.t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusBadRequest {
			c.t.Errorf("a forged logout token: %s", answer.Status)
		}
	}
}
