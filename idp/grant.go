package idp

import "time"

// Grant is what an authorization code and all tokens after it stand on: one
// row from the code's issue to the end of the refresh token family. Revoking
// it ends them all.
type Grant struct {
	TenantID  TenantID
	ID        GrantID
	ClientID  ClientID
	UserID    UserID
	SessionID SessionID
	Request   AuthRequest
	AuthTime  time.Time
	ACR       string
	AMR       []string

	Code        Digest
	CodeExpires time.Time
	CodeUsed    bool

	// Refresh is the digest of the current refresh token, zero if there is none.
	Refresh        Digest
	RefreshExpires time.Time
	// BoundTo names the key that a public client's refresh tokens are bound to
	// (Confirmation.Name), empty where none is.
	BoundTo string

	CreatedAt time.Time
	// Expires is when no token of the grant can be alive and the row may be swept.
	Expires time.Time
	Revoked bool
}

// Lives of codes and tokens.
const (
	CodeLife         = 60 * time.Second
	AccessTokenLife  = time.Hour
	IDTokenLife      = time.Hour
	RefreshTokenLife = 30 * 24 * time.Hour // from its last use; of all that follow each other, Tenant.RefreshLife
	// RefreshGrace is how long the previous refresh token still gets the same
	// answer again, for an honest client whose first answer was lost.
	RefreshGrace = 10 * time.Second
)

// Offline tells whether the request asked for a refresh token.
func (r AuthRequest) Offline() bool { return r.HasScope("offline_access") }

// TokenLife is how long an access token of the request may live: an API's own
// may outlive the usual ones.
func (r AuthRequest) TokenLife() time.Duration {
	if len(r.Resource) > 0 {
		return MaxAccessTokenLife
	}
	return AccessTokenLife
}

// Redemption presents an authorization code (RFC 6749 §4.1.3).
type Redemption struct {
	TenantID    TenantID
	GrantID     GrantID
	Code        Digest
	ClientID    ClientID
	RedirectURI string
	// Challenge is S256 of the code_verifier, empty if none was sent.
	Challenge string
	// DPoPKey is the thumbprint of the key that the client proved, if any. It must
	// be the request's, where the request named one.
	DPoPKey string
	// BindTo is what the refresh token is bound to, if anything.
	BindTo string
	// Once is noted in the same step; ErrReplayed if it was before.
	Once Once
	// Refresh, if set, becomes the grant's refresh token, provided that the
	// grant's request asked for one.
	Refresh        Digest
	RefreshExpires time.Time
	Now            time.Time
}

// Rotation presents a refresh token (RFC 6749 §6).
type Rotation struct {
	TenantID TenantID
	GrantID  GrantID
	ClientID ClientID
	// Presented is the token's secret. Its successor under a fresh salt
	// replaces it; under the stored salt it answers an honest double-send.
	Presented Secret
	Salt      Secret
	// BoundTo names the key that the client proved, if any. It must be the one
	// that the tokens are bound to, where they are.
	BoundTo string
	// Issued tells that the token bears our mark. Only then is one that is not the
	// current one taken for an old one, whose reuse ends the family.
	Issued bool
	// Stay leaves the current token in place: it is answered with itself.
	Stay bool
	// Life is how long tokens may follow each other, from the grant's making.
	Life time.Duration
	// Once is noted in the same step; ErrReplayed if it was before.
	Once Once
	Now  time.Time
}

// Rotated is a rotation's answer. Salt is the one to derive the next token
// with: the offered one, or the stored one for a double-send within the grace.
// It means nothing where the token stays.
type Rotated struct {
	Grant Grant
	User  User
	Salt  Secret
}

// Confirmation names the key that whoever presents a token has to prove (RFC
// 7800 §3.1). The zero value is none: the token is its bearer's.
type Confirmation struct {
	JKT string `json:"jkt,omitempty"`      // by DPoP (RFC 9449 §6.1)
	X5T string `json:"x5t#S256,omitempty"` // by a client certificate (RFC 8705 §3.1)
}

// Name is the key in one word, empty for none.
func (c Confirmation) Name() string {
	switch {
	case c.JKT != "":
		return "jkt:" + c.JKT
	case c.X5T != "":
		return "x5t:" + c.X5T
	default:
		return ""
	}
}
