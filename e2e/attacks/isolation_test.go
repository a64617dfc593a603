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

	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

// something tells, endpoint by endpoint, which credentials are something there
// at home; at those with none, nothing of them is read. The order is that of a
// life: what ends or spends a credential comes after what only reads it.
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
	{"/auth/waiting", []string{"browser cookie"}},
	{"/auth/waiting/state", []string{"browser cookie"}},
	{"/userinfo", []string{"access token", "opaque token", "bound access token"}},
	{"/introspect", []string{"access token", "opaque token", "bound access token", "client secret", "refresh token", "client assertion"}},
	{"/authorize", []string{"session cookie", "id token as hint", "request that was posted", "stored request that was posted", "pushed request"}},
	{"/auth/account", []string{"session cookie"}},
	{"/auth/account/signout", []string{"session cookie"}},
	{"/auth/account/everywhere", []string{"session cookie"}},
	{"/auth/account/access", []string{"session cookie", "account form token"}},
	{"/auth/verify", []string{"link token"}},
	{"/register", []string{"initial access token"}},
	{"/register/{client}", []string{"registration token"}},
	{"/par", []string{"client secret", "client assertion"}},
	{"/token", []string{
		"authorization code", "refresh token", "client secret", "client assertion", "subject token", "bound access token", "device code",
	}},
	{"/auth/login", []string{"request", "stored request", "consent request", "login form token", "known-browser cookie"}},
	{"/auth/cancel", []string{"login form token"}},
	{"/auth/resend", []string{"form token"}},
	{"/auth/consent", []string{"consent request", "consent form token"}},
	{"/auth/consent/cancel", []string{"consent request", "consent form token"}},
	{"/auth/device", []string{"user code"}},
	{"/device_authorization", []string{"client secret", "client assertion"}},
	{"/auth/code", []string{"form token", "relay code"}},
	{"/auth/finish", []string{"finish form token"}},
	{"/end_session/cancel", []string{"logout confirmation", "logout form token"}},
	{"/end_session", []string{"logout confirmation", "logout form token", "logout that was posted", "id token as hint"}},
	{"/revoke", []string{"client secret", "client assertion"}},
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
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		tryTenants(t, server)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		on, err := harness.StartOn(binary, t.TempDir(), pgtest.Schema(t, pgtest.URL(t)), "--limits", "relaxed")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := on.Stop(); err != nil {
				t.Error(err)
			}
		})
		tryTenants(t, on)
	})
}

func tryTenants(t *testing.T, on *harness.Server) {
	t.Helper()
	id := strings.ToLower(rand.Text())
	home := newTenantOn(t, on, id, "path")
	h := collect(t, home)
	for _, found := range []string{"path", "host", "root"} {
		victim := newTenantOn(t, on, id, found)
		victim.newApp(t, h.registered)
		victim.awaitsGuest(t, h.address)
		for _, path := range endpoints(t) {
			for _, method := range victim.takes(t, path) {
				for _, c := range h.credentials {
					tryAbroad(t, found, victim, method, path, c, h)
				}
			}
		}
	}
	home.awaitsGuest(t, h.address)
	for _, e := range something {
		for _, c := range h.credentials {
			counts, declared := len(e.credentials) > 0, slices.Contains(e.credentials, c.name)
			switch {
			case declared && !countsAt(t, home, e.path, c):
				t.Errorf("at home, %s does not tell a good %s from noise: this test cannot fail there", e.path, c.name)
			case !counts && countsAt(t, home, e.path, c):
				t.Errorf("at home, %s reads the %s: add it to `something`", e.path, c.name)
			}
		}
	}
}

// awaitsGuest has a guest before the login page, and the mailbox's limit used
// up, so that a browser that counts as known makes a difference.
func (to *tenant) awaitsGuest(t *testing.T, address string) {
	t.Helper()
	to.guest = to.newGuest(t)
	form := changed(to.guest.values, "email", address)
	if a, body := to.send(t, attempt{method: http.MethodPost, path: "/auth/login", values: form, cookies: to.guest.cookies}); a.Status != http.StatusSeeOther {
		t.Fatalf("a guest's login is answered %d %s", a.Status, body)
	}
}

// takes gives the methods that an endpoint knows. That there are any shows that
// the tenant is served: refusals by a missing one prove nothing.
func (to tenant) takes(t *testing.T, path string) (methods []string) {
	t.Helper()
	path = strings.NewReplacer("{client}", to.app.ID, "*", "x").Replace(path)
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if a, _ := to.send(t, attempt{method: method, path: path}); a.Status != http.StatusMethodNotAllowed {
			methods = append(methods, method)
		}
	}
	if a, body := to.send(t, attempt{method: http.MethodGet, path: "/jwks"}); a.Status != http.StatusOK || len(methods) == 0 {
		t.Fatalf("%s: not served, or by no method: %d %s", to.base+path, a.Status, body)
	}
	return methods
}

func tryAbroad(t *testing.T, name string, victim tenant, method, path string, c credential, h *held) {
	t.Helper()
	want, _ := victim.send(t, c.at(victim, method, path, noise(c.value())))
	got, text := victim.send(t, c.at(victim, method, path, c.value()))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s %s of the %s tenant tells a foreign %s from noise:\n%s", method, path, name, c.name, diff)
	}
	if strings.Contains(text, h.address) || strings.Contains(text, h.subject) {
		t.Errorf("%s %s of the %s tenant answers a foreign %s with whom it belongs to", method, path, name, c.name)
	}
}

// countsAt tells whether a credential is answered otherwise than noise.
func countsAt(t *testing.T, home tenant, path string, c credential) bool {
	t.Helper()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		asNoise, _ := home.send(t, c.at(home, method, path, noise(c.value())))
		if good, _ := home.send(t, c.at(home, method, path, c.value())); !cmp.Equal(asNoise, good) {
			return true
		}
	}
	return false
}
