package idp

import "time"

// SessionClient is a client that knows of a session and wants to hear of its
// end, with the sid that it was told.
type SessionClient struct {
	ClientID ClientID
	SID      SessionID
}

// LogoutRef names a logout token to send, over all tenants.
type LogoutRef struct {
	TenantID TenantID
	ClientID ClientID
	SID      SessionID
}

// ClaimedLogout is a logout token that a worker holds the lease of.
type ClaimedLogout struct {
	Ref     LogoutRef
	Tenant  Tenant
	Client  Client
	Subject string // the user's own; the client may know another
	Attempt int    // attempts begun
}

// LogoutEnd is how an attempt to send a logout token ended.
type LogoutEnd string

// Ends of an attempt. LogoutRetry leaves the token to be sent at its new due time.
const (
	LogoutTaken   LogoutEnd = "taken"
	LogoutRetry   LogoutEnd = "retry"
	LogoutGivenUp LogoutEnd = "given up"
)

// LogoutLife is how long a client that does not answer is tried at most.
const LogoutLife = 24 * time.Hour

// SignedIn is a session with whose it is.
type SignedIn struct {
	Session Session
	User    User
}

// Consent is what a person has agreed that a client may have.
type Consent struct {
	TenantID TenantID
	UserID   UserID
	ClientID ClientID
	Scope    []string
	AgreedAt time.Time
}

// Covers tells whether a request asks for nothing beyond what was agreed to.
func (c Consent) Covers(r AuthRequest) bool {
	agreed := AuthRequest{Scope: c.Scope}
	for _, scope := range r.Scope {
		if !agreed.HasScope(scope) {
			return false
		}
	}
	return true
}
