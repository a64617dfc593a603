package clients_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// insecure lets Python's libraries speak http to the provider on this machine.
var insecure = []string{"AUTHLIB_INSECURE_TRANSPORT=1", "OAUTHLIB_INSECURE_TRANSPORT=1"}

func TestAuthlibSession(t *testing.T) {
	t.Parallel()
	interpreter := python(t)
	for name, c := range map[string]struct {
		transport, method, alg, secret string
	}{
		"requests, client_secret_basic":                    {transport: "requests", method: "client_secret_basic"},
		"requests, client_secret_basic with an odd secret": {transport: "requests", method: "client_secret_basic", secret: odd},
		"httpx, client_secret_post with an odd secret":     {transport: "httpx", method: "client_secret_post", secret: odd},
		"requests, private_key_jwt":                        {transport: "requests", method: "private_key_jwt", alg: "ES256"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := map[string]any{"issuer": shared.Issuer, "transport": c.transport, "method": c.method, "redirectUri": callback}
			var args []string
			if c.alg != "" {
				private, public := newKey(t, c.alg)
				settings["key"] = json.RawMessage(private)
				args = append(args, "--auth-method", "private_key_jwt", "--jwks-file", public)
			}
			if c.secret != "" {
				args = append(args, "--secret-file", secretFile(t, c.secret))
			}
			registered := register(t, "authlib", nowhere, args...)
			settings["clientId"], settings["secret"] = registered.ID, registered.Secret
			p := newPerson(t)
			app := start(t, "python", settings, interpreter, "authlib_session.py")
			app.say(p.signIn(app.expect("open")).URL.String())
			var found report
			app.result(&found)
			found.check(t, p)
			if !found.Introspected.Active || found.AfterRevocation != "invalid_grant" {
				t.Errorf("introspection %+v, after revocation %q", found.Introspected, found.AfterRevocation)
			}
		})
	}
}

func TestRequestsOAuthlib(t *testing.T) {
	t.Parallel()
	interpreter := python(t)
	registered := register(t, "requests-oauthlib", nowhere, "--secret-file", secretFile(t, odd))
	p := newPerson(t)
	app := start(t, "python", map[string]any{
		"issuer": shared.Issuer, "clientId": registered.ID, "secret": registered.Secret, "redirectUri": callback,
	}, interpreter, "requests_oauthlib_session.py")
	app.say(p.signIn(app.expect("open")).URL.String())
	var found report
	app.result(&found)
	found.check(t, p)
}

func TestFlaskAppByAuthlib(t *testing.T) {
	t.Parallel()
	interpreter, origin := python(t), freeOrigin(t)
	webApp(t, register(t, "authlib", origin), origin, func(settings map[string]any) *program {
		return start(t, "python", settings, interpreter, "flask_app.py")
	})
}

// Django by mozilla-django-oidc: it renews what it knows by prompt=none, and signs out at the provider.
func TestDjangoByMozilla(t *testing.T) {
	t.Parallel()
	interpreter, origin := python(t), freeOrigin(t)
	p := webApp(t, register(t, "mozilla-django-oidc", origin), origin, func(settings map[string]any) *program {
		return djangoSite(t, interpreter, settings, "mozilla")
	})
	first := readReport(t, p.browser.Get(origin))
	harness.Eventually(t, "another ID token by prompt=none", func() bool { return readReport(t, p.browser.Get(origin)).Claims.IssuedAt > first.Claims.IssuedAt })
	leave := p.browser.Get(origin + "/leave")
	page := p.browser.Submit(leave, leave.FormTo(t, "/oidc/logout/"), nil, nil)
	if !strings.Contains(page.Body, "signedOut") || !p.signedOut() {
		t.Errorf("after signing out: status %d at %s: %s", page.Status, page.URL.Redacted(), page.Body)
	}
}

func TestDjangoByAllauth(t *testing.T) {
	t.Parallel()
	interpreter, origin := python(t), freeOrigin(t)
	webApp(t, register(t, "django-allauth", origin), origin, func(settings map[string]any) *program {
		return djangoSite(t, interpreter, settings, "allauth_site")
	})
}

// djangoSite runs one of the sites, with a database and a cookie of its own.
func djangoSite(t *testing.T, interpreter string, settings map[string]any, site string) *program {
	t.Helper()
	settings["database"], settings["cookie"], settings["renewAfter"] = filepath.Join(t.TempDir(), "site.db"), site, 1
	return start(t, "python", settings, interpreter, "django_site.py", site+".settings")
}
