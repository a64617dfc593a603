package op_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// The same, of tokens.

func TestLibraryCausesDoNotLeave(t *testing.T) {
	w := newWorld(t)
	w.store.poison = errors.New("dial tcp 10.1.2.3: password=hunter2")
	for _, res := range []answer{
		w.authorize(request("web")), w.token(redemption("web", idp.NewCredential(idp.NewID(w.now())).Reveal())),
		w.userinfo("x"), w.do(http.MethodPost, "/t/a/introspect", with(secretOf("rs"), "token", "x")),
		w.do(http.MethodPost, "/t/a/revoke", with(secretOf("rs"), "token", "x")),
	} {
		if text := res.body + fmt.Sprint(res.Header); strings.Contains(text, "hunter2") || strings.Contains(text, "10.1.2.3") {
			t.Errorf("%d %s", res.StatusCode, text)
		}
	}
}

// A handle that is changed anywhere is not ours any more.
func TestLibraryHandlesAreAuthenticated(t *testing.T) {
	w := newWorld(t)
	token := fmt.Sprint(w.tokens("pair")["access_token"])
	if w.userinfo(token).StatusCode != http.StatusOK {
		t.Fatal("the token itself is not good")
	}
	for i := range token {
		other := byte('A')
		if token[i] == 'A' {
			other = 'B'
		}
		if res := w.userinfo(token[:i] + string(other) + token[i+1:]); res.StatusCode != http.StatusUnauthorized {
			t.Fatalf("changed at %d: %d", i, res.StatusCode)
		}
	}
}

func TestLibraryAccessTokensAreTyped(t *testing.T) {
	w := newWorld(t)
	access := w.claimsOf(w.tokens("web")["access_token"], "at+jwt", jose.ES256)
	if access["scope"] != "openid email offline_access" || access["client_id"] != "web" || access["jti"] == nil {
		t.Errorf("%v", access)
	}
}

func TestLibraryAnAccessTokenIsNoHint(t *testing.T) {
	w := newWorld(t)
	got := w.tokens("web")
	if _, values := w.authorize(request("web", "id_token_hint", fmt.Sprint(got["access_token"]))).location(t); values.Get("error") != "invalid_request" {
		t.Errorf("%v", values)
	}
	if res := w.userinfo(got["id_token"]); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("an ID token at userinfo: %d", res.StatusCode)
	}
}

func TestLibraryEdDSATokensAreTakenByTheirOwnIssuer(t *testing.T) {
	w := newWorld(t)
	got := w.tokens("web", "resource", "https://strict.example")
	w.claimsOf(got["access_token"], "at+jwt", jose.EdDSA)
	if res := w.userinfo(got["access_token"]); res.StatusCode != http.StatusOK {
		t.Errorf("userinfo: %d %s", res.StatusCode, res.body)
	}
	if _, values := w.authorize(request("modern", "id_token_hint", fmt.Sprint(w.tokens("modern")["id_token"]))).location(t); !values.Has("code") {
		t.Errorf("id_token_hint: %v", values)
	}
}

func TestLibraryPublicDocumentsMayBeCached(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/t/a/.well-known/openid-configuration", "/t/a/jwks"} {
		if got := w.do(http.MethodGet, path, nil).Header.Get("Cache-Control"); got != "public, max-age=300" {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestLibraryTheRegisteredMethodIsTheOnlyOne(t *testing.T) {
	w := newWorld(t)
	form := redemption("strict", w.code("strict"))
	basic := with(form)
	basic.Del("client_secret")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("strict", webSecret)
	wantError(t, w.token(basic, "Authorization", r.Header.Get("Authorization")), http.StatusUnauthorized, "invalid_client")
	if res := w.token(form); res.StatusCode != http.StatusOK {
		t.Errorf("the registered one: %s", res.body)
	}
}

// Each signature costs one read of the store at most, and no parsing: the
// precomputed key is handed out again.
func TestLibrarySignersAreKept(t *testing.T) {
	w := newWorld(t)
	first, err := w.ring.Signer(t.Context(), "tenant-a", idp.RS256)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.ring.Signer(t.Context(), "tenant-a", idp.RS256)
	if err != nil || first != again {
		t.Errorf("the key was made ready twice: %v", err)
	}
}
