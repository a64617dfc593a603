package attacks_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// Threat 19: an answer that does not say whose it is can be taken for another
// provider's.
func TestEveryAuthorizationAnswerNamesItsIssuer(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.apart(t)
		l, _ := c.signIn(t)
		answers := map[string]*url.URL{"a login": l.browser.Get(c.request().url).URL}
		for name, change := range map[string][]string{
			"prompt=none without a session": {"prompt", "none"},
			"a response type":               {"response_type", "token"},
			"a scope":                       {"scope", "email"},
			"plain PKCE":                    {"code_challenge_method", "plain"},
			"a request object":              {"request", "e30.e30."},
			"fragment":                      {"response_mode", "fragment", "prompt", "none"},
		} {
			answers[name] = browse(t).Get(c.request(change...).url).URL
		}
		b := browse(t)
		page := b.Get(c.request().url)
		for _, button := range page.FormTo(t, "/auth/login").Buttons {
			if button.Value == "cancel" {
				form := page.FormTo(t, "/auth/login")
				answers["cancel"] = b.Submit(page, form, &button, nil).URL
			}
		}
		for name, u := range answers {
			q := u.Query()
			if u.Fragment != "" {
				q, _ = url.ParseQuery(u.Fragment)
			}
			if !strings.HasPrefix(u.String(), callback) || q.Get("iss") != c.tenant.base || q.Get("state") == "" {
				t.Errorf("%s: %s", name, u.Redacted())
			}
		}
		posted := browse(t).Get(c.request("response_mode", "form_post", "prompt", "none").url)
		if form := posted.FormTo(t, "/callback"); form.Values(nil, nil).Get("iss") != c.tenant.base {
			t.Errorf("form_post: %v", form)
		}
	})
}

// Threat 20: a stolen code without its verifier, with a made-up one, under
// another method, by another client, twice.
func TestAStolenCodeWithoutItsVerifierOrClientGivesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c, public := w.demo(t), w.demo(t, "--public", "--finish", "link")
		l, _ := c.signIn(t)
		for name, thief := range map[string]func(values url.Values) client{
			"no verifier":       func(v url.Values) client { v.Del("code_verifier"); return c },
			"an empty verifier": func(v url.Values) client { v.Set("code_verifier", ""); return c },
			"another verifier":  func(v url.Values) client { v.Set("code_verifier", oauth2.GenerateVerifier()); return c },
			"the challenge itself": func(v url.Values) client {
				v.Set("code_verifier", oauth2.S256ChallengeFromVerifier(v.Get("code_verifier")))
				return c
			},
			"another client":           func(url.Values) client { return w.demo(t) },
			"a public client":          func(url.Values) client { return public },
			"no redirect URI":          func(v url.Values) client { v.Del("redirect_uri"); return c },
			"a shorter redirect URI":   func(v url.Values) client { v.Set("redirect_uri", strings.TrimSuffix(callback, "k")); return c },
			"a code without its end":   func(v url.Values) client { v.Set("code", v.Get("code")[:63]); return c },
			"a code with another name": func(v url.Values) client { v.Set("code", "B"+v.Get("code")[1:]); return c },
		} {
			code := l.code(t, l.again(t))
			values := l.spend(code)
			by := thief(values)
			status, got := by.token(t, values)
			if status != http.StatusBadRequest || got["access_token"] != "" || (got["error"] != "invalid_grant" && got["error"] != "invalid_request") {
				t.Errorf("%s: %d %v", name, status, got["error"])
			}
		}
		// A verifier where no challenge was sent: a downgrade that the client did not see.
		l.request = c.request("code_challenge", "", "code_challenge_method", "")
		status, got := c.token(t, l.spend(l.code(t, l.browser.Get(l.request.url))))
		refused(t, "a verifier that nobody asked for", status, got)
		for name, change := range map[string][]string{
			"plain":                    {"code_challenge_method", "plain"},
			"no method":                {"code_challenge_method", ""},
			"no challenge":             {"code_challenge", ""},
			"neither, of a public one": {"code_challenge", "", "code_challenge_method", "", "client_id", public.ID},
			"a short challenge":        {"code_challenge", "abc"},
		} {
			p := l.browser.Get(c.request(change...).url)
			if got := p.URL.Query(); got.Get("error") != "invalid_request" || got.Get("code") != "" {
				t.Errorf("%s: %s", name, p.URL.Redacted())
			}
		}
	})
}

// Threat 21: whoever of thief and owner comes second ends the family, and the
// other's token with it, by the next request and at every process.
func TestAStolenRefreshTokenEndsItsFamilyWhoeverUsesItFirst(t *testing.T) {
	onBothWithClocks(t, func(t *testing.T, w *world) {
		now, later := 0, 1 // later is past the grace for an honest second try
		for name, order := range map[string][2]string{"thief first": {"thief", "owner"}, "owner first": {"owner", "thief"}} {
			c := w.demo(t)
			b := by(browse(t), now)
			l := &login{client: c, browser: b, address: newAddress(), request: c.request()}
			l.waiting = submit(t, b, b.Get(l.request.url), "/auth/login", url.Values{"email": {l.address}})
			_, tokens := l.tokenAt(t, now, l.spend(l.code(t, l.press(t, l.link(t)))))
			stolen := tokens["refresh_token"]
			status, first := c.tokenAt(t, now, renew(stolen))
			if status != http.StatusOK || first["refresh_token"] == stolen {
				t.Fatalf("%s: %s is answered %d %v", name, order[0], status, first["error"])
			}
			status, got := c.tokenAt(t, later, renew(stolen))
			refused(t, name+": the second, "+order[1], status, got)
			for _, replica := range []int{now, later} {
				status, got = c.tokenAt(t, replica, renew(first["refresh_token"]))
				refused(t, name+": the first, "+order[0], status, got)
				if got := c.userinfo(t, replica, first["access_token"]); got != http.StatusUnauthorized {
					t.Errorf("%s: an access token of the family is answered %d", name, got)
				}
			}
		}
		c, other := w.demo(t), w.demo(t)
		b := by(browse(t), now)
		l := &login{client: c, browser: b, address: newAddress(), request: c.request()}
		l.waiting = submit(t, b, b.Get(l.request.url), "/auth/login", url.Values{"email": {l.address}})
		_, tokens := l.tokenAt(t, now, l.spend(l.code(t, l.press(t, l.link(t)))))
		_, first := c.tokenAt(t, now, renew(tokens["refresh_token"]))
		status, got := other.tokenAt(t, now, renew(tokens["refresh_token"])) // within the grace, which is its client's
		refused(t, "another client within the grace", status, got)
		if status, _ := c.tokenAt(t, now, renew(first["refresh_token"])); status != http.StatusOK {
			t.Errorf("what another client sent ended the family: %d", status)
		}
	}, "0s", "30s")
}

// Threat 21, turned round: who has seen an old token of a public client, or only
// its first part, which names the grant, ends nobody's family with one of their own.
func TestAMadeUpRefreshTokenEndsNoFamily(t *testing.T) {
	onBothWithClocks(t, func(t *testing.T, w *world) {
		now, later := 0, 1
		c := w.demo(t, "--public", "--finish", "link")
		b := by(browse(t), now)
		l := &login{client: c, browser: b, address: newAddress(), request: c.request()}
		l.waiting = submit(t, b, b.Get(l.request.url), "/auth/login", url.Values{"email": {l.address}})
		_, tokens := l.tokenAt(t, now, l.spend(l.code(t, l.press(t, l.link(t)))))
		old := tokens["refresh_token"]
		_, first := c.tokenAt(t, now, renew(old))
		for name, made := range map[string]string{
			"the grant's name alone":     old[:22] + strings.Repeat("A", 42),
			"with a mark of another":     old[:22] + strings.Repeat("A", 42) + old[64:],
			"an old one without its own": old[:64],
		} {
			status, got := c.tokenAt(t, later, renew(made))
			refused(t, name, status, got)
		}
		if status, _ := c.tokenAt(t, later, renew(first["refresh_token"])); status != http.StatusOK {
			t.Errorf("a token that somebody made up ended the family: %d", status)
		}
	}, "0s", "30s")
}

// Threat 28: every kind of token in every place for another kind.
func TestATokenOfOneKindInThePlaceOfAnotherIsNone(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.apart(t)
		w.run(t, "api", "create", "--tenant", c.tenant.Slug, behind)
		c = w.clientOf(t, c.tenant, exchanges...)
		l, code := c.signIn(t)
		tokens := redeem(t, c.tenant, code, l.request.verifier)
		fresh := l.code(t, l.again(t))
		kinds := map[string]string{
			"access token": tokens["access_token"], "id token": tokens["id_token"], "refresh token": tokens["refresh_token"],
			"authorization code": fresh, "client secret": c.Secret,
		}
		for name, value := range kinds {
			if got := c.userinfo(t, -1, value); (got == http.StatusOK) != (name == "access token") {
				t.Errorf("%s at userinfo: %d", name, got)
			}
			hint := browse(t).Get(c.request("prompt", "none", "id_token_hint", value).url)
			if got := hint.URL.Query().Get("error"); (got == "login_required") != (name == "id token") {
				t.Errorf("%s as id_token_hint: %s", name, got)
			}
			_, body := c.tenant.send(t, attempt{method: http.MethodPost, path: "/introspect", values: appValues(c.app, url.Values{"token": {value}})})
			if active := strings.Contains(body, `"active":true`); active != (name == "access token" || name == "refresh token") {
				t.Errorf("%s at introspection: %s", name, body)
			}
			status, got := c.token(t, url.Values{
				"grant_type": {"client_credentials"}, "client_assertion": {value},
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_secret": {""},
			})
			if status == http.StatusOK {
				t.Errorf("%s as a client assertion: %d %v", name, status, got)
			}
			if status, got = c.token(t, exchange(value)); (status == http.StatusOK) != (name == "access token") {
				t.Errorf("%s as a subject token: %d %v", name, status, got)
			}
			if name != "refresh token" {
				status, got = c.token(t, renew(value))
				refused(t, name+" as a refresh token", status, got)
			}
			if name != "authorization code" {
				status, got = c.token(t, l.spend(value))
				refused(t, name+" as a code", status, got)
			}
			if p := browse(t).Get(c.request("request", value).url); p.URL.Query().Get("error") == "" && p.Status < 400 {
				t.Errorf("%s as a request object: %s", name, p.URL.Redacted())
			}
		}
	})
}

// Threat 26: tokens that are forged by what their own header says.
func TestForgedSignaturesAreRefusedFast(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		l, code := c.signIn(t)
		tokens := redeem(t, c.tenant, code, l.request.verifier)
		signer := newSigner(t)
		private := w.signing(t, signer)
		for name, forged := range forgeries(t, tokens["access_token"], signer) {
			began := time.Now()
			if got := c.userinfo(t, -1, forged); got != http.StatusUnauthorized && got != http.StatusBadRequest && got != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s as an access token: %d", name, got)
			}
			if len(forged) < 4096 {
				p := browse(t).Get(c.request("prompt", "none", "id_token_hint", forged).url)
				if got := p.URL.Query().Get("error"); got != "invalid_request" && p.Status < 400 {
					t.Errorf("%s as a hint: %s", name, p.URL.Redacted())
				}
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s took %s", name, took)
			}
		}
		good := signer.sign(t, assertionClaims(private, "good"), nil)
		if status, got := private.assert(t, -1, good); status != http.StatusOK {
			t.Fatalf("a good assertion: %d %v", status, got)
		}
		for name, forged := range forgeries(t, signer.sign(t, assertionClaims(private, "forged"), nil), signer) {
			began := time.Now()
			if status, got := private.assert(t, -1, forged); status != http.StatusUnauthorized && status != http.StatusBadRequest && status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s as an assertion: %d %v", name, status, got)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s took %s", name, took)
			}
		}
	})
}

// forgeries are made of a token that is good: its claims under other headers.
func forgeries(t *testing.T, token string, by *signer) map[string]string {
	t.Helper()
	parts := strings.Split(token, ".")
	encode := func(header map[string]any) string {
		raw, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	other := newSigner(t)
	out := map[string]string{
		"alg none":                encode(map[string]any{"alg": "none", "typ": "at+jwt"}) + "." + parts[1] + ".",
		"alg NonE":                encode(map[string]any{"alg": "NonE", "typ": "at+jwt"}) + "." + parts[1] + ".",
		"alg none with the rest":  encode(map[string]any{"alg": "none"}) + "." + parts[1] + "." + parts[2],
		"no alg":                  encode(map[string]any{"typ": "JWT"}) + "." + parts[1] + "." + parts[2],
		"no signature":            parts[0] + "." + parts[1] + ".",
		"another's signature":     other.signRaw(t, claims, nil),
		"an embedded jwk":         other.signRaw(t, claims, map[string]any{"jwk": other.public()}),
		"a jku":                   other.signRaw(t, claims, map[string]any{"jku": "https://evil.example/jwks"}),
		"an x5u":                  other.signRaw(t, claims, map[string]any{"x5u": "https://evil.example/x"}),
		"crit":                    by.signRaw(t, claims, map[string]any{"crit": []string{"evil"}, "evil": true}),
		"kid as a path":           other.signRaw(t, claims, map[string]any{"kid": "../../../dev/null"}),
		"kid as SQL":              other.signRaw(t, claims, map[string]any{"kid": "x' OR '1'='1"}),
		"HS256 under the public":  hmacWith(t, claims, by),
		"HS256 under nothing":     hmacKey(t, claims, nil),
		"five parts (JWE)":        token + ".AAAA.AAAA",
		"JSON serialization":      `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"a zip bomb":              encode(map[string]any{"alg": "dir", "enc": "A256GCM", "zip": "DEF"}) + "..AAAAAAAAAAAAAAAA." + strings.Repeat("A", 8000) + ".AAAAAAAAAAAAAAAAAAAAAA",
		"a huge token":            token + strings.Repeat("A", 60_000),
		"a huge header":           encode(map[string]any{"alg": "RS256", "x": strings.Repeat("x", 20_000)}) + "." + parts[1] + "." + parts[2],
		"deep nesting":            base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("[", 5000))) + "." + parts[1] + "." + parts[2],
		"another signature's end": parts[0] + "." + parts[1] + "." + "AAAA" + parts[2][4:],
	}
	return out
}
