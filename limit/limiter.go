// Package limit says whether one more mail, or one more attempt, is too many.
//
// It counts through Store, for all replicas at once, and holds a small memory in
// front, so that a peer that floods is refused before it reaches the database.
// The interface to the store is that of ulule/limiter where one key is counted;
// its own stores are not used, for they count by fixed windows, which let a
// double burst through at a window's edge.
//
// What is counted is named by keyed hashes: the database learns neither a
// mailbox nor a network address from them. It must never say more for one
// address than for another.
package limit

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/ulule/limiter/v3"

	"postern/idp"
)

// Limiter counts by Rules. It is safe for concurrent use.
type Limiter struct {
	store *hands
	keys  keyring
	rules Rules
	front *front
	log   *slog.Logger
}

// New gives a limiter. The keys of what it counts are made with mac.
func New(store Store, mac MAC, rules Rules, log *slog.Logger) *Limiter {
	return &Limiter{store: newHands(store), keys: keyring{mac}, rules: rules, front: newFront(frontKeys), log: log}
}

// Attempt counts a POST that may complete a login, by the network address it
// came from. A store that fails lets it pass: links and codes are guarded by
// themselves, and the memory in front goes on counting for this process.
func (l *Limiter) Attempt(ctx context.Context, t idp.Tenant, peer netip.Addr, now time.Time) (idp.Verdict, error) {
	key, rule := l.attemptHit(t, peer)
	mine := l.front.Take(key, rule, now)
	if !mine.Allowed {
		return mine, nil
	}
	shared := limiter.New(At(l.store, now), limiter.Rate{Limit: rule.Limit, Period: rule.Period})
	got, err := shared.Get(ctx, string(key[:]))
	if err != nil {
		l.log.WarnContext(ctx, "attempts are not counted: the store fails", "error", err)
		return mine, nil
	}
	retry := time.Unix(got.Reset, 0)
	if got.Reached {
		l.front.Uncount(key, rule, now)
		l.front.Refuse(key, retry, now)
		return idp.Verdict{RetryAt: retry}, nil
	}
	if got.Remaining == 0 { // the next one need not ask
		l.front.Refuse(key, retry, now)
	}
	return idp.Verdict{Allowed: true, RetryAt: retry, Remaining: got.Remaining}, nil
}

// MayAttempt tells whether Attempt would let another one pass, as far as this
// process knows, and counts nothing. It is for requests that are counted when
// they turn out to be vain.
func (l *Limiter) MayAttempt(t idp.Tenant, peer netip.Addr, now time.Time) idp.Verdict {
	key, rule := l.attemptHit(t, peer)
	return l.front.Peek(key, rule, now)
}

// attemptHit names what an attempt counts on. A tenant with a figure of its own
// counts apart, for a key has one set of rules.
func (l *Limiter) attemptHit(t idp.Tenant, peer netip.Addr) (idp.LimitKey, idp.Rule) {
	if own := t.Settings.Limits.Attempt; len(own) > 0 {
		return l.keys.attempt(t.ID, peer), own[0]
	}
	return l.keys.attempt(everyone, peer), l.rules.Attempt
}

// GiveBack returns counts that led to nothing. It goes on when the request is
// cancelled: else who hangs up in time could use up another's limit.
func (l *Limiter) GiveBack(ctx context.Context, taken []idp.Taken) {
	if len(taken) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := l.store.ReturnHits(ctx, taken); err != nil {
		l.log.WarnContext(ctx, "counts are not given back: the store fails", "error", err)
	}
}

// take counts all hits in one round trip.
func (l *Limiter) take(ctx context.Context, hits []idp.Hit, now time.Time) ([]idp.Verdict, error) {
	verdicts, err := l.store.TakeHits(ctx, hits, now)
	if err != nil {
		return nil, fmt.Errorf("limit: count: %w: %w", idp.ErrUnavailable, err)
	}
	if len(verdicts) != len(hits) {
		return nil, fmt.Errorf("limit: %d verdicts for %d hits: %w", len(verdicts), len(hits), idp.ErrUnavailable)
	}
	return verdicts, nil
}
