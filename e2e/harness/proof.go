package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ProofKey is a key of an app's own that it proves to hold (RFC 9449).
type ProofKey struct{ signer jose.Signer }

// NewProofKey makes one.
func NewProofKey(t *testing.T) ProofKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	return ProofKey{signer}
}

// Prove makes a new proof for one request, of the token that goes with it if
// there is one. It is for any goroutine of a test: what cannot fail panics.
func (k ProofKey) Prove(method, target, nonce, token string) string {
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": target, "iat": time.Now().Unix(), "nonce": nonce}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	signed, err := k.signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	proof, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return proof
}
