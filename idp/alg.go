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
	// Ed25519 is what RFC 9864 §2.2 calls EdDSA with such keys; clients sign by
	// either name, tokens have the older.
	Ed25519 Alg = "Ed25519"
	// AlgNone is no signature. Only what OpenID Connect lets go unsigned may name it.
	AlgNone Alg = "none"
)

// Algs are those that tokens are signed with and signatures of clients are taken in.
var Algs = []Alg{RS256, PS256, ES256, EdDSA}

// Usual is the name that an algorithm goes by here.
func (a Alg) Usual() Alg {
	if a == Ed25519 {
		return EdDSA
	}
	return a
}

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
