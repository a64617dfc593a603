package idp

import (
	"crypto"
	"time"
)

// SigningKey is a tenant's key for one algorithm. The private half is sealed.
type SigningKey struct {
	TenantID TenantID
	KID      string
	Alg      Alg
	// Generation counts the tenant's keys of this algorithm from 1; a second key of
	// the same generation is ErrConflict, so replicas never both make one.
	Generation int
	// Sealed is the private key in PKCS #8, sealed under the master key.
	Sealed []byte
	// PublicJWK is its public half as a JSON Web Key (RFC 7517), as JWKS shows it.
	PublicJWK []byte
	CreatedAt time.Time
	// ActiveFrom is when signing with it begins; JWKS shows it from CreatedAt on.
	ActiveFrom time.Time
	// RetiredAt, if not zero, is when JWKS stops to show it.
	RetiredAt time.Time
}

// Signer signs with a tenant's current key of one algorithm.
type Signer interface {
	KID() string
	Alg() Alg
	// Sign gives the JWS signature of the signing input (RFC 7515 §5.1).
	Sign(input []byte) ([]byte, error)
}

// PublicKey is one of a tenant's keys whose signatures still count.
type PublicKey struct {
	KID string
	Alg Alg
	Key crypto.PublicKey
}
