package op_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

func TestACodeGivesTokensThatSayWhatTheyShould(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	code := w.code("web")
	w.move(10 * time.Second)
	res := w.token(redemption("web", code))
	got := res.json(t)
	if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v %s", res.StatusCode, res.Header, res.body)
	}
	if got["token_type"] != "Bearer" || got["expires_in"] != 3600.0 || got["scope"] != "openid email offline_access" || len(fmt.Sprint(got["refresh_token"])) != 86 {
		t.Errorf("%v", got)
	}
	now := float64(w.now().Unix())
	id := w.claimsOf(got["id_token"], "JWT", jose.RS256)
	atHash := id["at_hash"]
	delete(id, "at_hash")
	want := map[string]any{
		"iss": issuer, "sub": "subject-1", "aud": "web", "exp": now + 3600, "iat": now, "auth_time": now - 10, "nonce": "the nonce",
		"acr": idp.ACRLink, "amr": []any{"email"}, "sid": string(w.sessions.session.ID), "email": "ada@example.org", "email_verified": true,
	}
	if diff := cmp.Diff(want, id); diff != "" {
		t.Error(diff)
	}
	if len(fmt.Sprint(atHash)) != 22 {
		t.Errorf("at_hash %v", atHash)
	}
	access := w.claimsOf(got["access_token"], "at+jwt", jose.ES256)
	if len(fmt.Sprint(access["jti"])) != 36 {
		t.Errorf("jti %v", access["jti"])
	}
	spent, err := idp.ParseCredential(code)
	if gid := fmt.Sprint(access["gid"]); err != nil || len(gid) < 36 || strings.Contains(gid, spent.ID) {
		t.Errorf("gid %s is not sealed", gid)
	}
	delete(access, "jti")
	delete(access, "gid")
	want = map[string]any{
		"iss": issuer, "sub": "subject-1", "aud": "web", "client_id": "web", "scope": "openid email offline_access",
		"exp": now + 3600, "iat": now, "auth_time": now - 10, "acr": idp.ACRLink, "sid": string(w.sessions.session.ID),
	}
	if diff := cmp.Diff(want, access); diff != "" {
		t.Error(diff)
	}
}

func TestTokensFollowClientAndRequest(t *testing.T) {
	w := newWorld(t)
	got := w.tokens("short", "scope", "openid offline_access", "nonce", "")
	if got["refresh_token"] != nil || got["scope"] != "openid" {
		t.Errorf("a client without the refresh grant got %v", got)
	}
	id := w.claimsOf(got["id_token"], "JWT", jose.ES256)
	w.claimsOf(got["access_token"], "at+jwt", jose.RS256)
	if id["nonce"] != nil || id["email"] != nil || id["email_verified"] != nil {
		t.Errorf("claims that nobody asked for: %v", id)
	}
	if got := w.tokens("web", "scope", "openid"); got["refresh_token"] != nil {
		t.Error("a refresh token without offline_access")
	}
	form := request("web")
	form["resource"] = []string{"https://api.example/a", "https://api.example/b"}
	_, values := w.authorize(form).location(t)
	access := w.claimsOf(w.token(redemption("web", values.Get("code"))).json(t)["access_token"], "at+jwt", jose.ES256)
	if diff := cmp.Diff([]any{"https://api.example/a", "https://api.example/b"}, access["aud"]); diff != "" {
		t.Error(diff)
	}
	id = w.claimsOf(w.tokens("web", "scope", "openid", "claims", `{"id_token":{"email":null}}`)["id_token"], "JWT", jose.RS256)
	if id["email"] != "ada@example.org" || id["email_verified"] != nil {
		t.Errorf("claims parameter: %v", id)
	}
}

func TestBadTokenRequests(t *testing.T) {
	const missing = "\x00"
	type post struct {
		form   url.Values
		header []string
	}
	basic := func(id, secret string) []string {
		r, _ := http.NewRequest(http.MethodPost, "/", nil)
		r.SetBasicAuth(id, secret)
		return []string{"Authorization", r.Header.Get("Authorization")}
	}
	cases := []struct {
		name   string
		client string
		post   func(code string) post
		status int
		code   string
	}{
		{"no grant type", "web", func(c string) post { return post{form: redemption("web", c, "grant_type", "")} }, 400, "invalid_request"},
		{"unknown grant type", "web", func(c string) post { return post{form: redemption("web", c, "grant_type", "password")} }, 400, "unsupported_grant_type"},
		{"client credentials", "web", func(c string) post { return post{form: redemption("web", c, "grant_type", "client_credentials")} }, 400, "unauthorized_client"},
		{"no client", "web", func(c string) post { return post{form: redemption("web", c, "client_id", "", "client_secret", "")} }, 401, "invalid_client"},
		{"unknown client", "web", func(c string) post { return post{form: redemption("web", c, "client_id", "nobody")} }, 401, "invalid_client"},
		{"wrong secret", "web", func(c string) post { return post{form: redemption("web", c, "client_secret", "wrong")} }, 401, "invalid_client"},
		{"wrong secret by Basic", "web", func(c string) post {
			return post{redemption("web", c, "client_secret", "", "client_id", ""), basic("web", "wrong")}
		}, 401, "invalid_client"},
		{"no secret", "web", func(c string) post { return post{form: redemption("web", c, "client_secret", "")} }, 401, "invalid_client"},
		{"empty Basic password", "web", func(c string) post { return post{redemption("web", c, "client_secret", ""), basic("web", "")} }, 401, "invalid_client"},
		{"Basic where only post is registered", "strict", func(c string) post {
			return post{redemption("strict", c, "client_secret", ""), basic("strict", webSecret)}
		}, 401, "invalid_client"},
		{"public client with a secret", "spa", func(c string) post { return post{form: redemption("spa", c, "client_secret", "x")} }, 401, "invalid_client"},
		{"public client by Basic", "spa", func(c string) post { return post{redemption("spa", c), basic("spa", "")} }, 401, "invalid_client"},
		{"both methods", "web", func(c string) post { return post{redemption("web", c), basic("web", webSecret)} }, 400, "invalid_request"},
		{"two client ids", "web", func(c string) post {
			return post{redemption("web", c, "client_secret", "", "client_id", "spa"), basic("web", webSecret)}
		}, 400, "invalid_request"},
		{"bearer for client authentication", "web", func(c string) post {
			return post{redemption("web", c, "client_secret", ""), []string{"Authorization", "Bearer x"}}
		}, 401, "invalid_client"},
		{"client assertion", "web", func(c string) post {
			return post{form: redemption("web", c, "client_secret", "", "client_assertion", "a.b.c", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")}
		}, 401, "invalid_client"},
		{"no code", "web", func(string) post { return post{form: redemption("web", "")} }, 400, "invalid_request"},
		{"garbage for a code", "web", func(string) post { return post{form: redemption("web", "garbage")} }, 400, "invalid_grant"},
		{"code with another secret", "web", func(c string) post { return post{form: redemption("web", c[:60]+"AAAA")} }, 400, "invalid_grant"},
		{"another client's code", "web", func(c string) post { return post{form: redemption("third", c)} }, 400, "invalid_grant"},
		{"no redirect URI", "web", func(c string) post { return post{form: redemption("web", c, "redirect_uri", "")} }, 400, "invalid_request"},
		{"another registered redirect URI", "web", func(c string) post {
			return post{form: redemption("web", c, "redirect_uri", "https://web.example/cb?fixed=1")}
		}, 400, "invalid_grant"},
		{"another loopback port", "native", func(c string) post {
			return post{form: redemption("native", c, "redirect_uri", "http://127.0.0.1:5001/cb")}
		}, 400, "invalid_grant"},
		{"no verifier", "web", func(c string) post { return post{form: redemption("web", c, "code_verifier", "")} }, 400, "invalid_grant"},
		{"wrong verifier", "web", func(c string) post {
			return post{form: redemption("web", c, "code_verifier", strings.Repeat("x", 43))}
		}, 400, "invalid_grant"},
		{"the challenge for a verifier", "web", func(c string) post { return post{form: redemption("web", c, "code_verifier", challenge)} }, 400, "invalid_grant"},
		{"short verifier", "web", func(c string) post { return post{form: redemption("web", c, "code_verifier", "x")} }, 400, "invalid_grant"},
		{"resource that was not granted", "web", func(c string) post {
			return post{form: redemption("web", c, "resource", "https://api.example")}
		}, 400, "invalid_target"},
		{"another client's code, with a resource", "web", func(c string) post {
			return post{form: redemption("third", c, "resource", "https://api.example")}
		}, 400, "invalid_grant"},
		{"no refresh token", "web", func(string) post { return post{form: refreshing("web", "")} }, 400, "invalid_request"},
		{"garbage for a refresh token", "web", func(string) post { return post{form: refreshing("web", "garbage")} }, 400, "invalid_grant"},
		{"a code for a refresh token", "web", func(c string) post { return post{form: refreshing("web", c)} }, 400, "invalid_grant"},
		{"client without the refresh grant", "short", func(string) post { return post{form: refreshing("short", "garbage")} }, 400, "unauthorized_client"},
		{"not a form", "web", func(c string) post {
			return post{redemption("web", c), []string{"Content-Type", missing}}
		}, 400, "invalid_request"},
		{"two codes", "web", func(c string) post {
			form := redemption("web", c)
			form.Add("code", c)
			return post{form: form}
		}, 400, "invalid_request"},
		{"a body over the cap", "web", func(c string) post { return post{form: redemption("web", c, "x", strings.Repeat("x", 40<<10))} }, 413, "invalid_request"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			code := w.code(c.client)
			p := c.post(code)
			var res answer
			if len(p.header) == 2 && p.header[1] == missing {
				res = w.do(http.MethodPost, "/t/a/token", nil)
			} else {
				res = w.token(p.form, p.header...)
			}
			wantError(t, res, c.status, c.code)
			if c.status == http.StatusUnauthorized && !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("WWW-Authenticate %q", res.Header.Get("WWW-Authenticate"))
			}
			// What was wrong cost nothing: the code is still good.
			if res := w.token(redemption(c.client, code)); res.StatusCode != http.StatusOK {
				t.Errorf("the code was spent: %s", res.body)
			}
		})
	}
}

func TestTokenParametersInTheQueryAreRefused(t *testing.T) {
	w := newWorld(t)
	form := redemption("web", w.code("web"))
	wantError(t, w.do(http.MethodPost, "/t/a/token?"+form.Encode(), url.Values{}), http.StatusBadRequest, "invalid_request")
	wantError(t, w.do(http.MethodPost, "/t/a/token?client_secret="+webSecret, form), http.StatusBadRequest, "invalid_request")
}

func TestBothSecretsOfAClientAreGoodWhileOneIsReplaced(t *testing.T) {
	w := newWorld(t)
	for _, secret := range []string{webSecret, "an older secret"} {
		if res := w.token(redemption("web", w.code("web"), "client_secret", secret)); res.StatusCode != http.StatusOK {
			t.Errorf("%q: %s", secret, res.body)
		}
	}
	r, _ := http.NewRequest(http.MethodPost, "/", nil)
	r.SetBasicAuth("web", url.QueryEscape("an older secret"))
	res := w.token(redemption("web", w.code("web"), "client_secret", "", "client_id", ""), "Authorization", r.Header.Get("Authorization"))
	if res.StatusCode != http.StatusOK {
		t.Errorf("by Basic: %s", res.body)
	}
}

// RFC 6749 §2.3.1 has ids and secrets form-encoded in the header; Authlib,
// requests and others send them as they are.
func TestASecretInAHeaderMayBeEncodedOrNot(t *testing.T) {
	const secret = `p+/=%&:;?#[]@!%zz%41`
	w := newWorld(t)
	c := w.store.clients["tenant-a"]["web"]
	c.Secrets = []idp.Digest{idp.DigestOf([]byte(secret))}
	w.store.clients["tenant-a"]["web"] = c
	for password, want := range map[string]int{
		secret: http.StatusOK, url.QueryEscape(secret): http.StatusOK,
		secret[1:]: http.StatusUnauthorized, url.QueryEscape(secret[1:]): http.StatusUnauthorized,
		url.QueryEscape(url.QueryEscape(secret)): http.StatusUnauthorized, "": http.StatusUnauthorized,
	} {
		r, _ := http.NewRequest(http.MethodPost, "/", nil)
		r.SetBasicAuth("web", password)
		res := w.token(redemption("web", w.code("web"), "client_secret", "", "client_id", ""), "Authorization", r.Header.Get("Authorization"))
		if res.StatusCode != want {
			t.Errorf("%q: %d %s", password, res.StatusCode, res.body)
		}
	}
}

func TestACodeWorksOnceAndItsReuseEndsTheTokens(t *testing.T) {
	w := newWorld(t)
	code := w.code("web")
	var group sync.WaitGroup
	var mu sync.Mutex
	var won []map[string]any
	for range 20 {
		group.Go(func() {
			if res := w.token(redemption("web", code)); res.StatusCode == http.StatusOK {
				mu.Lock()
				won = append(won, res.json(t))
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(won) != 1 {
		t.Fatalf("%d redemptions won", len(won))
	}
	wantError(t, w.userinfo(won[0]["access_token"]), http.StatusUnauthorized, "invalid_token")
	wantError(t, w.token(refreshing("web", won[0]["refresh_token"])), http.StatusBadRequest, "invalid_grant")
}

func TestACodeExpires(t *testing.T) {
	w := newWorld(t)
	code := w.code("web")
	w.move(idp.CodeLife)
	wantError(t, w.token(redemption("web", code)), http.StatusBadRequest, "invalid_grant")
}

func TestRefreshTokensRotate(t *testing.T) {
	w := newWorld(t)
	first := w.tokens("web")
	res := w.token(refreshing("web", first["refresh_token"]))
	second := res.json(t)
	if res.StatusCode != http.StatusOK || second["refresh_token"] == first["refresh_token"] || second["access_token"] == first["access_token"] {
		t.Fatalf("%d %v", res.StatusCode, second)
	}
	id := w.claimsOf(second["id_token"], "JWT", jose.RS256)
	before := w.claimsOf(first["id_token"], "JWT", jose.RS256)
	for _, same := range []string{"iss", "sub", "aud", "auth_time", "acr", "sid"} {
		if id[same] != before[same] {
			t.Errorf("%s changed from %v to %v", same, before[same], id[same])
		}
	}
	if id["nonce"] != nil {
		t.Error("a nonce that nobody waits for")
	}
	w.move(idp.RefreshGrace)
	again := w.token(refreshing("web", first["refresh_token"])).json(t)
	if again["refresh_token"] != second["refresh_token"] {
		t.Error("an honest double-send began a second family")
	}
	w.move(time.Second)
	wantError(t, w.token(refreshing("web", first["refresh_token"])), http.StatusBadRequest, "invalid_grant")
	wantError(t, w.token(refreshing("web", second["refresh_token"])), http.StatusBadRequest, "invalid_grant")
	wantError(t, w.userinfo(second["access_token"]), http.StatusUnauthorized, "invalid_token")
}

func TestRefreshTokensOfALoginEndHoweverOftenTheyAreUsed(t *testing.T) {
	for name, c := range map[string]struct{ life, idle, all time.Duration }{
		"a tenant that says nothing": {0, idp.RefreshTokenLife, 365 * 24 * time.Hour},
		"a week":                     {7 * 24 * time.Hour, 7 * 24 * time.Hour, 7 * 24 * time.Hour},
		"two months":                 {60 * 24 * time.Hour, idp.RefreshTokenLife, 60 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			unused, w := newWorld(t), newWorld(t)
			for _, w := range []*world{unused, w} {
				w.settings = func(s *idp.TenantSettings) { s.RefreshLife = idp.Duration(c.life) }
			}
			token := unused.tokens("web")["refresh_token"]
			unused.move(c.idle)
			wantError(t, unused.token(refreshing("web", token)), http.StatusBadRequest, "invalid_grant")

			token = w.tokens("web")["refresh_token"]
			const step = 40 * time.Hour
			for used := step; used < c.all; used += step {
				w.move(step)
				res := w.token(refreshing("web", token))
				if res.StatusCode != http.StatusOK {
					t.Fatalf("after %s: %d %s", used, res.StatusCode, res.body)
				}
				token = res.json(t)["refresh_token"]
			}
			w.move(step)
			wantError(t, w.token(refreshing("web", token)), http.StatusBadRequest, "invalid_grant")
		})
	}
}

// Who knows a token's first part, which names its grant, ends nothing with it.
func TestAMadeUpRefreshTokenEndsNothing(t *testing.T) {
	w := newWorld(t)
	text := func(a answer) string { return fmt.Sprint(a.json(t)["refresh_token"]) }
	first := fmt.Sprint(w.tokens("web")["refresh_token"])
	second := text(w.token(refreshing("web", first)))
	w.move(idp.RefreshGrace + time.Second)
	madeUp := first[:22] + strings.Repeat("A", 42) // the grant's name, and a secret of its own
	for name, token := range map[string]string{
		"without a mark":            madeUp,
		"with another's mark":       madeUp + first[64:],
		"with a mark of its own":    madeUp + strings.Repeat("A", 22),
		"an old one, unmarked":      first[:64],
		"an old one, wrongly":       first[:64] + second[64:],
		"an old one, half marked":   first[:75],
		"the current one, and more": second + "A",
	} {
		t.Log(name)
		wantError(t, w.token(refreshing("web", token)), http.StatusBadRequest, "invalid_grant")
	}
	third := w.token(refreshing("web", second[:64])) // as it was before there were marks
	if third.StatusCode != http.StatusOK || len(text(third)) != len(first) {
		t.Fatalf("the true one after that: %s", third.body)
	}
	w.move(idp.RefreshGrace + time.Second)
	wantError(t, w.token(refreshing("web", second)), http.StatusBadRequest, "invalid_grant")
	wantError(t, w.token(refreshing("web", text(third))), http.StatusBadRequest, "invalid_grant")
}

func TestScopeNarrowsAndNeverWidens(t *testing.T) {
	w := newWorld(t)
	first := w.tokens("web")
	wantError(t, w.token(refreshing("web", first["refresh_token"], "scope", "openid profile")), http.StatusBadRequest, "invalid_scope")
	second := w.token(refreshing("web", first["refresh_token"], "scope", "openid")).json(t)
	if second["scope"] != "openid" {
		t.Errorf("scope %v", second["scope"])
	}
	if id := w.claimsOf(second["id_token"], "JWT", jose.RS256); id["email"] != nil {
		t.Error("an email without its scope")
	}
	if body := w.userinfo(second["access_token"]).json(t); body["email"] != nil {
		t.Error("userinfo tells an email without its scope")
	}
	third := w.token(refreshing("web", second["refresh_token"], "scope", "email")).json(t)
	if third["id_token"] != nil {
		t.Error("an ID token without openid")
	}
	wantError(t, w.userinfo(third["access_token"]), http.StatusForbidden, "insufficient_scope")
}

func TestARefreshTokenIsItsClients(t *testing.T) {
	w := newWorld(t)
	token := w.tokens("web")["refresh_token"]
	wantError(t, w.token(refreshing("third", token)), http.StatusBadRequest, "invalid_grant")
	wantError(t, w.do(http.MethodPost, "/t/b/token", refreshing("web", token)), http.StatusBadRequest, "invalid_grant")
	if res := w.token(refreshing("web", token)); res.StatusCode != http.StatusOK {
		t.Errorf("its own client after that: %s", res.body)
	}
}
