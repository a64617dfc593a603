package mail

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// firstBreak is how long an account whose login was refused is left alone;
	// each further refusal doubles it. Providers lock accounts that keep knocking.
	firstBreak   = 30 * time.Second
	longestBreak = 10 * time.Minute
	// unreachableRest is how long a server that could not be reached is tried after the others.
	unreachableRest = 30 * time.Second
)

// breaker keeps account of how an account's server behaves.
type breaker struct {
	mu      sync.Mutex
	refused int       // logins in a row
	closed  time.Time // until then, no login is tried
	late    time.Time // until then, others are tried first
}

// allow tells whether the account may be tried; who is let in after a break is
// alone until the result is known, or another break is over.
func (b *breaker) allow(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.closed) {
		return fmt.Errorf("%w: not tried again before %s", ErrLogin, b.closed.UTC().Format(time.TimeOnly))
	}
	if b.refused > 0 {
		b.closed = now.Add(firstBreak)
	}
	return nil
}

// isLate tells whether others are to be tried first.
func (b *breaker) isLate(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.late)
}

// result notes how a try ended, and tells whether it opened the breaker.
func (b *breaker) result(err error, now time.Time) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case errors.Is(err, ErrLogin):
		pause := min(firstBreak<<min(b.refused, 10), longestBreak)
		b.refused++
		b.closed = now.Add(pause)
		return true
	case errors.Is(err, errUnreachable):
		b.late = now.Add(unreachableRest)
	default:
		b.late = time.Time{}
	}
	if !errors.Is(err, errUnreachable) {
		b.refused, b.closed = 0, time.Time{}
	}
	return false
}
