package idp

import "time"

// OutboxEntry is one login mail that was asked for. It is written with its
// flow, also where no mail will go out, so that nobody can tell by what is written.
type OutboxEntry struct {
	TenantID TenantID
	ID       OutboxID
	FlowID   FlowID
	// Withheld: a limit refused it when it was asked for; the worker drops it.
	Withheld  bool
	State     OutboxState
	Attempt   int // attempts begun
	Due       time.Time
	Expires   time.Time // after it, the flow has ended and nothing is sent
	CreatedAt time.Time
}

// OutboxState is where a mail is.
//
//	queued --claim--> claimed --link committed--> sending --> sent
//	   ^                 | lapsed lease: claimed again |--> queued (refused for now, with a later Due)
//	   +-----------------+                             +--> refused (the address takes no mail)
//	                     +--> dropped                  +--> failed (refused for another reason, or out of time)
//	                     +--> refused (suppressed)     +--> unknown (answer lost after DATA, or the process died)
type OutboxState string

// States of an outbox entry.
const (
	OutboxQueued  OutboxState = "queued"
	OutboxClaimed OutboxState = "claimed"
	OutboxSending OutboxState = "sending"
	OutboxSent    OutboxState = "sent"
	OutboxRefused OutboxState = "refused"
	OutboxFailed  OutboxState = "failed"
	OutboxUnknown OutboxState = "unknown"
	OutboxDropped OutboxState = "dropped"
)

// ClaimedMail is an entry that a worker holds the lease of, with all it needs to send it.
type ClaimedMail struct {
	Entry  OutboxEntry
	Tenant Tenant
	Client Client
	Flow   Flow
	// UserKnown: the address belongs to a user who is not disabled.
	UserKnown bool
	// UserDisabled: the address belongs to a user who is.
	UserDisabled bool
	// Suppressed: the address was refused for good a while ago.
	Suppressed bool
}

// Deliverable tells whether this mail goes out.
func (m ClaimedMail) Deliverable() bool { return m.allowed() && !m.Suppressed }

// Undelivered is the state that a mail ends in which is not Deliverable. An
// address that was refused a while ago would be so again.
func (m ClaimedMail) Undelivered() OutboxState {
	if m.allowed() {
		return OutboxRefused
	}
	return OutboxDropped
}

// allowed tells whether policy lets this mail out. Where it mails everyone, who
// is disabled gets a mail, too, and learns at its link that they are: the page
// that waits tells there how mails fare, and would tell on them.
func (m ClaimedMail) allowed() bool {
	switch {
	case m.Entry.Withheld, m.Flow.State != FlowAsked:
		return false
	case m.UserDisabled:
		return m.Tenant.Settings.MailsEveryone()
	case m.Flow.Request.Change != ChangeNothing:
		return true // asked for by somebody who is signed in
	case m.Tenant.Settings.SignUpOf(m.Flow.Address) == SignUpInvited:
		return m.UserKnown
	default:
		return true
	}
}

// Dispatch is a mail that leaves as soon as its flow is written, by a worker of
// this process that keeps a hand free for it: its entry is written as being
// sent, for the first time, and its link with it.
type Dispatch struct {
	Credential Credential // the link's, for the mail alone
	Link       Link
	Lease      time.Duration // from Link.SentAt
}

// Started is what a flow's writing found of the person it is for; all are
// false for a stranger.
type Started struct {
	// UserKnown: the address belongs to a user who is not disabled.
	UserKnown bool
	// UserDisabled: the address belongs to a user who is.
	UserDisabled bool
	// Suppressed: the address was refused for good a while ago.
	Suppressed bool
}

// MailResult is what became of an attempt to send a mail.
type MailResult struct {
	ID      OutboxID
	Attempt int
	State   OutboxState // OutboxQueued, or one that ends the entry
	Due     time.Time   // when it is due again, if it is queued
	At      time.Time
}

// Ends tells whether the state is one that an entry stays in.
func (s OutboxState) Ends() bool {
	switch s {
	case OutboxSent, OutboxRefused, OutboxFailed, OutboxUnknown, OutboxDropped:
		return true
	case OutboxQueued, OutboxClaimed, OutboxSending:
		return false
	default:
		return false
	}
}

// MailRef names an outbox entry over all tenants.
type MailRef struct {
	TenantID TenantID
	ID       OutboxID
}
