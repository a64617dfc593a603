package op_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

// introspected is what a client with a secret learns of a token.
func (w *world) introspected(token any) map[string]any {
	w.t.Helper()
	return w.do(http.MethodPost, "/t/a/introspect", with(secretOf("rs"), "token", fmt.Sprint(token))).json(w.t)
}

func machine(changes ...string) url.Values {
	return with(secretOf("machine"), append([]string{"grant_type", "client_credentials"}, changes...)...)
}

func TestTokensFollowTheResource(t *testing.T) {
	w := newWorld(t)
	got := w.tokens("web", "resource", "https://strict.example", "scope", "openid email pay read")
	if got["scope"] != "openid email pay" || got["expires_in"] != 300.0 {
		t.Errorf("%v", got)
	}
	access := w.claimsOf(got["access_token"], "at+jwt", jose.EdDSA)
	if access["aud"] != "https://strict.example" || access["exp"].(float64)-access["iat"].(float64) != 300 {
		t.Errorf("%v", access)
	}
	w.claimsOf(got["id_token"], "JWT", jose.RS256)

	form := request("web", "scope", "openid offline_access read pay")
	form["resource"] = []string{"https://api.example", "https://strict.example"}
	_, values := w.authorize(form).location(t)
	got = w.token(redemption("web", values.Get("code"), "resource", "https://api.example")).json(t)
	access = w.claimsOf(got["access_token"], "at+jwt", jose.ES256)
	if access["aud"] != "https://api.example" || access["scope"] != "openid offline_access read" {
		t.Errorf("narrowed to one API: %v", access)
	}
	got = w.token(refreshing("web", got["refresh_token"])).json(t)
	access = w.claimsOf(got["access_token"], "at+jwt", jose.EdDSA)
	if diff := cmp.Diff([]any{"https://api.example", "https://strict.example"}, access["aud"]); diff != "" || got["scope"] != "openid offline_access read pay" {
		t.Errorf("all that was granted: %v %s", got["scope"], diff)
	}
	if got := w.tokens("modern", "scope", "openid read write"); got["scope"] != "openid read" {
		t.Errorf("scopes beyond the client's: %v", got["scope"])
	} else if access := w.claimsOf(got["access_token"], "at+jwt", jose.PS256); access["aud"] != "https://api.example" {
		t.Errorf("the client's default resource: %v", access)
	}
}

func TestAnUnknownResourceIsRefused(t *testing.T) {
	w := newWorld(t)
	_, values := w.authorize(request("web", "resource", "https://unknown.example")).location(t)
	if values.Get("error") != "invalid_target" {
		t.Errorf("at authorize: %v", values)
	}
	wantError(t, w.token(machine("resource", "https://unknown.example")), http.StatusBadRequest, "invalid_target")
	code := w.code("web", "resource", "https://api.example")
	wantError(t, w.token(redemption("web", code, "resource", "https://strict.example")), http.StatusBadRequest, "invalid_target")
	if res := w.token(redemption("web", code)); res.StatusCode != http.StatusOK {
		t.Errorf("a wrong question cost the code: %s", res.body)
	}
}

func TestClientCredentialsGiveTheClientATokenOfItsOwn(t *testing.T) {
	w := newWorld(t)
	res := w.token(machine("resource", "https://api.example", "scope", "read write"))
	got := res.json(t)
	if res.StatusCode != http.StatusOK || got["refresh_token"] != nil || got["id_token"] != nil || got["scope"] != "read" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", res.StatusCode, got)
	}
	access := w.claimsOf(got["access_token"], "at+jwt", jose.ES256)
	delete(access, "jti")
	now := float64(w.now().Unix())
	want := map[string]any{
		"iss": issuer, "sub": "machine", "client_id": "machine", "aud": "https://api.example", "scope": "read", "iat": now, "exp": now + 3600,
	}
	if diff := cmp.Diff(want, access); diff != "" {
		t.Error(diff)
	}
	if len(w.store.grants) != 0 {
		t.Error("a row was written")
	}
	if told := w.introspected(got["access_token"]); told["active"] != true || told["sub"] != "machine" || told["scope"] != "read" {
		t.Errorf("introspection: %v", told)
	}
	if res := w.userinfo(got["access_token"]); res.StatusCode != http.StatusForbidden {
		t.Errorf("userinfo: %d", res.StatusCode)
	}
	if res := w.do(http.MethodPost, "/t/a/revoke", with(secretOf("machine"), "token", fmt.Sprint(got["access_token"]))); res.StatusCode != http.StatusOK {
		t.Errorf("revocation: %d %s", res.StatusCode, res.body)
	}
	c := w.store.clients["tenant-a"]["machine"]
	c.Metadata.GrantTypes = nil
	w.store.clients["tenant-a"]["machine"] = c
	if told := w.introspected(got["access_token"]); told["active"] != false {
		t.Errorf("the client may not do this any more: %v", told)
	}
}

func TestBadClientCredentialRequests(t *testing.T) {
	w := newWorld(t)
	public := w.store.clients["tenant-a"]["native"]
	public.Metadata.GrantTypes = append(public.Metadata.GrantTypes, idp.GrantClientCredentials)
	w.store.clients["tenant-a"]["native"] = public
	cases := []struct {
		name   string
		form   url.Values
		status int
		want   string
	}{
		{"a client without the grant type", with(secretOf("web"), "grant_type", "client_credentials"), 400, "unauthorized_client"},
		{"a wrong secret", machine("client_secret", "wrong"), 401, "invalid_client"},
		{"a public client", url.Values{"grant_type": {"client_credentials"}, "client_id": {"native"}}, 401, "invalid_client"},
		{"a scope of another's", machine("resource", "https://api.example", "scope", "write"), 400, "invalid_scope"},
		{"a scope without the resource", machine("scope", "read"), 400, "invalid_scope"},
		{"openid", machine("scope", "openid"), 400, "invalid_scope"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { wantError(t, w.token(c.form), c.status, c.want) })
	}
}

func TestOpaqueAccessTokensSayNothingAndCount(t *testing.T) {
	w := newWorld(t)
	for name, got := range map[string]map[string]any{
		"by client":   w.tokens("pair"),
		"by resource": w.tokens("web", "resource", "urn:example:opaque", "scope", "openid email look"),
		"a client's":  w.token(machine("resource", "urn:example:opaque")).json(t),
	} {
		t.Run(name, func(t *testing.T) {
			token := fmt.Sprint(got["access_token"])
			if strings.Contains(token, ".") || strings.HasPrefix(token, "ey") {
				t.Fatalf("can be read: %s", token)
			}
			if told := w.introspected(token); told["active"] != true || told["iss"] != issuer || told["client_id"] == nil {
				t.Errorf("introspection: %v", told)
			}
			userinfo := http.StatusOK
			if name == "a client's" {
				userinfo = http.StatusForbidden
			}
			if res := w.userinfo(token); res.StatusCode != userinfo {
				t.Errorf("userinfo: %d", res.StatusCode)
			}
			if res := w.do(http.MethodGet, "/t/b/userinfo", nil, "Authorization", "Bearer "+token); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("at another tenant: %d", res.StatusCode)
			}
			if told := w.introspected(token[:len(token)-4] + "AAAA"); told["active"] != false {
				t.Errorf("tampered with: %v", told)
			}
		})
	}
	token := w.tokens("pair")["access_token"]
	if res := w.do(http.MethodPost, "/t/a/revoke", with(secretOf("pair"), "token", fmt.Sprint(token))); res.StatusCode != http.StatusOK {
		t.Fatal(res.body)
	}
	if told := w.introspected(token); told["active"] != false {
		t.Errorf("revoked: %v", told)
	}
	token = w.tokens("pair")["access_token"]
	w.move(time.Hour)
	if told := w.introspected(token); told["active"] != false {
		t.Errorf("expired: %v", told)
	}
}

// A resource's tokens may outlive the usual hour, and then count that long.
func TestALongTokenCountsToItsEnd(t *testing.T) {
	w := newWorld(t)
	got := w.tokens("web", "resource", "urn:example:opaque", "scope", "openid look")
	w.move(12*time.Hour - time.Second)
	if told := w.introspected(got["access_token"]); told["active"] != true || got["expires_in"] != 43200.0 {
		t.Errorf("%v %v", told, got["expires_in"])
	}
	w.move(time.Second)
	if told := w.introspected(got["access_token"]); told["active"] != false {
		t.Errorf("at its end: %v", told)
	}
}

func TestUserinfoComesSignedWhereRegistered(t *testing.T) {
	w := newWorld(t)
	res := w.userinfo(w.tokens("modern")["access_token"])
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/jwt" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", res.StatusCode, res.Header, res.body)
	}
	want := map[string]any{"iss": issuer, "aud": "modern", "sub": "subject-1", "email": "ada@example.org", "email_verified": true}
	if diff := cmp.Diff(want, w.claimsOf(res.body, "userinfo+jwt", jose.PS256)); diff != "" {
		t.Error(diff)
	}
	if _, values := w.authorize(request("modern", "id_token_hint", res.body)).location(t); values.Get("error") != "invalid_request" {
		t.Errorf("a userinfo answer passes for an ID token: %v", values)
	}
}

func TestIntrospectionComesSignedWhereAskedFor(t *testing.T) {
	w := newWorld(t)
	const media = "application/token-introspection+jwt"
	ask := func(token any) map[string]any {
		res := w.do(http.MethodPost, "/t/a/introspect", with(secretOf("rs"), "token", fmt.Sprint(token)), "Accept", media)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != media || res.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v %s", res.StatusCode, res.Header, res.body)
		}
		return w.claimsOf(res.body, "token-introspection+jwt", jose.RS256)
	}
	got := ask(w.tokens("web")["access_token"])
	told, ok := got["token_introspection"].(map[string]any)
	if !ok || told["active"] != true || told["sub"] != "subject-1" || got["iss"] != issuer || got["aud"] != "rs" || got["sub"] != nil {
		t.Errorf("%v", got)
	}
	if diff := cmp.Diff(map[string]any{"active": false}, ask("garbage")["token_introspection"]); diff != "" {
		t.Error(diff)
	}
	res := w.do(http.MethodPost, "/t/a/introspect", with(secretOf("rs"), "token", "x", "client_secret", "wrong"), "Accept", media)
	wantError(t, res, http.StatusUnauthorized, "invalid_client")
}
