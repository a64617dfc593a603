package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"slices"

	"postern/idp"
)

// algorithm is what the ring needs to know of one JWS algorithm (RFC 7518 §3).
type algorithm struct {
	name idp.Alg
	// make gives a key that nobody has had before, a spare one where there are some of its kind.
	make func(*Spares) (crypto.Signer, error)
	// fits tells whether a key is of this algorithm's kind and strength.
	fits func(crypto.Signer) bool
	sign func(key crypto.Signer, input []byte) ([]byte, error)
}

// algorithms are those that keys can be made for, in the order of the JWKS.
// RS256 and PS256 have RSA keys of their own: a key that says what it is for
// (RFC 7517 §4.4) is never taken for the other.
var algorithms = []algorithm{
	{name: idp.RS256, make: makeRSA, fits: fitsRSA, sign: signRS256},
	{name: idp.PS256, make: makeRSA, fits: fitsRSA, sign: signPS256},
	{name: idp.ES256, make: makeP256, fits: fitsP256, sign: signES256},
	{name: idp.EdDSA, make: makeEd25519, fits: fitsEd25519, sign: signEdDSA},
}

// usual are the algorithms that every tenant has keys of from its first request
// on: what clients use unless they choose. Others are made at first need.
var usual = []idp.Alg{idp.RS256, idp.ES256}

const rsaBits = 2048

func algorithmOf(name idp.Alg) (algorithm, error) {
	i := slices.IndexFunc(algorithms, func(a algorithm) bool { return a.name == name })
	if i < 0 {
		return algorithm{}, fmt.Errorf("algorithm %q: %w", name, idp.ErrNotFound)
	}
	return algorithms[i], nil
}

func makeRSA(spares *Spares) (crypto.Signer, error) {
	if key, ok := spares.take(); ok {
		return key, nil
	}
	return rsa.GenerateKey(rand.Reader, rsaBits)
}

func fitsRSA(key crypto.Signer) bool {
	k, ok := key.(*rsa.PrivateKey)
	return ok && k.N.BitLen() >= rsaBits
}

// signRS256 is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
func signRS256(key crypto.Signer, input []byte) ([]byte, error) {
	sum := sha256.Sum256(input)
	return key.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// signPS256 is RSASSA-PSS with SHA-256, the salt as long as the hash (RFC 7518 §3.5).
func signPS256(key crypto.Signer, input []byte) ([]byte, error) {
	sum := sha256.Sum256(input)
	return key.Sign(rand.Reader, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
}

func makeEd25519(*Spares) (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

func fitsEd25519(key crypto.Signer) bool {
	_, ok := key.(ed25519.PrivateKey)
	return ok
}

// signEdDSA is Ed25519 over the input itself (RFC 8037 §3.1).
func signEdDSA(key crypto.Signer, input []byte) ([]byte, error) {
	return key.Sign(rand.Reader, input, crypto.Hash(0))
}

func makeP256(*Spares) (crypto.Signer, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func fitsP256(key crypto.Signer) bool {
	k, ok := key.(*ecdsa.PrivateKey)
	return ok && k.Curve == elliptic.P256()
}

// signES256 is ECDSA over P-256; JOSE has r and s in 32 bytes each, not ASN.1
// (RFC 7518 §3.4).
func signES256(key crypto.Signer, input []byte) ([]byte, error) {
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("ES256 with a key of type %T", key)
	}
	sum := sha256.Sum256(input)
	r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}
