package clients_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"postern/e2e/harness"
)

func TestTheSPAExampleSignsInCallsTheAPIAndSignsOut(t *testing.T) {
	t.Parallel()
	c := newClone(t, "api", "spa")
	c.run("api")
	c.run("spa")
	chromium, address := harness.NewChromium(t), newAddress()
	tab := chromium.NewTab().Open(c.app)
	tab.Wait("#sign-in")
	look(t, tab, "spa-nobody")
	signInByLink(t, chromium, tab, address, 1)
	tab.WaitText("Signed in as " + address) // in the tab that asked
	if tab.URL() != c.app+"/" {
		t.Errorf("the login ends at %s", tab.URL())
	}
	tab.Click("#hello")
	tab.WaitText(`"scope":"openid email offline_access greet"`)
	look(t, tab, "spa-somebody")
	first := storedUser(t, tab)
	tab.Click("#renew")
	tab.WaitText("Renewals\n1")
	second := storedUser(t, tab)
	if second.Access == first.Access || second.Refresh == first.Refresh {
		t.Error("the tokens were not renewed")
	}
	tab.Open(c.app) // they outlive a reload
	tab.WaitText("Signed in as " + address)
	tab.Click("#hello")
	tab.WaitText("The API says")
	if ran := tab.Value(`const s = document.createElement("script"); s.textContent = "window.ran = 1"; document.body.append(s); String(window.ran)`); ran != "undefined" {
		t.Errorf("the page's policy lets a script in that is not its own: %q", ran)
	}
	asID := get(t, c.api+"/hello")
	asID.Header.Set("Authorization", "Bearer "+second.ID)
	if answer := send(t, asID, nil); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("the API takes an ID token: %s", answer.Status)
	}

	tab.Click("#sign-out")
	tab.WaitText("You are not signed in.")
	if left := tab.Value("String(sessionStorage.length)"); left != "0" {
		t.Errorf("signing out left %s things in the tab", left)
	}
	checkRevoked(t, second.Refresh, clientOf(t, second.Access))
	tab.Click("#sign-in")
	tab.Wait("input[name=email]") // for the provider's session is over, too
	tab.Click("button[value=cancel]")
	tab.WaitText("You are not signed in.")
}

// userOfTab is what oidc-client-ts keeps of a person in the tab.
type userOfTab struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
}

func storedUser(t *testing.T, tab *harness.Tab) (user userOfTab) {
	t.Helper()
	text := tab.Value(`sessionStorage.getItem(Object.keys(sessionStorage).find(key => key.startsWith("oidc.user:")))`)
	if err := json.Unmarshal([]byte(text), &user); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	return user
}
