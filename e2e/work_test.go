package e2e_test

import (
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"postern/e2e/harness"
)

// working makes a tenant that wants work and gives the way to its address page.
func working(t *testing.T, settings ...string) string {
	t.Helper()
	slug := "work-" + strings.ToLower(rand.Text()[:8])
	shared.Run(t, "tenant", "create", slug, "--name", "Busy Works")
	shared.Run(t, append([]string{"tenant", "set", slug}, settings...)...)
	shared.Run(t, "client", "create", "--tenant", slug, "--name", "Busy App", "--id", "busy", "--public", "--finish", "link",
		"--redirect-uri", shared.URL+"/dev/app/callback")
	q := url.Values{
		"client_id": {"busy"}, "redirect_uri": {shared.URL + "/dev/app/callback"}, "response_type": {"code"}, "scope": {"openid"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())}, "code_challenge_method": {"S256"},
	}
	return shared.URL + "/t/" + slug + "/authorize?" + q.Encode()
}

// A person notices little of the work that keeps bots away: the browser does it
// while they type, or once they have pressed the button, and goes on by itself.
func TestAPersonSignsInWhereWorkIsWantedInChromium(t *testing.T) {
	t.Parallel()
	chromium := harness.NewChromium(t)
	for name, page := range map[string]string{
		"always":                   working(t, "proof_of_work=always"),
		"once there is much to do": working(t, "proof_of_work=1%", "limit.sending=50/10m"),
	} {
		tab, address := chromium.NewTab().Open(page), newAddress()
		typeAddress(tab, address)
		tab.Open(shared.WaitMail(t, address, 1).Link)
		tab.Click(`form[action$="/auth/verify"] button`)
		tab.WaitURL(shared.URL + "/dev/app/callback?code=")
		tab.Open(page) // signed in, and known: nothing is asked
		if got := tab.URL(); !strings.HasPrefix(got, shared.URL+"/dev/app/callback?code=") {
			t.Errorf("%s: at %s", name, got)
		}
	}
}

// Without a script the page says how long to wait, and keeps what was typed.
func TestAPhoneWithoutScriptIsToldToWaitWhereWorkIsWanted(t *testing.T) {
	t.Parallel()
	tab, address := harness.NewChromium(t).NewTab().Phone().WithoutScript(), newAddress()
	tab.Open(working(t, "proof_of_work=1%", "limit.sending=50/10m"))
	tab.Type("input[name=email]", address)
	tab.Click(`form[action$="/auth/login"] button:not([value=cancel])`)
	tab.WaitText("seconds before you press")
	if html := tab.HTML(); !strings.Contains(html, `value="`+address+`"`) {
		t.Errorf("the address is lost:\n%s", html)
	}
}
