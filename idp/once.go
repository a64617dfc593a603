package idp

import "time"

// Once is something that may be presented once until it expires, over all
// replicas. Its zero value stands for nothing.
type Once struct {
	Kind    string
	Digest  Digest
	Expires time.Time
}

// Kinds of what may be presented once.
const (
	OnceAssertion = "client-assertion" // the jti of a client's assertion (RFC 7523 §3)
	OnceProof     = "dpop-proof"       // the jti of a DPoP proof (RFC 9449 §11.1)
	OncePushed    = "pushed-request"   // a pushed authorization request (RFC 9126 §7.3)
)

// IsZero tells that there is nothing to note.
func (o Once) IsZero() bool { return o.Digest.IsZero() }

// PushedKept is how long a pushed request that gave a code is remembered: longer
// than anything lives that still carries it, from the browser's request to the
// last click of the login.
const PushedKept = 2 * time.Hour

// Spends is what a grant uses up: the pushed request it answers, of which there
// is one code, however often its page was loaded.
func (g Grant) Spends() Once {
	if g.Request.Pushed == "" {
		return Once{}
	}
	return Once{Kind: OncePushed, Digest: PushedDigest(g.Request.Pushed), Expires: g.CreatedAt.Add(PushedKept)}
}

// PushedDigest is what is noted of a pushed request.
func PushedDigest(id string) Digest { return DigestOf([]byte(id)) }
