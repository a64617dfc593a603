package clients_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// newKey makes a client's key: the private half as a JWK, the public one as a
// file with a JWK set.
func newKey(t *testing.T, alg string) (private []byte, public string) {
	t.Helper()
	var (
		key crypto.Signer
		err error
	)
	switch alg {
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ES256", "ECDH-ES":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	use := "sig"
	if alg == "ECDH-ES" || alg == "RSA-OAEP-256" {
		use = "enc"
	}
	jwk := jose.JSONWebKey{Key: key, KeyID: "one", Algorithm: alg, Use: use}
	if private, err = jwk.MarshalJSON(); err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	public = filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(public, set, 0o600); err != nil {
		t.Fatal(err)
	}
	return private, public
}
