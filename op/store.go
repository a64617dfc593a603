package op

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"postern/idp"
)

// Store is what the provider asks of the database. Each method is one atomic step.
type Store interface {
	Once
	Registry
	// FindClient gives a client of the tenant, or idp.ErrNotFound.
	FindClient(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error)
	// OriginAllowed tells whether any client of the tenant allows the origin.
	OriginAllowed(ctx context.Context, t idp.TenantID, origin string) (bool, error)
	// SaveRequest keeps a sealed authorization request that would not fit a URL.
	SaveRequest(ctx context.Context, r idp.StoredRequest) error
	// FindRequest gives such a request, or idp.ErrNotFound; also an expired one,
	// which carries its time.
	FindRequest(ctx context.Context, t idp.TenantID, id string) (idp.StoredRequest, error)
	// FindPushed gives a stored request that was pushed: as FindRequest, and
	// idp.ErrUsed where it has given a code.
	FindPushed(ctx context.Context, t idp.TenantID, id string) (idp.StoredRequest, error)
	// CreateGrant writes a grant that stands on a session already open.
	// idp.ErrReplayed, and nothing is written, where the pushed request that it
	// answers has given a code before.
	CreateGrant(ctx context.Context, g idp.Grant) error
	// RedeemCode consumes an authorization code if code, client, redirect URI and
	// challenge are the grant's, sets the refresh token, and gives grant and user.
	// Exactly one caller wins: idp.ErrNotFound, ErrMismatch, ErrExpired, ErrUsed.
	// ErrUsed has revoked the grant and appended the audit event (RFC 6749
	// §4.1.2); other errors change nothing. r.Once is noted with what succeeds;
	// ErrReplayed if it was before.
	RedeemCode(ctx context.Context, r idp.Redemption) (idp.Grant, idp.User, error)
	// RotateRefresh replaces the current refresh token by its successor, or
	// answers the previous one again within idp.RefreshGrace. idp.ErrNotFound
	// (also revoked grants, and tokens that nobody issued), ErrMismatch (another
	// client's), ErrExpired, ErrUsed: an older token that was issued, which has
	// revoked the grant and appended the audit event. r.Once is noted with what
	// succeeds; ErrReplayed if it was before.
	RotateRefresh(ctx context.Context, r idp.Rotation) (idp.Rotated, error)
	// FindGrant gives a grant and its user if its tokens count at now: neither
	// revoked nor expired, the user not disabled, and the session alive unless the
	// grant is offline. idp.ErrNotFound otherwise.
	FindGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, now time.Time) (idp.Grant, idp.User, error)
	// UseGrant is FindGrant for who presents, along with a token, what may be
	// presented once: idp.ErrReplayed if it was before.
	UseGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, o idp.Once, now time.Time) (idp.Grant, idp.User, error)
	// ExchangeGrant is FindGrant for who exchanges a token of the grant for another,
	// with the audit event of that. e.Once is noted with what succeeds; ErrReplayed
	// if it was before.
	ExchangeGrant(ctx context.Context, e idp.Exchange) (idp.Grant, idp.User, error)
	// StartDevice keeps a device's login; idp.ErrConflict if the user code is taken.
	StartDevice(ctx context.Context, d idp.DeviceLogin) error
	// PollDevice answers a device: with grant and user once it is allowed, which
	// exactly one of many polls gets; else idp.ErrNotFound (also a wrong secret),
	// ErrMismatch (another client's), ErrExpired, ErrUsed, ErrNotAllowed (denied),
	// ErrTooSoon, ErrPending, or ErrReplayed.
	PollDevice(ctx context.Context, p idp.DevicePoll) (idp.Grant, idp.User, error)
	// SessionClients gives the clients that want to hear of a session's end.
	SessionClients(ctx context.Context, t idp.TenantID, id idp.SessionID) ([]idp.SessionClient, error)
	// FindConsent gives what a user has agreed to for a client, or idp.ErrNotFound.
	FindConsent(ctx context.Context, t idp.TenantID, u idp.UserID, c idp.ClientID) (idp.Consent, error)
	// RevokeGrant ends all tokens of a grant of this client; a grant that is not
	// there or another client's is no error (RFC 7009 §2.2).
	RevokeGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, c idp.ClientID, now time.Time) error
}

// Once holds what may be presented once, over all replicas.
type Once interface {
	// UseOnce notes it in one step; idp.ErrUsed the second time until it expires.
	UseOnce(ctx context.Context, t idp.TenantID, kind string, d idp.Digest, expires time.Time) error
}

// Sessions is the browser's side of a login, as the login room keeps it.
type Sessions interface {
	// Current gives the live session of the browser that sent r, and its user;
	// idp.ErrNotFound if it has none in this tenant.
	Current(r *http.Request) (idp.Session, idp.User, error)
	// End revokes the session and takes the cookie from the browser.
	End(w http.ResponseWriter, r *http.Request, s idp.Session) error
	// FormToken binds a form to this browser and an action; it sets the browser's
	// cookie if there is none yet. FormTokenOK checks one that was posted.
	FormToken(w http.ResponseWriter, r *http.Request, action string) string
	FormTokenOK(r *http.Request, action, token string) bool
}

// Sealer keeps what a browser carries for us from being read or changed.
type Sealer interface {
	Seal(t idp.TenantID, purpose string, plaintext []byte) string
	Open(t idp.TenantID, purpose string, sealed string) ([]byte, error)
	MAC(t idp.TenantID, purpose string, parts ...[]byte) [32]byte
}

// Limits counts what costs a row before anyone has signed in: an authorization
// request that has to be stored (DESIGN section 4.1).
type Limits interface {
	// Attempt counts one by peer; a verdict that refuses is answered with 429.
	Attempt(ctx context.Context, t idp.Tenant, peer netip.Addr, now time.Time) (idp.Verdict, error)
}

// Registry keeps clients that register themselves.
type Registry interface {
	// CreateClient adds a client with its audit event; idp.ErrConflict if the id is taken.
	CreateClient(ctx context.Context, c idp.Client) error
	// UpdateClient replaces secrets, metadata and registration; idp.ErrNotFound.
	UpdateClient(ctx context.Context, c idp.Client) error
	// DeleteClient takes a client and its logo away, ends its grants and appends the
	// audit event; idp.ErrNotFound.
	DeleteClient(ctx context.Context, t idp.TenantID, id idp.ClientID, now time.Time) error
	// SpendRegistrationToken takes one use from an initial access token:
	// idp.ErrNotFound where there is none of this name and digest, ErrExpired, ErrExhausted.
	SpendRegistrationToken(ctx context.Context, t idp.TenantID, id string, d idp.Digest, now time.Time) error
	// SaveLogo keeps a client's logo, in place of the one before.
	SaveLogo(ctx context.Context, logo idp.Logo) error
	// FindLogo gives a client's logo, or idp.ErrNotFound.
	FindLogo(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Logo, error)
}

// Fetcher reads what a client keeps at a web address of its own. Addresses come
// from outside, so it refuses private networks and redirects, and gives up on
// what is slow or large.
type Fetcher interface {
	Fetch(ctx context.Context, uri string) ([]byte, error)
	// Cached gives what may be some minutes old. With renew it is fetched again,
	// unless that was done just now.
	Cached(ctx context.Context, uri string, renew bool) ([]byte, error)
}

// Keys holds the tenants' signing keys.
type Keys interface {
	Signer(ctx context.Context, t idp.TenantID, alg idp.Alg) (idp.Signer, error)
	// Find gives the public key of a key id, or idp.ErrNotFound.
	Find(ctx context.Context, t idp.TenantID, kid string) (idp.PublicKey, error)
	// JWKS is the tenant's JSON Web Key Set (RFC 7517 §5), encoded.
	JWKS(ctx context.Context, t idp.TenantID) ([]byte, error)
}
