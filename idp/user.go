package idp

import (
	"crypto/rand"
	"encoding/base64"
	"time"
)

// User is a person as one tenant knows them.
type User struct {
	TenantID TenantID
	ID       UserID
	// Subject is the sub claim: random, never derived from the address, stable when it changes.
	Subject string
	Address Address
	// Verified: a link mailed to Address was used here.
	Verified  bool
	Disabled  bool
	Locale    string
	Profile   Profile
	CreatedAt time.Time
}

// NewSubject draws a sub of 128 random bits.
func NewSubject() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Session is a browser that a person has signed in with (single sign-on).
type Session struct {
	TenantID TenantID
	ID       SessionID
	UserID   UserID
	Digest   Digest // of the cookie's secret
	AuthTime time.Time
	ACR      string
	AMR      []string
	Expires  time.Time
	Revoked  bool
}

// SessionLife is how long a browser stays signed in, from the login, where its
// tenant says nothing else (Tenant.SessionLife).
const SessionLife = 7 * 24 * time.Hour

// Authentication context class references of the two ways to complete a login.
const (
	// ACRLink: the link was opened in the browser that asked.
	ACRLink = "urn:postern:acr:email-link"
	// ACRRelay: what the mail said was carried over by hand, so a person could
	// be talked into it. A client that minds asks for ACRLink.
	ACRRelay = "urn:postern:acr:email-relay"
)
