package clients_test

import (
	"strings"
	"testing"
)

// Each app is one file of the folder node, on a library that does the rest.
func TestWebAppsOnNode(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "node")
	for file, c := range map[string]struct {
		callback, secret string
		registration     []string
	}{
		"express-openid-connect.js": {callback: "/callback", secret: odd},
		"passport.js":               {callback: "/callback", secret: odd, registration: []string{"--pkce", "optional"}},
		"authjs.js":                 {callback: "/auth/callback/postern", secret: odd},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			origin := freeOrigin(t)
			args := append([]string{
				"--redirect-uri", origin + c.callback, "--post-logout-redirect-uri", origin, "--secret-file", secretFile(t, c.secret),
			}, c.registration...)
			p, registered := webApp(t, origin, args, func(settings map[string]any) *program {
				return start(t, dir, settings, "node", file)
			})
			if file != "express-openid-connect.js" {
				return // the others leave signing out at the provider to the app
			}
			if page := p.browser.Get(origin + "/logout"); !strings.Contains(page.Body, "signedOut") {
				t.Errorf("after signing out: status %d at %s: %s", page.Status, page.URL.Redacted(), page.Body)
			}
			if !p.signedOut(registered.ID) {
				t.Error("the app's sign-out left the provider's session")
			}
		})
	}
}
