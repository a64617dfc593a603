package attacks_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// something tells, endpoint by endpoint, which credentials are something there
// at home; every other is nothing anywhere. The order is that of a life: what
// ends or spends a credential comes after what only reads it.
var something = []struct {
	path        string
	credentials []string
}{
	{"/.well-known/oauth-authorization-server", nil},
	{"/.well-known/openid-configuration", nil},
	{"/jwks", nil},
	{"/auth/assets/*", nil},
	{"/auth/assets/brand/*", nil},
	{"/auth/logo/{client}", nil},
	{"/auth/consent", nil},
	{"/auth/consent/cancel", nil},
	{"/end_session/cancel", nil},
	{"/auth/login", []string{"sealed request"}},
	{"/auth/waiting", []string{"browser cookie"}},
	{"/auth/waiting/state", []string{"browser cookie"}},
	{"/userinfo", []string{"access token"}},
	{"/introspect", []string{"access token", "client secret", "refresh token"}},
	{"/authorize", []string{"session cookie"}},
	{"/auth/verify", []string{"link token"}},
	{"/register", []string{"initial access token"}},
	{"/register/{client}", nil},
	{"/token", []string{"authorization code", "refresh token", "client secret"}},
	{"/auth/resend", nil},
	{"/auth/finish", nil},
	{"/auth/code", []string{"form token", "relay code"}},
	{"/auth/cancel", nil},
	{"/end_session", []string{"id token as hint"}},
	{"/revoke", []string{"client secret"}},
}

// ofNoTenant are endpoints of the instance.
var ofNoTenant = []string{"/healthz", "/readyz"}

// endpoints are the paths below an issuer, as the router has them.
func endpoints(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("../../cmd/postern/testdata/routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		path, _, _ := strings.Cut(line, " ")
		path = strings.TrimSuffix(strings.TrimPrefix(path, "/t/{tenant}"), "/t/{tenant}")
		if !slices.Contains(ofNoTenant, path) {
			found[path] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestEveryEndpointSaysWhichCredentialsCountThere(t *testing.T) {
	t.Parallel()
	var declared []string
	for _, e := range something {
		declared = append(declared, e.path)
	}
	slices.Sort(declared)
	for _, path := range endpoints(t) {
		if !slices.Contains(declared, path) {
			t.Errorf("%s is new: add to `something` in e2e/attacks which credentials count there at home", path)
		}
	}
	for _, path := range declared {
		if !slices.Contains(endpoints(t), path) {
			t.Errorf("%s is gone: take it out of `something`", path)
		}
	}
}

// What one tenant gave out is answered by every other, at every endpoint, as
// noise is; and afterwards it is as good at home as ever.
func TestCredentialsOfOneTenantTriedInAnother(t *testing.T) {
	t.Parallel()
	id := strings.ToLower(rand.Text())
	home := newTenant(t, id)
	host := strings.ToLower(rand.Text()) + ".example"
	victims := map[string]tenant{"path": newTenant(t, id), "host": newTenant(t, id, "--host", host), "root": newTenant(t, id, "--root")}
	for name, v := range victims {
		if name != "path" {
			v.base = server.URL
		}
		if name == "host" {
			v.host = host
		}
		victims[name] = v
	}
	for _, one := range append(slices.Collect(maps.Values(victims)), home) {
		server.Run(t, "tenant", "set", one.Slug, "registration=token")
	}
	h := collect(t, home)
	for name, victim := range victims {
		reaches(t, name, victim)
		for _, path := range endpoints(t) {
			for _, c := range h.credentials {
				tryAbroad(t, name, victim, path, c, h)
			}
		}
	}
	for _, e := range something {
		for _, c := range h.credentials {
			if slices.Contains(e.credentials, c.name) && !countsAt(t, home, e.path, c) {
				t.Errorf("at home, %s does not tell a good %s from noise: this test cannot fail there", e.path, c.name)
			}
		}
	}
}

// reaches makes sure that a victim answers at all: refusals by a missing tenant prove nothing.
func reaches(t *testing.T, name string, victim tenant) {
	t.Helper()
	if a, body := victim.send(t, attempt{method: http.MethodGet, path: "/jwks"}); a.Status != http.StatusOK {
		t.Fatalf("the %s tenant is not served: %d %s", name, a.Status, body)
	}
}

var tried = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}

func tryAbroad(t *testing.T, name string, victim tenant, path string, c credential, h held) {
	t.Helper()
	for _, method := range tried {
		want, _ := victim.send(t, c.at(victim, method, path, noise(c.value)))
		got, text := victim.send(t, c.at(victim, method, path, c.value))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s of the %s tenant tells a foreign %s from noise:\n%s", method, path, name, c.name, diff)
		}
		if strings.Contains(text, h.address) || strings.Contains(text, h.subject) {
			t.Errorf("%s %s of the %s tenant answers a foreign %s with whom it belongs to", method, path, name, c.name)
		}
	}
}

// countsAt tells whether a credential is answered otherwise than noise.
func countsAt(t *testing.T, home tenant, path string, c credential) bool {
	t.Helper()
	for _, method := range tried[:2] {
		asNoise, _ := home.send(t, c.at(home, method, path, noise(c.value)))
		if good, _ := home.send(t, c.at(home, method, path, c.value)); !cmp.Equal(asNoise, good) {
			return true
		}
	}
	return false
}

func (c credential) at(to tenant, method, path, value string) attempt {
	a := attempt{method: method, path: strings.NewReplacer("{client}", to.app.ID, "*", "x").Replace(path)}
	c.put(&a, to.app, value)
	return a
}
