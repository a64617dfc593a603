package op_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

func (w *world) userinfo(token any) answer {
	w.t.Helper()
	return w.do(http.MethodGet, "/t/a/userinfo", nil, "Authorization", fmt.Sprint("Bearer ", token))
}

func TestUserinfo(t *testing.T) {
	w := newWorld(t)
	token := w.tokens("web")["access_token"]
	want := map[string]any{"sub": "subject-1", "email": "ada@example.org", "email_verified": true}
	for name, res := range map[string]answer{
		"by header":          w.userinfo(token),
		"in small letters":   w.do(http.MethodGet, "/t/a/userinfo", nil, "Authorization", fmt.Sprint("bearer ", token)),
		"POST by header":     w.do(http.MethodPost, "/t/a/userinfo", nil, "Authorization", fmt.Sprint("Bearer ", token)),
		"POST, empty form":   w.do(http.MethodPost, "/t/a/userinfo", url.Values{}, "Authorization", fmt.Sprint("Bearer ", token)),
		"POST by the form":   w.do(http.MethodPost, "/t/a/userinfo", url.Values{"access_token": {fmt.Sprint(token)}}),
		"resource was asked": w.userinfo(w.tokens("web", "resource", "https://api.example")["access_token"]),
	} {
		if diff := cmp.Diff(want, res.json(t)); diff != "" || res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v %s", name, res.StatusCode, res.Header, diff)
		}
	}
	if diff := cmp.Diff(map[string]any{"sub": "subject-1"}, w.userinfo(w.tokens("web", "scope", "openid")["access_token"]).json(t)); diff != "" {
		t.Error(diff)
	}
	token = w.tokens("web", "scope", "openid", "claims", `{"userinfo":{"email_verified":{"essential":true},"phone_number":{"essential":true}}}`)["access_token"]
	if diff := cmp.Diff(map[string]any{"sub": "subject-1", "email_verified": true}, w.userinfo(token).json(t)); diff != "" {
		t.Error(diff)
	}
}

func TestBadUserinfoRequests(t *testing.T) {
	w := newWorld(t)
	token := fmt.Sprint(w.tokens("web")["access_token"])
	auth := "Bearer " + token
	cases := []struct {
		name      string
		res       answer
		status    int
		challenge string
	}{
		{"nothing", w.do(http.MethodGet, "/t/a/userinfo", nil), 401, `Bearer realm="postern"`},
		{"garbage", w.userinfo("garbage"), 401, `error="invalid_token"`},
		{"Basic", w.do(http.MethodGet, "/t/a/userinfo", nil, "Authorization", "Basic eDp5"), 401, `error="invalid_token"`},
		{"no token after the word", w.do(http.MethodGet, "/t/a/userinfo", nil, "Authorization", "Bearer "), 401, `error="invalid_token"`},
		{"in the query", w.do(http.MethodGet, "/t/a/userinfo?access_token="+token, nil), 400, `error="invalid_request"`},
		{"header and form", w.do(http.MethodPost, "/t/a/userinfo", url.Values{"access_token": {token}}, "Authorization", auth), 400, `error="invalid_request"`},
		{"two headers", w.do(http.MethodGet, "/t/a/userinfo", nil, "Authorization", auth, "Authorization", auth), 400, `error="invalid_request"`},
		{"twice in the form", w.do(http.MethodPost, "/t/a/userinfo", url.Values{"access_token": {token, token}}), 400, `error="invalid_request"`},
		{"changed signature", w.userinfo(token[:len(token)-8] + "AAAAAAAA"), 401, `error="invalid_token"`},
		{"over-long", w.userinfo(strings.Repeat("a", 9000)), 401, `error="invalid_token"`},
		{"other tenant", w.do(http.MethodGet, "/t/b/userinfo", nil, "Authorization", auth), 401, `error="invalid_token"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.res.Header.Get("WWW-Authenticate"); c.res.StatusCode != c.status || !strings.Contains(got, c.challenge) {
				t.Errorf("%d %q", c.res.StatusCode, got)
			}
			if got := c.res.Header.Get("WWW-Authenticate"); c.name == "nothing" && strings.Contains(got, "error") {
				t.Errorf("who sent nothing was told %q", got)
			}
		})
	}
}

func TestAnAccessTokenCountsWhileWhatItStandsOnDoes(t *testing.T) {
	cases := []struct {
		name   string
		scope  string
		change func(w *world)
		good   bool
	}{
		{"nothing changed", "openid", func(*world) {}, true},
		{"a second before it expires", "openid", func(w *world) { w.move(idp.AccessTokenLife - 1e9) }, true},
		{"expired", "openid", func(w *world) { w.move(idp.AccessTokenLife) }, false},
		{"signed out", "openid", func(w *world) { w.store.ended[w.sessions.session.ID] = true }, false},
		{"signed out, with offline access", "openid offline_access", func(w *world) { w.store.ended[w.sessions.session.ID] = true }, true},
		{"user disabled", "openid", func(w *world) { w.store.users["u1"] = idp.User{Subject: "subject-1", Disabled: true} }, false},
		{"client gone", "openid", func(w *world) { delete(w.store.clients["tenant-a"], "web") }, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			token := w.tokens("web", "scope", c.scope)["access_token"]
			c.change(w)
			if res := w.userinfo(token); (res.StatusCode == http.StatusOK) != c.good {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
		})
	}
}

func TestIntrospection(t *testing.T) {
	w := newWorld(t)
	tokens := w.tokens("web")
	access, refresh := fmt.Sprint(tokens["access_token"]), fmt.Sprint(tokens["refresh_token"])
	ask := func(client, token string) map[string]any {
		t.Helper()
		res := w.do(http.MethodPost, "/t/a/introspect", with(secretOf(client), "token", token))
		if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		return res.json(t)
	}
	got := ask("rs", access)
	if got["active"] != true || got["client_id"] != "web" || got["sub"] != "subject-1" || got["iss"] != issuer || got["scope"] != "openid email offline_access" || got["token_type"] != "Bearer" {
		t.Errorf("%v", got)
	}
	if got := ask("web", refresh); got["active"] != true || got["token_type"] != nil {
		t.Errorf("%v", got)
	}
	inactive := map[string]any{"active": false}
	for name, got := range map[string]map[string]any{
		"garbage":                         ask("rs", "garbage"),
		"someone else's refresh token":    ask("rs", refresh),
		"an ID token":                     ask("web", fmt.Sprint(tokens["id_token"])),
		"an authorization code":           ask("web", w.code("web")),
		"a token of another tenant":       ask("rs", w.forge("tenant-b", idp.ES256, "at+jwt", map[string]any{"iss": publicURL + "/t/b"})),
		"another issuer under our key":    ask("rs", w.forge("tenant-a", idp.ES256, "at+jwt", map[string]any{"iss": "https://x.example", "exp": 1e11, "gid": "x"})),
		"a refresh token's name, guessed": ask("web", refresh[:22]+strings.Repeat("A", 42)),
	} {
		if diff := cmp.Diff(inactive, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	wantError(t, w.do(http.MethodPost, "/t/a/introspect", url.Values{"client_id": {"spa"}, "token": {access}}), http.StatusUnauthorized, "invalid_client")
	wantError(t, w.do(http.MethodPost, "/t/a/introspect", with(secretOf("rs"), "client_secret", "wrong", "token", access)), http.StatusUnauthorized, "invalid_client")
	wantError(t, w.do(http.MethodPost, "/t/a/introspect", url.Values{"token": {access}}), http.StatusUnauthorized, "invalid_client")
	wantError(t, w.do(http.MethodPost, "/t/a/introspect", secretOf("rs")), http.StatusBadRequest, "invalid_request")
	wantError(t, w.do(http.MethodPost, "/t/a/introspect?token="+access, secretOf("rs")), http.StatusBadRequest, "invalid_request")
	w.move(idp.AccessTokenLife)
	if diff := cmp.Diff(inactive, ask("rs", access)); diff != "" {
		t.Error(diff)
	}
}

func TestRevocation(t *testing.T) {
	cases := []struct {
		name   string
		client string
		token  func(tokens map[string]any) string
		ends   bool
	}{
		{"the access token", "web", func(m map[string]any) string { return fmt.Sprint(m["access_token"]) }, true},
		{"the refresh token", "web", func(m map[string]any) string { return fmt.Sprint(m["refresh_token"]) }, true},
		{"someone else's access token", "third", func(m map[string]any) string { return fmt.Sprint(m["access_token"]) }, false},
		{"someone else's refresh token", "third", func(m map[string]any) string { return fmt.Sprint(m["refresh_token"]) }, false},
		{"garbage", "web", func(map[string]any) string { return "garbage" }, false},
		{"a guess at the refresh token", "web", func(m map[string]any) string { return fmt.Sprint(m["refresh_token"])[:22] + strings.Repeat("A", 42) }, false},
		{"an ID token", "web", func(m map[string]any) string { return fmt.Sprint(m["id_token"]) }, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			tokens := w.tokens("web")
			res := w.do(http.MethodPost, "/t/a/revoke", with(secretOf(c.client), "token", c.token(tokens), "token_type_hint", "anything"))
			if res.StatusCode != http.StatusOK || res.body != "" {
				t.Errorf("%d %q", res.StatusCode, res.body)
			}
			if got := w.userinfo(tokens["access_token"]).StatusCode == http.StatusUnauthorized; got != c.ends {
				t.Errorf("access token ended: %v", got)
			}
			if got := w.token(refreshing("web", tokens["refresh_token"])).StatusCode != http.StatusOK; got != c.ends {
				t.Errorf("refresh token ended: %v", got)
			}
		})
	}
	w := newWorld(t)
	wantError(t, w.do(http.MethodPost, "/t/a/revoke", secretOf("web")), http.StatusBadRequest, "invalid_request")
	wantError(t, w.do(http.MethodPost, "/t/a/revoke", url.Values{"token": {"x"}}), http.StatusUnauthorized, "invalid_client")
	wantError(t, w.do(http.MethodPost, "/t/a/revoke", with(secretOf("web"), "client_secret", "wrong", "token", "x")), http.StatusUnauthorized, "invalid_client")
	spa := w.tokens("spa")
	if res := w.do(http.MethodPost, "/t/a/revoke", url.Values{"client_id": {"spa"}, "token": {fmt.Sprint(spa["refresh_token"])}}); res.StatusCode != http.StatusOK {
		t.Errorf("a public client: %d %s", res.StatusCode, res.body)
	}
	wantError(t, w.userinfo(spa["access_token"]), http.StatusUnauthorized, "invalid_token")
}
