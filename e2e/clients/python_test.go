package clients_test

import (
	"encoding/json"
	"testing"
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
			args := []string{"--redirect-uri", callback}
			if c.alg != "" {
				private, public := newKey(t, c.alg)
				settings["key"] = json.RawMessage(private)
				args = append(args, "--auth-method", "private_key_jwt", "--jwks-file", public)
			}
			if c.secret != "" {
				args = append(args, "--secret-file", secretFile(t, c.secret))
			}
			registered := newClient(t, args...)
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
	registered := newClient(t, "--redirect-uri", callback, "--secret-file", secretFile(t, odd))
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
	webApp(t, origin, []string{"--redirect-uri", origin + "/callback"}, func(settings map[string]any) *program {
		return start(t, "python", settings, interpreter, "flask_app.py")
	})
}
