package idp

import (
	"fmt"
	"slices"
	"strings"
)

// Alg is a JWS algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
type Alg string

// Signing algorithms that keys are made for. EdDSA is Ed25519.
const (
	RS256 Alg = "RS256"
	PS256 Alg = "PS256"
	ES256 Alg = "ES256"
	EdDSA Alg = "EdDSA"
	// AlgNone is no signature. Only what OpenID Connect lets go unsigned may name it.
	AlgNone Alg = "none"
)

// Algs are those that tokens are signed with and signatures of clients are taken in.
var Algs = []Alg{RS256, PS256, ES256, EdDSA}

// validate tells whether tokens can be signed with it.
func (a Alg) validate() error {
	if !slices.Contains(Algs, a) {
		names := make([]string, 0, len(Algs))
		for _, alg := range Algs {
			names = append(names, string(alg))
		}
		return fmt.Errorf("algorithm %q: one of %s", a, strings.Join(names, ", "))
	}
	return nil
}
