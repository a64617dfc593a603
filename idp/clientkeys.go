package idp

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

const (
	// MaxClientKeys bounds a client's key set, for each key may be tried.
	MaxClientKeys = 20
	// MaxJWKS bounds it in bytes.
	MaxJWKS = 32 << 10
)

// AssertionAlgs are what client assertions may be signed with.
var AssertionAlgs = []Alg{RS256, PS256, ES256, EdDSA, Ed25519, "RS384", "RS512", "PS384", "PS512", "ES384", "ES512"}

// privateMembers are what only a private or symmetric key has (RFC 7518 §6).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// validateKeys tells whether the client's keys are there, in one place, and
// public. What kinds they are of shows when a signature is checked.
func (m ClientMetadata) validateKeys() error {
	if len(m.JWKS) > 0 && m.JWKSURI != "" {
		return errors.New("jwks and jwks_uri exclude each other (RFC 7591 §2)")
	}
	if len(m.JWKS) == 0 {
		for _, method := range []AuthMethod{AuthPrivateKey, AuthSelfSignedTLS} {
			if m.JWKSURI == "" && slices.Contains(m.AuthMethods, method) {
				return fmt.Errorf("%s needs the client's public keys: jwks or jwks_uri", method)
			}
		}
		return nil
	}
	if len(m.JWKS) > MaxJWKS {
		return fmt.Errorf("jwks: at most %d bytes", MaxJWKS)
	}
	var set struct {
		Keys []map[string]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(m.JWKS, &set); err != nil || len(set.Keys) == 0 || len(set.Keys) > MaxClientKeys {
		return fmt.Errorf("jwks: a JSON Web Key Set of 1 to %d keys", MaxClientKeys)
	}
	for i, key := range set.Keys {
		if _, ok := key["kty"]; !ok {
			return fmt.Errorf("jwks: key %d has no kty", i+1)
		}
		for _, member := range privateMembers {
			if _, ok := key[member]; ok {
				return fmt.Errorf("jwks: key %d holds a private member (%s); give the public key only", i+1, member)
			}
		}
	}
	return nil
}
