package clients_test

import (
	"encoding/json"
	"testing"
)

// webApp signs a person in to an app that serves /login and shows at / what it
// knows of them, as JSON.
func webApp(t *testing.T, origin string, registration []string, run func(settings map[string]any) *program) (person, client) {
	t.Helper()
	registered := newClient(t, registration...)
	app := run(map[string]any{"issuer": shared.Issuer, "clientId": registered.ID, "secret": registered.Secret, "origin": origin})
	app.expect("ready")
	app.listensAt(origin)
	p := newPerson(t)
	page := p.signIn(origin + "/login")
	var found report
	if err := json.Unmarshal([]byte(page.Body), &found); err != nil {
		t.Fatalf("%v at %s:\n%s", err, page.URL, page.Body)
	}
	found.check(t, p)
	return p, registered
}
