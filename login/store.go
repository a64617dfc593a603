package login

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"postern/idp"
)

// Store is what a login asks of the database. Each method is one atomic step.
type Store interface {
	// FindClient gives a client of the tenant, or idp.ErrNotFound.
	FindClient(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error)
	// KeepClient keeps a client that nobody registered, as its document says now,
	// until a time, or for longer where it is kept already.
	KeepClient(ctx context.Context, c idp.Client, until time.Time) error
	// FindRequest gives an authorization request that did not fit a URL, or
	// idp.ErrNotFound; also an expired one, which carries its time.
	FindRequest(ctx context.Context, t idp.TenantID, id string) (idp.StoredRequest, error)
	// SaveRequest keeps a sealed authorization request that would not fit a URL.
	SaveRequest(ctx context.Context, r idp.StoredRequest) error
	// StartFlow writes a flow and its outbox entry together, queued or, with a
	// Dispatch, being sent; idp.ErrConflict if there is a flow of this name.
	StartFlow(ctx context.Context, n idp.NewFlow) (idp.Started, error)
	// FindFlow gives a flow, expired or not, or idp.ErrNotFound.
	FindFlow(ctx context.Context, t idp.TenantID, id idp.FlowID) (idp.Flow, error)
	// FindFlowMail gives a flow, expired or not, and the newest of its mails that
	// no limit withheld, the zero entry where there is none; or idp.ErrNotFound.
	FindFlowMail(ctx context.Context, t idp.TenantID, id idp.FlowID) (idp.Flow, idp.OutboxEntry, error)
	// FindLink gives a link and its flow, or idp.ErrNotFound. Where the flow has
	// been swept and only the tombstone is left, the flow's ID is empty.
	FindLink(ctx context.Context, t idp.TenantID, id string) (idp.Link, idp.Flow, error)
	// Resend queues another mail: idp.ErrNotFound, ErrExpired, or ErrUsed if the
	// flow is no longer asked.
	Resend(ctx context.Context, r idp.Resend) error
	// CountAttempt counts one relay code or pasted link, commits that, and gives
	// the flow's live, unexpired links to compare with. idp.ErrExhausted when
	// idp.MaxAttempts were counted before; the flow is locked by then, in the
	// same step, and its links are dead. Errors otherwise as Resend's.
	CountAttempt(ctx context.Context, t idp.TenantID, id idp.FlowID, now time.Time) ([]idp.Link, error)
	// LockFlow ends a flow that is still asked, after its last attempt was wrong.
	LockFlow(ctx context.Context, t idp.TenantID, id idp.FlowID, now time.Time) error
	// CompleteFlow consumes the link, completes or finishes the flow, finds or
	// creates the user, opens the session, writes the grant, gives back what the
	// flow took from limits and appends the audit events, in one transaction of
	// which exactly one wins: idp.ErrNotFound, ErrMismatch (verifier or browser),
	// ErrExpired, ErrUsed, ErrNotAllowed (sign-up policy, disabled user).
	CompleteFlow(ctx context.Context, c idp.Completion) (idp.Completed, error)
	// ChangeAddress consumes the link, finishes the flow, gives the user the
	// flow's address, ends their other sessions and every grant, locks the flows
	// that wait for the old address, and queues the notice to it, with the audit
	// event: idp.ErrNotFound, ErrMismatch (verifier, browser, or not a change of
	// address), ErrExpired, ErrUsed, ErrNotAllowed (the session is over, or the
	// user not as they were), ErrConflict (somebody else has the address).
	ChangeAddress(ctx context.Context, c idp.AddressChange) (idp.User, error)
	// CreateClient adds a client with its audit event; idp.ErrConflict if the id is taken.
	CreateClient(ctx context.Context, c idp.Client) error
	// FinishFlow moves a completed flow to finished and writes the grant, filled
	// in from flow and session; the first caller wins: idp.ErrNotFound,
	// ErrExpired, ErrUsed (not completed, or finished before). A grant without an
	// ID is not written: the flow ends where consent is asked, or in an error.
	FinishFlow(ctx context.Context, t idp.TenantID, id idp.FlowID, g idp.Grant, now time.Time) (idp.Completed, error)
	// FindSession gives a session, also an expired or revoked one, and its user, or idp.ErrNotFound.
	FindSession(ctx context.Context, t idp.TenantID, id idp.SessionID) (idp.Session, idp.User, error)
	// RevokeSession ends a session and appends the audit event; ending it twice is no error.
	RevokeSession(ctx context.Context, t idp.TenantID, id idp.SessionID, now time.Time) error
	// ListSessions gives up to most sessions that are alive at now, newest login
	// first; an empty user stands for all.
	ListSessions(ctx context.Context, t idp.TenantID, u idp.UserID, now time.Time, most int) ([]idp.SignedIn, error)
	// EndSession ends a session with every grant on it, offline ones too, and
	// appends the audit event; idp.ErrNotFound if it is not alive.
	EndSession(ctx context.Context, t idp.TenantID, id idp.SessionID, now time.Time) error
	// SignOutUser ends every session and revokes every grant of a user, offline
	// ones too, with the audit event; idp.ErrNotFound.
	SignOutUser(ctx context.Context, t idp.TenantID, id idp.UserID, now time.Time) error
	// ListAccess gives up to most apps that have a grant of the user which counts
	// at now, newest first: those of FindGrant, together for each client. The
	// account page is left out.
	ListAccess(ctx context.Context, t idp.TenantID, u idp.UserID, now time.Time, most int) ([]idp.Access, error)
	// EndAccess takes back what an app may do for a user, the consent and every
	// grant, with the audit event; idp.ErrNotFound if there is nothing.
	EndAccess(ctx context.Context, t idp.TenantID, u idp.UserID, c idp.ClientID, now time.Time) error
	// FindConsent gives what a user has agreed to for a client, or idp.ErrNotFound.
	FindConsent(ctx context.Context, t idp.TenantID, u idp.UserID, c idp.ClientID) (idp.Consent, error)
	// Agree adds to what a user has agreed to and writes the grant that stands on
	// it, on a session already open, with the audit event.
	Agree(ctx context.Context, c idp.Consent, g idp.Grant) error
	// FindDevice gives a device's login by its id, FindDeviceByCode by what the
	// person has typed, or idp.ErrNotFound; also an expired one.
	FindDevice(ctx context.Context, t idp.TenantID, id string) (idp.DeviceLogin, error)
	FindDeviceByCode(ctx context.Context, t idp.TenantID, code idp.Digest) (idp.DeviceLogin, error)
	// DecideDevice writes what the person has said of a device's login: the grant,
	// or, without an id, that there is none. The first answer counts:
	// idp.ErrNotFound, ErrExpired, ErrUsed.
	DecideDevice(ctx context.Context, t idp.TenantID, id string, g idp.Grant, now time.Time) error
	// FindBrandLogo gives a tenant's logo, or idp.ErrNotFound if it has none of
	// that hash.
	FindBrandLogo(ctx context.Context, t idp.TenantID, hash string) (idp.LogoFile, error)
}

// Sealer keeps what a browser carries for us from being read or changed, for
// one tenant and purpose.
type Sealer interface {
	// Seal encrypts and authenticates; the result is base64url.
	Seal(t idp.TenantID, purpose string, plaintext []byte) string
	// Open is Seal's inverse; anything else is idp.ErrNotFound.
	Open(t idp.TenantID, purpose string, sealed string) ([]byte, error)
	// MAC is HMAC-SHA256 over the parts, each preceded by its length, under a key
	// of its own for tenant and purpose.
	MAC(t idp.TenantID, purpose string, parts ...[]byte) [32]byte
}

// MailDecision is what the limits say of one request for a mail.
type MailDecision = idp.MailDecision

// Refusal says who is over a limit.
type Refusal = idp.Refusal

// Refusals, by the status they are answered with.
const (
	NotRefused    = idp.NotRefused
	RefusedPeer   = idp.RefusedPeer
	RefusedTenant = idp.RefusedTenant
	RefusedIdle   = idp.RefusedIdle
)

// Limits counts (DESIGN section 8). A store that fails makes Mail fail and Attempt allow.
type Limits interface {
	// Mail counts a request for a mail.
	Mail(ctx context.Context, t idp.Tenant, r idp.MailRequest, now time.Time) (MailDecision, error)
	// GiveBack returns what a request took that led to nothing, also where the
	// request is gone by now.
	GiveBack(ctx context.Context, taken []idp.Taken)
	// Attempt counts a POST that may complete a login; the verdict refuses with 429.
	Attempt(ctx context.Context, t idp.Tenant, peer netip.Addr, now time.Time) (idp.Verdict, error)
	// MayAttempt tells whether Attempt would let another one pass, as far as this
	// process knows, and counts nothing.
	MayAttempt(t idp.Tenant, peer netip.Addr, now time.Time) idp.Verdict
}

// Courier is the mail worker of this process.
type Courier interface {
	// Wake tells that an entry is due.
	Wake(ref idp.MailRef)
	// Hold keeps a hand free for the mail of a flow that is about to be written,
	// and mints its link; nil where all are busy. Send or Release must follow.
	Hold(t idp.Tenant, f idp.Flow, now time.Time) *idp.Dispatch
	// Send sends the mail, by the hand held for it, if policy lets it out. The
	// flow is committed by now.
	Send(m idp.ClaimedMail, d *idp.Dispatch)
	// Release frees a hand that was held for nothing.
	Release()
}

// Responder brings an authorization response to the client, in the request's
// response mode. Where it fails, it has written nothing.
type Responder interface {
	Code(w http.ResponseWriter, r *http.Request, req idp.AuthRequest, code string) error
	// Error takes an error code of RFC 6749 §4.1.2.1 or OpenID Connect Core §3.1.2.6.
	Error(w http.ResponseWriter, r *http.Request, req idp.AuthRequest, code, description string) error
}
