package idp

import "time"

// Event is one line of a tenant's audit log. It is written in the transaction
// of what it describes, and never holds a secret.
type Event struct {
	TenantID TenantID
	ID       string
	At       time.Time
	Kind     EventKind
	UserID   UserID
	ClientID ClientID
	// Detail is short and free of secrets, such as how a login was completed.
	Detail string
}

// EventKind names what happened.
type EventKind string

// Kinds of audit events.
const (
	EventLogin       EventKind = "login.completed"
	EventFlowLocked  EventKind = "login.locked"
	EventSignUp      EventKind = "user.created"
	EventSignOut     EventKind = "session.ended"
	EventCodeReuse   EventKind = "grant.code_reused"
	EventTokenReuse  EventKind = "grant.refresh_token_reused"
	EventKeyRotated  EventKind = "key.rotated"
	EventKeyRevoked  EventKind = "key.revoked"
	EventTenantMade  EventKind = "tenant.created"
	EventClientMade  EventKind = "client.created"
	EventClientGone  EventKind = "client.deleted"
	EventUserInvited EventKind = "user.invited"
	EventUserChanged EventKind = "user.changed"
	EventAddress     EventKind = "user.address_changed"
	EventDisabled    EventKind = "user.disabled"
	EventEnabled     EventKind = "user.enabled"
	EventSignedOut   EventKind = "user.signed_out" // everywhere
	EventUserDeleted EventKind = "user.deleted"
	EventLogoutLost  EventKind = "logout.not_delivered"
	EventConsent     EventKind = "consent.given"
	EventConsentGone EventKind = "consent.revoked" // with every grant; also where an app needed no consent
	EventExchanged   EventKind = "token.exchanged"
	EventPruned      EventKind = "audit.pruned"
)
