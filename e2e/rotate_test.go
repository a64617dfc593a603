package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// An app goes over to a new secret while both are good.
func TestASecretIsReplacedWhileBothAreGood(t *testing.T) {
	t.Parallel()
	c := newClient(t, shared)
	good := func(secret string) bool {
		answer, body := ask(t, http.MethodPost, shared.Issuer+"/introspect", url.Values{"token": {"x"}, "client_id": {c.ID}, "client_secret": {secret}})
		if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusUnauthorized {
			t.Fatalf("%d %s", answer.StatusCode, body)
		}
		return answer.StatusCode == http.StatusOK
	}
	var next client
	if err := json.Unmarshal(shared.Run(t, "client", "secret", "add", "--tenant", "demo", c.ID), &next); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, "the new secret", func() bool { return good(next.Secret) })
	if !good(c.Secret) || next.ID != c.ID || next.Secret == c.Secret {
		t.Error("the old secret is good no more, or the new one is no new one")
	}
	shared.Run(t, "client", "secret", "drop", "--tenant", "demo", c.ID)
	harness.Eventually(t, "the end of the old secret", func() bool { return !good(c.Secret) })
	if !good(next.Secret) {
		t.Error("the new secret went with the old one")
	}
}

// What a key has signed outlives a rotation and ends with its revocation.
func TestWhatARevokedKeySignedCountsNoMore(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	c := newClient(t, s)
	l := begin(t, c, newBrowser(t), newAddress())
	tokens := l.finish(l.openLink(l.mail().Link))
	status := func() int {
		answer, _ := ask(t, http.MethodGet, s.Issuer+"/userinfo", nil, "Authorization", "Bearer "+tokens["access_token"].(string))
		return answer.StatusCode
	}
	s.Run(t, "key", "rotate", "--tenant", "demo", "--now")
	if got := status(); got != http.StatusOK {
		t.Errorf("after a rotation, its token is answered %d", got)
	}
	var keys []struct{ KID, Alg, State string }
	if err := json.Unmarshal(s.Run(t, "key", "list", "--tenant", "demo", "--json"), &keys); err != nil {
		t.Fatal(err)
	}
	revoked := 0
	for _, key := range keys {
		if key.State == "verifies" {
			s.Run(t, "key", "revoke", "--tenant", "demo", key.KID)
			revoked++
			if _, jwks := ask(t, http.MethodGet, s.Issuer+"/jwks", nil); strings.Contains(jwks, key.KID) || key.KID == "" {
				t.Errorf("the JWKS still has the %s key", key.Alg)
			}
		}
	}
	if got := status(); got != http.StatusUnauthorized || revoked != 2 {
		t.Errorf("after the revocation of %d keys, its token is answered %d", revoked, got)
	}
	next := c.request("prompt", "none")
	redeemed, again := c.redeem(l.browser.Get(next.url).URL.Query().Get("code"), next)
	if redeemed != http.StatusOK {
		t.Errorf("the session gives no new tokens: %d %v", redeemed, again)
	}
}
