package keys

import (
	"crypto"
	"crypto/ecdsa"
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
	make func() (crypto.Signer, error)
	// fits tells whether a key is of this algorithm's kind and strength.
	fits func(crypto.Signer) bool
	sign func(key crypto.Signer, input []byte) ([]byte, error)
}

// algorithms are those that every tenant has a key of, in the order of the JWKS.
var algorithms = []algorithm{
	{name: idp.RS256, make: makeRSA, fits: fitsRSA, sign: signRS256},
	{name: idp.ES256, make: makeP256, fits: fitsP256, sign: signES256},
}

const rsaBits = 2048

func algorithmOf(name idp.Alg) (algorithm, error) {
	i := slices.IndexFunc(algorithms, func(a algorithm) bool { return a.name == name })
	if i < 0 {
		return algorithm{}, fmt.Errorf("algorithm %q: %w", name, idp.ErrNotFound)
	}
	return algorithms[i], nil
}

func makeRSA() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }

func fitsRSA(key crypto.Signer) bool {
	k, ok := key.(*rsa.PrivateKey)
	return ok && k.N.BitLen() >= rsaBits
}

// signRS256 is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
func signRS256(key crypto.Signer, input []byte) ([]byte, error) {
	sum := sha256.Sum256(input)
	return key.Sign(rand.Reader, sum[:], crypto.SHA256)
}

func makeP256() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

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
