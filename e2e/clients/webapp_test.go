package clients_test

import (
	"encoding/json"
	"testing"

	"postern/e2e/harness"
)

// webApp signs a person in to an app that serves /login and shows at / what it
// knows of them, as JSON.
func webApp(t *testing.T, registered client, origin string, run func(settings map[string]any) *program) person {
	t.Helper()
	app := run(map[string]any{"issuer": shared.Issuer, "clientId": registered.ID, "secret": registered.Secret, "origin": origin})
	app.expect("ready")
	app.listensAt(origin)
	p := newPerson(t)
	page := p.signIn(origin + "/login")
	readReport(t, page).check(t, p)
	return p
}

// readReport reads what an app shows at /.
func readReport(t *testing.T, page *harness.Page) (found report) {
	t.Helper()
	if err := json.Unmarshal([]byte(page.Body), &found); err != nil {
		t.Fatalf("%v at %s:\n%s", err, page.URL, page.Body)
	}
	return found
}
