// Package storage opens the database and composes what the rooms ask of it.
//
// The rooms declare their own, smaller views of Store; this is the whole, which
// both backends implement and storagetest holds them to. Every method takes the
// tenant first, is one atomic step, and takes the time from its caller.
// Contracts of the methods are written where they are asked for: in login, op,
// mail, keys and limit; those below are asked for by cmd and edge.
package storage

import (
	"context"
	"time"

	"postern/idp"
)

// Store is a whole backend.
type Store interface {
	Tenants
	Clients
	Users
	Flows
	Outbox
	MailSetups
	Logouts
	Consents
	Grants
	Devices
	Keys
	Limits
	// Sweep deletes up to most rows of each kind whose time is over at now, and
	// tells how many went. Flows leave their links as tombstones for
	// idp.TombstoneLife. A grant may stay for the rest of its last day, a counter
	// for that of its last hour. Audit events stay.
	Sweep(ctx context.Context, now time.Time, most int) (int, error)
	// Vitals reads how the instance does at now, over all tenants.
	Vitals(ctx context.Context, now time.Time) (idp.Vitals, error)
	// Connections tells of the connections to the database, without asking it.
	Connections() idp.Connections
	// Clock gives what time it is by the database. On SQLite that is our own.
	Clock(ctx context.Context) (time.Time, error)
	// Ping tells whether the database answers.
	Ping(ctx context.Context) error
	Close() error
}

// Tenants are the islands.
type Tenants interface {
	// CreateTenant adds a tenant with its audit event; idp.ErrConflict if slug,
	// host or the root is taken.
	CreateTenant(ctx context.Context, t idp.Tenant) error
	// UpdateTenant replaces name, host, root and settings; idp.ErrNotFound, ErrConflict.
	UpdateTenant(ctx context.Context, t idp.Tenant) error
	// DeleteTenant takes away a tenant with all that is in it, its audit log too, in
	// one transaction; idp.ErrNotFound if it is not there. What a process wrote that
	// had not heard of it goes then, too, by calling it again.
	DeleteTenant(ctx context.Context, t idp.TenantID) error
	// FindTenantBySlug, FindTenantByHost and FindRootTenant give a tenant or idp.ErrNotFound.
	FindTenantBySlug(ctx context.Context, slug string) (idp.Tenant, error)
	FindTenantByHost(ctx context.Context, host string) (idp.Tenant, error)
	FindRootTenant(ctx context.Context) (idp.Tenant, error)
	// ListTenants gives all tenants by slug.
	ListTenants(ctx context.Context) ([]idp.Tenant, error)
	// SaveBrandLogo keeps a tenant's logo, in place of the one before.
	SaveBrandLogo(ctx context.Context, logo idp.LogoFile) error
	FindBrandLogo(ctx context.Context, t idp.TenantID, hash string) (idp.LogoFile, error)
}

// Clients are the tenants' apps.
type Clients interface {
	// CreateClient adds a client with its audit event; idp.ErrConflict if the id is taken.
	CreateClient(ctx context.Context, c idp.Client) error
	// UpdateClient replaces secrets, metadata and registration; idp.ErrNotFound.
	UpdateClient(ctx context.Context, c idp.Client) error
	// PutClients adds clients of one tenant, with their audit events, or replaces
	// those whose ids are taken: all of them or none.
	PutClients(ctx context.Context, t idp.TenantID, clients []idp.Client) error
	DeleteClient(ctx context.Context, t idp.TenantID, id idp.ClientID, now time.Time) error
	KeepClient(ctx context.Context, c idp.Client, until time.Time) error
	// CreateRegistrationToken keeps an initial access token.
	CreateRegistrationToken(ctx context.Context, token idp.RegistrationToken) error
	SpendRegistrationToken(ctx context.Context, t idp.TenantID, id string, d idp.Digest, now time.Time) error
	UseOnce(ctx context.Context, t idp.TenantID, kind string, d idp.Digest, expires time.Time) error
	SaveLogo(ctx context.Context, logo idp.Logo) error
	FindLogo(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Logo, error)
	FindClient(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error)
	ListClients(ctx context.Context, t idp.TenantID) ([]idp.Client, error)
	OriginAllowed(ctx context.Context, t idp.TenantID, origin string) (bool, error)
}

// Users are the tenants' people and their sessions.
type Users interface {
	// InviteUser adds a user with its audit event; idp.ErrConflict if the address has one.
	InviteUser(ctx context.Context, u idp.User) error
	// FindUser gives the user of an address, or idp.ErrNotFound.
	FindUser(ctx context.Context, t idp.TenantID, a idp.Address) (idp.User, error)
	// SetProfile replaces a user's profile and appends the audit event; idp.ErrNotFound.
	SetProfile(ctx context.Context, t idp.TenantID, id idp.UserID, p idp.Profile, now time.Time) error
	FindSession(ctx context.Context, t idp.TenantID, id idp.SessionID) (idp.Session, idp.User, error)
	RevokeSession(ctx context.Context, t idp.TenantID, id idp.SessionID, now time.Time) error
	// ListUsers gives up to most users whose address comes after the given one, by address.
	ListUsers(ctx context.Context, t idp.TenantID, after idp.Address, most int) ([]idp.User, error)
	// SetDisabled disables a user, which ends every session and revokes every
	// grant, or enables them again; idp.ErrNotFound.
	SetDisabled(ctx context.Context, t idp.TenantID, id idp.UserID, disabled bool, now time.Time) error
	SignOutUser(ctx context.Context, t idp.TenantID, id idp.UserID, now time.Time) error
	// DeleteUser takes away a user with all that is theirs, but for the audit
	// log; idp.ErrNotFound.
	DeleteUser(ctx context.Context, t idp.TenantID, id idp.UserID, now time.Time) error
	ListSessions(ctx context.Context, t idp.TenantID, u idp.UserID, now time.Time, most int) ([]idp.SignedIn, error)
	EndSession(ctx context.Context, t idp.TenantID, id idp.SessionID, now time.Time) error
	SessionClients(ctx context.Context, t idp.TenantID, id idp.SessionID) ([]idp.SessionClient, error)
	// ListEvents gives a tenant's newest audit events, newest first.
	ListEvents(ctx context.Context, t idp.TenantID, most int) ([]idp.Event, error)
	// PruneEvents deletes up to most of a tenant's audit events from before a time,
	// the oldest first, appends one that says how many, and tells that, too.
	PruneEvents(ctx context.Context, t idp.TenantID, before, now time.Time, most int) (int, error)
}

// Flows are logins in progress.
type Flows interface {
	StartFlow(ctx context.Context, n idp.NewFlow) (idp.Started, error)
	FindFlow(ctx context.Context, t idp.TenantID, id idp.FlowID) (idp.Flow, error)
	FindFlowMail(ctx context.Context, t idp.TenantID, id idp.FlowID) (idp.Flow, idp.OutboxEntry, error)
	FindLink(ctx context.Context, t idp.TenantID, id string) (idp.Link, idp.Flow, error)
	Resend(ctx context.Context, r idp.Resend) error
	CountAttempt(ctx context.Context, t idp.TenantID, id idp.FlowID, now time.Time) ([]idp.Link, error)
	LockFlow(ctx context.Context, t idp.TenantID, id idp.FlowID, now time.Time) error
	CompleteFlow(ctx context.Context, c idp.Completion) (idp.Completed, error)
	ChangeAddress(ctx context.Context, c idp.AddressChange) (idp.User, error)
	FinishFlow(ctx context.Context, t idp.TenantID, id idp.FlowID, g idp.Grant, now time.Time) (idp.Completed, error)
	SaveRequest(ctx context.Context, r idp.StoredRequest) error
	FindRequest(ctx context.Context, t idp.TenantID, id string) (idp.StoredRequest, error)
	FindPushed(ctx context.Context, t idp.TenantID, id string) (idp.StoredRequest, error)
}

// Outbox holds the mails to send.
type Outbox interface {
	ClaimMail(ctx context.Context, ref idp.MailRef, lease time.Duration, now time.Time) (idp.ClaimedMail, error)
	BeginSending(ctx context.Context, id idp.OutboxID, attempt int, link idp.Link, lease time.Duration) error
	FinishMails(ctx context.Context, t idp.TenantID, results []idp.MailResult) (written int, err error)
	DueMails(ctx context.Context, now time.Time, most int) (due, lapsed []idp.MailRef, err error)
}

// MailSetups are how tenants send mail, sealed, and where it is not sent to.
type MailSetups interface {
	// SaveMailSetup keeps a tenant's setup, in place of the one before.
	SaveMailSetup(ctx context.Context, s idp.MailSetup) error
	FindMailSetup(ctx context.Context, t idp.TenantID) (idp.MailSetup, error)
	Suppress(ctx context.Context, s idp.Suppression) error
	// Unsuppress lets mail to an address out again; idp.ErrNotFound.
	Unsuppress(ctx context.Context, t idp.TenantID, a idp.Address) error
	// ListSuppressions gives up to most suppressions that count at now, newest first.
	ListSuppressions(ctx context.Context, t idp.TenantID, now time.Time, most int) ([]idp.Suppression, error)
}

// Logouts are the logout tokens to send. Whatever ends a session writes them, in
// its own step, for each client that has a back channel.
type Logouts interface {
	DueLogouts(ctx context.Context, now time.Time, most int) ([]idp.LogoutRef, error)
	ClaimLogout(ctx context.Context, ref idp.LogoutRef, lease time.Duration, now time.Time) (idp.ClaimedLogout, error)
	FinishLogout(ctx context.Context, ref idp.LogoutRef, attempt int, end idp.LogoutEnd, due, now time.Time) error
}

// Consents are what people have agreed to.
type Consents interface {
	FindConsent(ctx context.Context, t idp.TenantID, u idp.UserID, c idp.ClientID) (idp.Consent, error)
	Agree(ctx context.Context, c idp.Consent, g idp.Grant) error
	// ListConsents gives a user's consents by client.
	ListConsents(ctx context.Context, t idp.TenantID, u idp.UserID) ([]idp.Consent, error)
	ListAccess(ctx context.Context, t idp.TenantID, u idp.UserID, now time.Time, most int) ([]idp.Access, error)
	EndAccess(ctx context.Context, t idp.TenantID, u idp.UserID, c idp.ClientID, now time.Time) error
}

// Grants are what codes and tokens stand on.
type Grants interface {
	CreateGrant(ctx context.Context, g idp.Grant) error
	RedeemCode(ctx context.Context, r idp.Redemption) (idp.Grant, idp.User, error)
	RotateRefresh(ctx context.Context, r idp.Rotation) (idp.Rotated, error)
	FindGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, now time.Time) (idp.Grant, idp.User, error)
	UseGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, o idp.Once, now time.Time) (idp.Grant, idp.User, error)
	ExchangeGrant(ctx context.Context, e idp.Exchange) (idp.Grant, idp.User, error)
	RevokeGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, c idp.ClientID, now time.Time) error
}

// Devices are logins that devices without a browser have asked for.
type Devices interface {
	StartDevice(ctx context.Context, d idp.DeviceLogin) error
	FindDevice(ctx context.Context, t idp.TenantID, id string) (idp.DeviceLogin, error)
	FindDeviceByCode(ctx context.Context, t idp.TenantID, code idp.Digest) (idp.DeviceLogin, error)
	DecideDevice(ctx context.Context, t idp.TenantID, id string, g idp.Grant, now time.Time) error
	PollDevice(ctx context.Context, p idp.DevicePoll) (idp.Grant, idp.User, error)
}

// Keys are the tenants' signing keys, sealed.
type Keys interface {
	// AnySigningKey gives some key of some tenant, by which to tell whether a
	// master key is the one that keys were sealed under; idp.ErrNotFound while
	// there is none.
	AnySigningKey(ctx context.Context) (idp.SigningKey, error)
	SigningKeys(ctx context.Context, t idp.TenantID, now time.Time) ([]idp.SigningKey, error)
	AddSigningKey(ctx context.Context, key idp.SigningKey, retireOlder time.Time) error
	// RetireSigningKey ends a key at now, if it was to last longer, with the audit
	// event; idp.ErrNotFound where there is none of this id that is not retired.
	RetireSigningKey(ctx context.Context, t idp.TenantID, kid string, now time.Time) error
}

// Limits counts hits for all replicas.
type Limits interface {
	TakeHits(ctx context.Context, hits []idp.Hit, now time.Time) ([]idp.Verdict, error)
	ReturnHits(ctx context.Context, taken []idp.Taken) error
}
