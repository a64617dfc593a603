package op_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"postern/idp"
)

// What zitadel/oidc is known to leave out or get wrong, each shown to be right here.

func TestLibraryPKCECannotBeLeftOut(t *testing.T) {
	w := newWorld(t)
	wantError(t, w.token(redemption("web", w.code("web"), "code_verifier", "")), http.StatusBadRequest, "invalid_grant")
	if _, values := w.authorize(request("spa", "code_challenge", "", "code_challenge_method", "")).location(t); values.Get("error") != "invalid_request" {
		t.Errorf("a public client got in without a challenge: %v", values)
	}
	for _, client := range []string{"web", "spa"} {
		if _, values := w.authorize(request(client, "code_challenge_method", "plain")).location(t); values.Get("error") != "invalid_request" {
			t.Errorf("%s got in with a plain challenge: %v", client, values)
		}
	}
	code := w.code("web", "code_challenge", "", "code_challenge_method", "")
	wantError(t, w.token(redemption("web", code)), http.StatusBadRequest, "invalid_grant") // a stray verifier
	if res := w.token(redemption("web", code, "code_verifier", "")); res.StatusCode != http.StatusOK {
		t.Errorf("optional PKCE left off: %s", res.body)
	}
}

func TestLibraryParallelRedemptionsHaveOneWinner(t *testing.T) {
	for range 5 {
		w := newWorld(t)
		code := w.code("spa")
		var won atomic.Int32
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if w.token(redemption("spa", code)).StatusCode == http.StatusOK {
					won.Add(1)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d won", won.Load())
		}
	}
}

func TestLibraryAuthorizeCallbackIsNotThere(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/authorize/callback?id=x", "/oauth/token", "/healthz", "/ready", "/keys"} {
		if res := w.do(http.MethodGet, "/t/a"+path, nil); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

func TestLibraryGrantsThatAreNotOursAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, grantType := range []string{
		"urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange",
		"client_credentials", "password",
	} {
		form := with(secretOf("web"), "grant_type", grantType, "assertion", "a.b.c", "subject_token", "x", "subject_token_type", "x")
		res := w.token(form)
		if got := res.json(t)["error"]; res.StatusCode != http.StatusBadRequest || got != "unsupported_grant_type" && got != "unauthorized_client" {
			t.Errorf("%s: %d %v", grantType, res.StatusCode, got)
		}
	}
}

func TestLibraryIssInEveryAuthorizationAnswer(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	for _, changes := range [][]string{nil, {"prompt", "bogus"}, {"max_age", "0", "prompt", "none"}} {
		for _, mode := range []string{"query", "fragment"} {
			_, values := w.authorize(request("web", append(changes, "response_mode", mode)...)).location(t)
			if values.Get("iss") != issuer {
				t.Errorf("%v %s: %v", changes, mode, values)
			}
		}
	}
}

func TestLibraryBadClientsGet401WithAChallenge(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/token", "/introspect", "/revoke"} {
		form := with(secretOf("web"), "client_secret", "wrong", "grant_type", "refresh_token", "refresh_token", "x", "token", "x")
		res := w.do(http.MethodPost, "/t/a"+path, form)
		wantError(t, res, http.StatusUnauthorized, "invalid_client")
		if !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%s: %q", path, res.Header.Get("WWW-Authenticate"))
		}
	}
	if res := w.do(http.MethodGet, "/t/a/userinfo", nil); res.StatusCode != http.StatusUnauthorized || res.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("userinfo: %d", res.StatusCode)
	}
}

func TestLibraryTokenEndpointTakesPostOnly(t *testing.T) {
	w := newWorld(t)
	code := w.code("web")
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		for _, path := range []string{"/token", "/introspect", "/revoke"} {
			res := w.do(method, "/t/a"+path+"?"+redemption("web", code).Encode(), nil)
			if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "POST" {
				t.Errorf("%s %s: %d, Allow %q", method, path, res.StatusCode, res.Header.Get("Allow"))
			}
		}
	}
}

func TestLibraryNoIDTokenWithoutOpenID(t *testing.T) {
	w := newWorld(t)
	if _, values := w.authorize(request("web", "scope", "email offline_access")).location(t); values.Get("error") != "invalid_scope" {
		t.Error(values)
	}
	narrowed := w.token(refreshing("web", w.tokens("web")["refresh_token"], "scope", "email")).json(t)
	if narrowed["id_token"] != nil {
		t.Error("an ID token without openid")
	}
}

func TestLibraryTokensAreNotCached(t *testing.T) {
	w := newWorld(t)
	for name, res := range map[string]answer{
		"token": w.token(redemption("web", w.code("web"))), "error": w.token(url.Values{}),
	} {
		if res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %q", name, res.Header.Get("Cache-Control"))
		}
	}
}

// Each kind of token at each place: it counts only where it belongs.
func TestNoTokenPassesForAnother(t *testing.T) {
	w := newWorld(t)
	tokens := w.tokens("web")
	now := w.now().Unix()
	claims := map[string]any{
		"iss": issuer, "sub": "subject-1", "aud": "web", "client_id": "web", "scope": "openid", "exp": now + 60, "iat": now,
		"gid": w.claimsOf(tokens["access_token"], "at+jwt", "ES256")["gid"],
	}
	changed := func(name string, value any) map[string]any {
		out := maps.Clone(claims)
		out[name] = value
		return out
	}
	unsigned := "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30."
	kinds := map[string]string{
		"access token":      fmt.Sprint(tokens["access_token"]),
		"ID token":          fmt.Sprint(tokens["id_token"]),
		"refresh token":     fmt.Sprint(tokens["refresh_token"]),
		"code":              w.code("web"),
		"unsigned token":    unsigned,
		"opaque token":      fmt.Sprint(w.tokens("pair")["access_token"]),
		"client's own":      fmt.Sprint(w.token(machine("resource", "https://api.example")).json(t)["access_token"]),
		"userinfo answer":   w.userinfo(w.tokens("modern")["access_token"]).body,
		"introspection":     w.do(http.MethodPost, "/t/a/introspect", with(secretOf("rs"), "token", "x"), "Accept", "application/token-introspection+jwt").body,
		"foreign tenant's":  w.forge("tenant-b", idp.ES256, "at+jwt", claims),
		"token without typ": w.forge("tenant-a", idp.ES256, "", claims),
		// Under our own key, but not what we would have said.
		"with another issuer":        w.forge("tenant-a", idp.ES256, "at+jwt", changed("iss", publicURL+"/t/b")),
		"with another client":        w.forge("tenant-a", idp.ES256, "at+jwt", changed("client_id", "spa")),
		"with another subject":       w.forge("tenant-a", idp.ES256, "at+jwt", changed("sub", "subject-2")),
		"ID token of another issuer": w.forge("tenant-a", idp.RS256, "JWT", changed("iss", publicURL+"/t/b")),
		"access token as JWT":        w.forge("tenant-a", idp.ES256, "JWT", claims),
	}
	places := map[string]struct {
		takes map[string]bool
		try   func(token string) bool
	}{
		"userinfo": {map[string]bool{"access token": true, "opaque token": true}, func(token string) bool {
			return w.userinfo(token).StatusCode == http.StatusOK
		}},
		"introspection": {map[string]bool{"access token": true, "refresh token": true, "opaque token": true, "client's own": true}, func(token string) bool {
			return w.do(http.MethodPost, "/t/a/introspect", with(secretOf("web"), "token", token)).json(t)["active"] == true
		}},
		// A JWT with typ JWT under our own key is an ID token by definition: only
		// we could have signed it.
		"hint at authorize": {map[string]bool{"ID token": true, "access token as JWT": true}, func(token string) bool {
			_, values := w.authorize(request("web", "id_token_hint", token)).location(t)
			return values.Has("code")
		}},
		"hint at logout": {map[string]bool{"ID token": true, "access token as JWT": true, "foreign tenant's": false}, func(token string) bool {
			res := w.do(http.MethodPost, "/t/a/end_session", url.Values{"id_token_hint": {token}, "post_logout_redirect_uri": {bye}})
			return res.StatusCode == http.StatusSeeOther
		}},
		"other tenant's userinfo": {map[string]bool{}, func(token string) bool {
			return w.do(http.MethodGet, "/t/b/userinfo", nil, "Authorization", "Bearer "+token).StatusCode == http.StatusOK
		}},
		"client secret": {map[string]bool{}, func(token string) bool {
			return w.do(http.MethodPost, "/t/a/revoke", with(secretOf("web"), "client_secret", token, "token", "x")).StatusCode == http.StatusOK
		}},
		"code": {map[string]bool{"code": true}, func(token string) bool {
			return w.token(redemption("web", token)).StatusCode == http.StatusOK
		}},
	}
	for place, p := range places {
		if place == "code" {
			continue // spends it: goes last
		}
		for kind, token := range kinds {
			if got := p.try(token); got != p.takes[kind] {
				t.Errorf("%s at %s: taken %v", kind, place, got)
			}
		}
	}
	for kind, token := range kinds {
		if got := places["code"].try(token); got != (kind == "code") {
			t.Errorf("%s as a code: taken %v", kind, got)
		}
	}
}
