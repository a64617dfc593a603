package op_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// One person at one client is one sub, wherever it is told or asked for.
func TestPairwiseSubjectsAreTheSameEverywhere(t *testing.T) {
	w := newWorld(t)
	got := w.tokens("pair")
	id := w.claimsOf(got["id_token"], "JWT", jose.RS256)
	sub := fmt.Sprint(id["sub"])
	if sub == "subject-1" || len(sub) != 43 {
		t.Fatalf("sub %q is not pairwise", sub)
	}
	for place, told := range map[string]any{
		"userinfo":                  w.userinfo(got["access_token"]).json(t)["sub"],
		"introspection":             w.introspected(got["access_token"])["sub"],
		"introspection of refresh":  w.do(http.MethodPost, "/t/a/introspect", with(secretOf("pair"), "token", fmt.Sprint(got["refresh_token"]))).json(t)["sub"],
		"ID token after a refresh":  w.claimsOf(w.token(refreshing("pair", got["refresh_token"])).json(t)["id_token"], "JWT", jose.RS256)["sub"],
		"ID token of another login": w.claimsOf(w.tokens("pair")["id_token"], "JWT", jose.RS256)["sub"],
	} {
		if told != sub {
			t.Errorf("%s says %v", place, told)
		}
	}
	hint := fmt.Sprint(got["id_token"])
	asks := map[string]string{
		"id_token_hint": hint,
		"claims":        `{"id_token":{"sub":{"value":"` + sub + `"}}}`,
	}
	for name, value := range asks {
		if _, values := w.authorize(request("pair", name, value, "prompt", "none")).location(t); !values.Has("code") {
			t.Errorf("%s of the person who is there: %v", name, values)
		}
	}
	if _, values := w.authorize(request("pair", "claims", `{"id_token":{"sub":{"value":"subject-1"}}}`, "prompt", "none")).location(t); values.Get("error") != "login_required" {
		t.Errorf("the public sub counts at a pairwise client: %v", values)
	}
	w.logIn("u2")
	for name, value := range asks {
		if _, values := w.authorize(request("pair", name, value, "prompt", "none")).location(t); values.Get("error") != "login_required" {
			t.Errorf("%s of somebody else: %v", name, values)
		}
	}
	if other := w.claimsOf(w.tokens("pair")["id_token"], "JWT", jose.RS256)["sub"]; other == sub || other == "subject-2" {
		t.Errorf("another person's sub: %v", other)
	}
}

func TestTokensAreSignedAsTheClientChose(t *testing.T) {
	w := newWorld(t)
	got := w.tokens("modern")
	id := w.claimsOf(got["id_token"], "JWT", jose.EdDSA)
	w.claimsOf(got["access_token"], "at+jwt", jose.PS256)
	// Half of SHA-512 for Ed25519, half of SHA-256 for the rest.
	if hash := fmt.Sprint(id["at_hash"]); len(hash) != 43 {
		t.Errorf("at_hash %q", hash)
	}
	if _, values := w.authorize(request("modern", "id_token_hint", fmt.Sprint(got["id_token"]))).location(t); !values.Has("code") {
		t.Errorf("its own ID token is no hint: %v", values)
	}
	c := w.store.clients["tenant-a"]["modern"]
	for alg, published := range map[idp.Alg]jose.SignatureAlgorithm{idp.RS256: jose.RS256, idp.PS256: jose.PS256, idp.ES256: jose.ES256} {
		c.Metadata.IDTokenAlg = alg
		w.store.clients["tenant-a"]["modern"] = c
		w.claimsOf(w.tokens("modern")["id_token"], "JWT", published)
	}
}
