package idp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql/driver"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
)

// SecretBytes is the size of every secret that Postern hands out: 256 bits.
const SecretBytes = 32

// Secret is 32 bytes from the system's secure random source. It exists in the
// mail, the cookie or the token it was made for, and nowhere else: what is
// stored is its Digest. It does not print itself.
type Secret struct{ b [SecretBytes]byte }

// NewSecret draws a fresh secret from crypto/rand.
func NewSecret() Secret {
	var s Secret
	rand.Read(s.b[:])
	return s
}

// ParseSecret reads what Reveal wrote. It refuses every other text, also other
// encodings of the same bytes, so that a secret has one form.
func ParseSecret(text string) (Secret, error) {
	var s Secret
	if len(text) != base64.RawURLEncoding.EncodedLen(SecretBytes) {
		return s, fmt.Errorf("secret: %w", ErrNotFound)
	}
	n, err := base64.RawURLEncoding.Strict().Decode(s.b[:], []byte(text))
	if err != nil || n != SecretBytes {
		return Secret{}, fmt.Errorf("secret: %w", ErrNotFound)
	}
	return s, nil
}

// Reveal gives the secret as 43 characters of base64url, for its one reader.
func (s Secret) Reveal() string { return base64.RawURLEncoding.EncodeToString(s.b[:]) }

// Digest is SHA-256 of the secret's bytes.
func (s Secret) Digest() Digest { return DigestOf(s.b[:]) }

// Successor derives the secret that follows this one: HMAC-SHA256 under the
// secret itself over a salt. Whoever holds both gets the same successor again,
// so a rotation can be answered twice without storing what was answered; the
// salt alone, as a database holds it, gives nothing.
func (s Secret) Successor(salt Secret) Secret {
	var next Secret
	mac := hmac.New(sha256.New, s.b[:])
	mac.Write(salt.b[:])
	mac.Sum(next.b[:0])
	return next
}

// String keeps a secret out of logs and formatted text.
func (Secret) String() string { return "[secret]" }

// GoString keeps a secret out of %#v.
func (Secret) GoString() string { return "[secret]" }

// LogValue keeps a secret out of slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Bytes gives the raw secret, for a salt's column and for key derivation.
func (s Secret) Bytes() []byte { return s.b[:] }

// SecretFromBytes is the inverse of Bytes.
func SecretFromBytes(b []byte) (Secret, error) {
	var s Secret
	if len(b) != SecretBytes {
		return s, fmt.Errorf("secret of %d bytes", len(b))
	}
	copy(s.b[:], b)
	return s, nil
}

// Digest is the stored form of a secret. It is not comparable with ==, by the
// compiler: the only comparison is Equal, in constant time.
type Digest struct {
	_   [0]func()
	sum [sha256.Size]byte
	set bool
}

// DigestOf hashes b with SHA-256.
func DigestOf(b []byte) Digest { return Digest{sum: sha256.Sum256(b), set: true} }

// Equal compares in constant time. A zero Digest equals nothing, not even
// another zero one, so a missing digest never lets anyone in.
func (d Digest) Equal(other Digest) bool {
	same := subtle.ConstantTimeCompare(d.sum[:], other.sum[:]) == 1
	return same && d.set && other.set
}

// IsZero tells a digest that was never set.
func (d Digest) IsZero() bool { return !d.set }

// Value writes the digest as a column, nil if it was never set.
func (d Digest) Value() (driver.Value, error) {
	if !d.set {
		return nil, nil //nolint:nilnil // SQL NULL is a value here
	}
	return append([]byte(nil), d.sum[:]...), nil
}

// Scan reads a column that Value wrote.
func (d *Digest) Scan(src any) error {
	switch b := src.(type) {
	case nil:
		*d = Digest{}
		return nil
	case []byte:
		if len(b) != sha256.Size {
			return fmt.Errorf("digest of %d bytes", len(b))
		}
		copy(d.sum[:], b)
		d.set = true
		return nil
	default:
		return errors.New("digest: not a byte column")
	}
}

// MAC gives the digest's bytes to a keyed hash. It is no way to compare.
func (d Digest) MAC(write func([]byte)) { write(d.sum[:]) }

// Credential is a secret with the public name of the row that holds its
// digest: a link token, an authorization code, a refresh token, a session
// cookie. The row is looked up by the name, then the digest is compared, so no
// index is ever searched by something secret.
type Credential struct {
	ID     string // UUID
	Secret Secret
}

// NewCredential gives the row named id a fresh secret. The id must be a UUID.
func NewCredential(id string) Credential { return Credential{ID: id, Secret: NewSecret()} }

// Reveal gives the credential as 64 characters of base64url: 16 bytes of name, 32 of secret.
func (c Credential) Reveal() string {
	id, err := parseUUID(c.ID)
	if err != nil {
		panic("idp: credential for a row that is not named by a UUID")
	}
	return base64.RawURLEncoding.EncodeToString(append(id[:], c.Secret.b[:]...))
}

// ParseCredential reads what Reveal wrote; any other text is ErrNotFound.
func ParseCredential(text string) (Credential, error) {
	const size = 16 + SecretBytes
	if len(text) != base64.RawURLEncoding.EncodedLen(size) {
		return Credential{}, fmt.Errorf("credential: %w", ErrNotFound)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != size {
		return Credential{}, fmt.Errorf("credential: %w", ErrNotFound)
	}
	var c Credential
	c.ID = formatUUID([16]byte(raw[:16]))
	copy(c.Secret.b[:], raw[16:])
	return c, nil
}

// LogValue keeps the secret half out of slog and leaves the name in.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.ID) }
