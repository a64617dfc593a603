package op

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// errNoSignature: no key that the client registered made this signature.
var errNoSignature = errors.New("not signed by the client")

// minRSA is the smallest modulus that a client may sign with (RFC 7518 §3.3).
const minRSA = 2048

// verifyByClient checks a signature with the client's registered keys, never
// with one that the text itself brings, and gives what was signed. Where the
// keys are at a jwks_uri and none fits, they are fetched once more: the client
// may have a new one.
func (p *Provider) verifyByClient(ctx context.Context, c idp.Client, token string, algs []jose.SignatureAlgorithm) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, algs)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, errNoSignature
	}
	if len(c.Metadata.JWKS) > 0 {
		return verifyWith(c.Metadata.JWKS, signed)
	}
	if c.Metadata.JWKSURI == "" || p.fetcher == nil {
		return nil, errNoSignature
	}
	var payload []byte
	for _, renew := range []bool{false, true} {
		set, fetchErr := p.fetcher.Cached(ctx, c.Metadata.JWKSURI, renew)
		if fetchErr != nil {
			return nil, fmt.Errorf("%w: jwks_uri: %w", errNoSignature, fetchErr)
		}
		if payload, err = verifyWith(set, signed); err == nil {
			return payload, nil
		}
	}
	return nil, err
}

// verifyWith tries the keys of a set that can have made the signature. Keys of
// kinds that are not known here don't spoil the others (RFC 7517 §5).
func verifyWith(set []byte, signed *jose.JSONWebSignature) ([]byte, error) {
	var listed struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(set, &listed); err != nil || len(listed.Keys) > idp.MaxClientKeys {
		return nil, errors.Join(errNoSignature, err)
	}
	header := signed.Signatures[0].Protected
	for _, one := range listed.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(one, &key) != nil || !fits(key, header) {
			continue
		}
		if payload, err := signed.Verify(verifierOf(key.Key)); err == nil {
			return payload, nil
		}
	}
	return nil, errNoSignature
}

// fits tells whether a key can have made a signature: by its id, its use and its
// algorithm where it names them, and by its kind.
func fits(key jose.JSONWebKey, header jose.Header) bool {
	switch {
	case header.KeyID != "" && key.KeyID != "" && key.KeyID != header.KeyID:
		return false
	case key.Use != "" && key.Use != "sig":
		return false
	case key.Algorithm != "" && idp.Alg(key.Algorithm).Usual() != idp.Alg(header.Algorithm).Usual():
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= minRSA && (strings.HasPrefix(header.Algorithm, "RS") || strings.HasPrefix(header.Algorithm, "PS"))
	case *ecdsa.PublicKey:
		return strings.HasPrefix(header.Algorithm, "ES")
	case ed25519.PublicKey:
		return idp.Alg(header.Algorithm).Usual() == idp.EdDSA
	default:
		return false
	}
}

// edwards verifies EdDSA by both its names: the library knows the older alone.
type edwards ed25519.PublicKey

// VerifyPayload implements jose.OpaqueVerifier.
func (k edwards) VerifyPayload(payload, signature []byte, _ jose.SignatureAlgorithm) error {
	if !ed25519.Verify(ed25519.PublicKey(k), payload, signature) {
		return errNoSignature
	}
	return nil
}

// verifierOf gives a key as the library takes it.
func verifierOf(key any) any {
	if public, ok := key.(ed25519.PublicKey); ok && len(public) == ed25519.PublicKeySize {
		return edwards(public)
	}
	return key
}
