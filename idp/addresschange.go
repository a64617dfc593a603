package idp

import "time"

// Change says what a flow is for that signs nobody in.
//
//	ChangeAddress: its mail proves a person's new mailbox
//	ChangeNotice:  its mail tells the old one; nothing completes it, for it has
//	               no browser
type Change string

// Kinds of changes.
const (
	ChangeNothing Change = "" // a login
	ChangeAddress Change = "address"
	ChangeNotice  Change = "notice"
)

// FreshLogin is how long after a login a person may change what they sign in with.
const FreshLogin = 10 * time.Minute

// AccountClient is the client of a tenant's own account page: a login that
// begins there ends there.
const AccountClient ClientID = "postern.account"

// AddressChange is one attempt to give a person the address that a flow's mail
// has proven. The store decides in one transaction and exactly one attempt wins.
type AddressChange struct {
	TenantID TenantID
	LinkID   string
	Verifier Digest
	Browser  Digest
	// UserID is who asks, From the address they have, and Session the one they
	// are signed in by, which is the only one that stays.
	UserID  UserID
	From    Address
	Session SessionID
	// Notice tells the old mailbox: a flow without a browser, and its mail.
	Notice NewFlow
	Now    time.Time
}
