package idp

import "errors"

// The ways in which a step of the domain can fail. Backends translate their
// drivers' errors into these; rooms map them to what their protocol says.
var (
	// ErrNotFound: there is no such row in this tenant.
	ErrNotFound = errors.New("not found")
	// ErrConflict: a row with this key exists already.
	ErrConflict = errors.New("exists already")
	// ErrExpired: it was good once, its time is over.
	ErrExpired = errors.New("expired")
	// ErrUsed: it works once, and that was before.
	ErrUsed = errors.New("used already")
	// ErrReplayed: what came with it may be presented once, and was before.
	ErrReplayed = errors.New("presented before")
	// ErrMismatch: it exists, but was presented by the wrong party or with the wrong companion.
	ErrMismatch = errors.New("does not belong together")
	// ErrExhausted: no attempt is left.
	ErrExhausted = errors.New("no attempts left")
	// ErrPending: nobody has decided yet.
	ErrPending = errors.New("not decided yet")
	// ErrTooSoon: it was asked for just now.
	ErrTooSoon = errors.New("asked too soon")
	// ErrNotAllowed: the tenant's policy refuses it.
	ErrNotAllowed = errors.New("not allowed by policy")
	// ErrUnavailable: the store cannot answer now; a later try may succeed.
	ErrUnavailable = errors.New("store unavailable")
)
