package idp

import "time"

// Flow is one login in progress: from the posted address to the client.
//
//	asked --link or code--> completed --first tab to ask--> finished
//	  |                         |
//	  +--five wrong codes--> locked     (any) --time--> expired, swept
type Flow struct {
	TenantID TenantID
	ID       FlowID
	Request  AuthRequest
	Address  Address
	// Browser is the digest of the secret of the browser that asked. Nothing
	// advances a flow without that secret.
	Browser Digest
	Asked   Device
	Locale  string
	State   FlowState
	// Attempts counts relay codes and pasted links that were tried.
	Attempts  int
	CreatedAt time.Time
	Expires   time.Time
	// NextMail is when another mail may be asked for.
	NextMail time.Time
	// UserID and SessionID are set once completed.
	UserID    UserID
	SessionID SessionID
	// Taken is what the flow's mails took from limits; a completed login gives it back.
	Taken []Taken
}

// FlowState is where a flow is.
type FlowState string

// States of a flow. Expiry is not one: it follows from Flow.Expires.
const (
	FlowAsked     FlowState = "asked"
	FlowCompleted FlowState = "completed" // signed in; no tab has gone to the client yet
	FlowFinished  FlowState = "finished"
	FlowLocked    FlowState = "locked"
)

// MaxAttempts is how many relay codes or pasted links a flow takes, over all its links.
const MaxAttempts = 5

// Device is what the person is told of who asked: enough to recognise
// themselves, not enough to locate anyone.
type Device struct {
	Browser string `json:"browser,omitempty"` // such as "Firefox on Linux"
	Network string `json:"network,omitempty"` // truncated, such as 192.0.2.x
}

// Link is one mailed link of a flow. ID is its public selector; the digest is
// that of the verifier, which exists only in the mail. When the flow ends, the
// row stays as a tombstone that can say what became of it.
type Link struct {
	TenantID TenantID
	ID       string
	FlowID   FlowID
	ClientID ClientID
	Verifier Digest
	Outcome  LinkOutcome
	SentAt   time.Time
	Expires  time.Time
}

// LinkOutcome is what became of a link.
type LinkOutcome string

// Outcomes of a link. Expiry is not one: it follows from Link.Expires and its flow's.
const (
	LinkLive LinkOutcome = ""
	LinkUsed LinkOutcome = "used" // its flow was completed, by this or another link
	LinkDead LinkOutcome = "dead" // its flow was locked
)

// CompletedBy says how a login was completed.
type CompletedBy string

// ByLink: opened in the browser that asked. ByRelay: a code or link carried over by hand.
const (
	ByLink  CompletedBy = "link"
	ByRelay CompletedBy = "relay"
)

// ACR is the authentication context class of a login completed so.
func (by CompletedBy) ACR() string {
	if by == ByLink {
		return ACRLink
	}
	return ACRRelay
}

// NewFlow is everything that one posted address writes, in one transaction.
type NewFlow struct {
	Flow Flow
	Mail OutboxEntry
	// Dispatch, if not nil, is how the mail leaves at once; else it is queued.
	Dispatch *Dispatch
}

// Resend asks for another mail of a flow that is still FlowAsked.
type Resend struct {
	TenantID TenantID
	FlowID   FlowID
	Mail     OutboxEntry
	NextMail time.Time
	Taken    []Taken // added to the flow's
	Now      time.Time
}

// Completion is one attempt to complete a flow. The store decides in one
// transaction and exactly one attempt wins.
type Completion struct {
	TenantID TenantID
	LinkID   string
	Verifier Digest
	Browser  Digest
	By       CompletedBy
	// User is created if the address has none yet and SignUp allows it; its
	// address, tenant and creation time come from the flow and Now.
	User   User
	SignUp SignUp
	// Session is opened for whoever the address belongs to; the store fills its
	// user. Replaces, if set, is the browser's former session, revoked along with
	// it; what stands on the same person's one moves to the new one and lives on.
	Session  Session
	Replaces SessionID
	// Grant, if not nil, finishes the flow at once: the store fills in client,
	// request, user and authentication from flow and session.
	Grant *Grant
	Now   time.Time
}

// Completed is what the winner gets.
type Completed struct {
	Flow    Flow
	User    User
	Session Session
}
