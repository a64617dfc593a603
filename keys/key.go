package keys

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// purposeSigningKey is the purpose under which private keys are sealed.
const purposeSigningKey = "signing-key"

// key is a signing key, parsed and precomputed once. It implements idp.Signer.
type key struct {
	row     idp.SigningKey
	alg     algorithm
	private crypto.Signer
	jwk     jose.JSONWebKey // its public half
}

// KID names the key: its thumbprint (RFC 7638).
func (k *key) KID() string { return k.row.KID }

// Alg is what it signs with.
func (k *key) Alg() idp.Alg { return k.alg.name }

// Sign gives the JWS signature of the signing input.
func (k *key) Sign(input []byte) ([]byte, error) { return k.alg.sign(k.private, input) }

// generate makes and seals a new key of a tenant.
func (r *Ring) generate(t idp.TenantID, alg algorithm, generation int, now, activeFrom time.Time) (idp.SigningKey, error) {
	private, jwk, err := r.make(alg)
	if err != nil {
		return idp.SigningKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return idp.SigningKey{}, fmt.Errorf("encode %s key: %w", alg.name, err)
	}
	encoded, err := jwk.MarshalJSON()
	if err != nil {
		return idp.SigningKey{}, fmt.Errorf("encode public %s key: %w", alg.name, err)
	}
	return idp.SigningKey{
		TenantID: t, KID: jwk.KeyID, Alg: alg.name, Generation: generation,
		Sealed: []byte(r.box.Seal(t, purposeSigningKey, der)), PublicJWK: encoded,
		CreatedAt: now, ActiveFrom: activeFrom,
	}, nil
}

// make gives a new key and its public half. One whose id a command line would
// take for a flag is thrown away: a 64th of them.
func (r *Ring) make(alg algorithm) (crypto.Signer, jose.JSONWebKey, error) {
	for {
		private, err := alg.make(r.spares)
		if err != nil {
			return nil, jose.JSONWebKey{}, fmt.Errorf("make %s key: %w", alg.name, err)
		}
		jwk, err := publicJWK(private, alg)
		if err != nil || !strings.HasPrefix(jwk.KeyID, "-") {
			return private, jwk, err
		}
	}
}

// open unseals and parses a row. The public half is taken from the private one,
// never from its column: whoever can only write rows cannot bring in a key.
func open(box *Box, row idp.SigningKey) (*key, error) {
	alg, err := algorithmOf(row.Alg)
	if err != nil {
		return nil, err
	}
	der, err := box.Open(row.TenantID, purposeSigningKey, string(row.Sealed))
	if err != nil {
		return nil, errors.New("its private half does not open: was it sealed under another master key?")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("its private half is not PKCS #8")
	}
	private, ok := parsed.(crypto.Signer)
	if !ok || !alg.fits(private) {
		return nil, fmt.Errorf("its private half is no %s key", alg.name)
	}
	if k, ok := private.(*rsa.PrivateKey); ok {
		k.Precompute() // halves the cost of a signature
	}
	jwk, err := publicJWK(private, alg)
	if err != nil {
		return nil, err
	}
	if jwk.KeyID != row.KID {
		return nil, errors.New("its id is not its thumbprint")
	}
	return &key{row: row, alg: alg, private: private, jwk: jwk}, nil
}

func publicJWK(private crypto.Signer, alg algorithm) (jose.JSONWebKey, error) {
	jwk := jose.JSONWebKey{Key: private.Public(), Algorithm: string(alg.name), Use: "sig"}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("thumbprint of %s key: %w", alg.name, err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return jwk, nil
}
