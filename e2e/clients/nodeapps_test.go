package clients_test

import (
	"strings"
	"testing"

	"postern/e2e/harness"
)

// Each app is one file of the folder node, on a library that does the rest.
func TestWebAppsOnNode(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "node")
	for _, page := range []string{"express-openid-connect", "passport-openidconnect", "authjs"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			origin := freeOrigin(t)
			registered := register(t, page, origin, "--secret-file", secretFile(t, odd))
			p := webApp(t, registered, origin, func(settings map[string]any) *program {
				return start(t, dir, settings, "node", page+".js")
			})
			if page == "express-openid-connect" { // the others leave signing out at the provider to the app
				signsOutBothWays(t, p, origin)
			}
		})
	}
}

// signsOutBothWays has the person sign out in the app, and again at the provider, which tells the app.
func signsOutBothWays(t *testing.T, p person, origin string) {
	t.Helper()
	if page := p.browser.Get(origin + "/logout"); !strings.Contains(page.Body, "signedOut") {
		t.Errorf("after signing out: status %d at %s: %s", page.Status, page.URL.Redacted(), page.Body)
	}
	if !p.signedOut() {
		t.Error("the app's sign-out left the provider's session")
	}
	p.mails++
	readReport(t, p.signIn(origin+"/login")).check(t, p)
	shared.Run(t, "user", "sign-out", "--tenant", "demo", p.address)
	harness.Eventually(t, "the app to hear of the end", func() bool {
		return strings.Contains(p.browser.Get(origin).Body, "signedOut")
	})
}
