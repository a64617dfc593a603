package clients_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
)

// APIs that take access tokens by a library: their own alone, and none that is
// bound to a key, which they do not ask for.
func TestAPIsByLibraries(t *testing.T) {
	t.Parallel()
	resource, other := "https://"+strings.ToLower(rand.Text())+".example", "https://"+strings.ToLower(rand.Text())+".example"
	for _, name := range []string{resource, other} {
		shared.Run(t, "api", "create", "--tenant", "demo", "--scope", "greet", name)
	}
	machine := register(t, "jose", nowhere) // as the others' pages, too
	own, foreign := tokenFor(t, machine, resource, nil), tokenFor(t, machine, other, nil)
	bound := tokenFor(t, machine, resource, newKeyHolder(t))
	node, interpreter := workspace(t, "node"), python(t)
	for file, command := range map[string][]string{
		"jose.js":                      {node, "node"},
		"express-oauth2-jwt-bearer.js": {node, "node"},
		"pyjwt_api.py":                 {"python", interpreter},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			origin := freeOrigin(t)
			api := start(t, command[0], map[string]any{"issuer": shared.Issuer, "audience": resource, "origin": origin}, command[1], file)
			api.expect("ready")
			api.listensAt(origin)
			for name, authorization := range map[string]string{
				"its own":                 "Bearer " + own,
				"in small letters":        "bearer " + own,
				"one for another API":     "Bearer " + foreign,
				"one that is bound":       "Bearer " + bound,
				"one that was changed":    "Bearer " + own[:len(own)-8] + "AAAAAAAA",
				"one of nobody":           "Bearer x",
				"none":                    "",
				"one that is no bearer's": "DPoP " + own,
			} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+"/hello", nil)
				if err != nil {
					t.Fatal(err)
				}
				if authorization != "" {
					r.Header.Set("Authorization", authorization)
				}
				var said map[string]string
				answer := send(t, r, &said)
				good := strings.HasSuffix(authorization, "earer "+own)
				if good != (answer.StatusCode == http.StatusOK) || good && (said["client"] != machine.ID || said["scope"] != "greet") {
					t.Errorf("%s: %d %v", name, answer.StatusCode, said)
				}
				if !good && answer.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s: no challenge", name)
				}
			}
		})
	}
}
