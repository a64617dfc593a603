package postgres

import (
	"crypto/rand"
	"crypto/sha256"

	"postern/idp"
)

// blinded is a digest in a form that the database may compare with =.
//
// The database compares bytes one after the other and stops at the first that
// differs, so comparing a stored digest with a presented one would tell, by its
// time, how far they agree. A statement compares sha256(column || nonce) with
// want instead: nonce is fresh, so how far those two agree says nothing about
// the digests, and nothing that adds up over many attempts.
//
// Where a read suffices, the digest is read and compared by idp.Digest.Equal.
type blinded struct{ nonce, want []byte }

// blind gives a comparison that nothing passes if d was never set.
func blind(d idp.Digest) blinded {
	b := blinded{nonce: make([]byte, 16)}
	rand.Read(b.nonce)
	b.want = b.of(d)
	return b
}

// of is what another digest must be for the same nonce.
func (b blinded) of(d idp.Digest) []byte {
	if d.IsZero() {
		return nil
	}
	h := sha256.New()
	d.MAC(func(sum []byte) { h.Write(sum) })
	h.Write(b.nonce)
	return h.Sum(nil)
}
