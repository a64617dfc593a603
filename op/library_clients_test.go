package op_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// The same, of how clients prove themselves and what they may ask for.

func TestLibraryAssertionsCountOnceAndEverywhere(t *testing.T) {
	w, key := withAssertions(t)
	text := signedBy(t, key, jose.ES256, w.claims(nil))
	if res := w.token(asserted(redemption("web", w.code("web")), text)); res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	wantError(t, w.token(asserted(redemption("web", w.code("web")), text)), http.StatusUnauthorized, "invalid_client")

	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: edKey.Public(), KeyID: "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	w.register(func(m *idp.ClientMetadata) { m.JWKS = set })
	text = signedBy(t, edKey, jose.EdDSA, w.claims(nil))
	if res := w.token(asserted(redemption("web", w.code("web")), text)); res.StatusCode != http.StatusOK {
		t.Errorf("EdDSA: %d %s", res.StatusCode, res.body)
	}

	machineClient := w.store.clients["tenant-a"]["machine"]
	machineClient.Secrets, machineClient.Metadata.JWKS = nil, set
	machineClient.Metadata.AuthMethods = []idp.AuthMethod{idp.AuthPrivateKey}
	w.store.clients["tenant-a"]["machine"] = machineClient
	text = signedBy(t, edKey, jose.EdDSA, w.claims(map[string]any{"iss": "machine", "sub": "machine"}))
	if res := w.token(asserted(machine("resource", "https://api.example"), text)); res.StatusCode != http.StatusOK {
		t.Errorf("client_credentials: %d %s", res.StatusCode, res.body)
	}
}

func TestLibraryPushedRequestsProofsAndRegistrationAreThere(t *testing.T) {
	w := withRegistration(t)
	if res := w.send(http.MethodPost, "/t/a/register", metadataWith(nil)); res.StatusCode != http.StatusCreated {
		t.Errorf("registration: %d %s", res.StatusCode, res.body)
	}
	w.logIn("u1")
	if _, values := w.authorize(named("web", w.pushed("web"))).location(t); !values.Has("code") {
		t.Errorf("a pushed request: %v", values)
	}
	if got := w.holder().tokens("web"); got["token_type"] != "DPoP" {
		t.Errorf("a proof: %v", got["token_type"])
	}
	const media = "application/token-introspection+jwt"
	res := w.do(http.MethodPost, "/t/a/introspect", with(secretOf("rs"), "token", "x"), "Accept", media)
	if res.Header.Get("Content-Type") != media {
		t.Errorf("signed introspection: %s", res.Header.Get("Content-Type"))
	}
}

// Sealing or opening a handle takes a tenth of the library's hundred allocations.
func TestLibrarySealedHandlesCostLittle(t *testing.T) {
	box, claims := testBox(), make([]byte, 400)
	sealed := box.Seal("tenant-a", "test", claims)
	for name, do := range map[string]func(){
		"seal": func() { box.Seal("tenant-a", "test", claims) },
		"open": func() {
			if _, err := box.Open("tenant-a", "test", sealed); err != nil {
				t.Error(err)
			}
		},
	} {
		if got := testing.AllocsPerRun(100, do); got > 10 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
