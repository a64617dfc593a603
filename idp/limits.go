package idp

import (
	"net/netip"
	"time"
)

// MailRequest is somebody's wish for a mail.
type MailRequest struct {
	To   Address
	Peer netip.Addr
	// Known names a browser that has signed in with this address before, or is empty.
	Known string
	// Worked: what Work asks for has been done, or nobody asks it of this request.
	Worked bool
}

// MailDecision is what the limits say of one request for a mail.
type MailDecision struct {
	// Send is false where a mailbox is over its limit: same page, no mail.
	Send bool
	// NextMail is when another mail can be asked for. It is alike for every
	// address, so that it tells nothing about one.
	NextMail time.Time
	// Refused tells that the request itself is refused: nothing is to be written.
	Refused Refusal
	// RetryAt goes with Refused.
	RetryAt time.Time
	// Taken is what a completed login gives back.
	Taken []Taken
}

// Refusal says who is over a limit.
type Refusal int

// Refusals, by the status they are answered with.
const (
	NotRefused    Refusal = iota
	RefusedPeer           // 429: the network address asks too often
	RefusedTenant         // 503: the tenant as a whole is over
	// RefusedIdle: there is much asking, and the tenant wants work to be done first.
	RefusedIdle
)
