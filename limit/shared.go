package limit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ulule/limiter/v3"

	"postern/idp"
)

// At gives a ulule/limiter store that counts in store, at one moment: that
// library's interface brings no time, and time is the caller's here. Keys are
// those of idp.LimitKey, as their 32 bytes.
func At(store Store, now time.Time) limiter.Store { return shared{store, now} }

type shared struct {
	store Store
	now   time.Time
}

// Get counts one hit.
func (s shared) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.Increment(ctx, key, 1, rate)
}

// Increment counts some hits one by one, as far as the rate allows.
func (s shared) Increment(ctx context.Context, key string, count int64, rate limiter.Rate) (limiter.Context, error) {
	if count < 1 || count > rate.Limit {
		return limiter.Context{}, fmt.Errorf("limit: %d hits at once of %d", count, rate.Limit)
	}
	hit, err := hitOf(key, rate)
	if err != nil {
		return limiter.Context{}, err
	}
	hits := make([]idp.Hit, count)
	for i := range hits {
		hits[i] = hit
	}
	verdicts, err := s.store.TakeHits(ctx, hits, s.now)
	if err != nil {
		return limiter.Context{}, fmt.Errorf("limit: count: %w", err)
	}
	if len(verdicts) != len(hits) {
		return limiter.Context{}, fmt.Errorf("limit: %d verdicts for %d hits", len(verdicts), len(hits))
	}
	return contextOf(verdicts[len(verdicts)-1], rate), nil
}

// Peek tells what there is before a hit, with the reset that the hit would
// bring, and leaves nothing counted. The store has no reading without counting,
// so it counts and gives back.
func (s shared) Peek(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	hit, err := hitOf(key, rate)
	if err != nil {
		return limiter.Context{}, err
	}
	got, err := s.Increment(ctx, key, 1, rate)
	if err != nil || got.Reached {
		return got, err
	}
	if err := s.store.ReturnHits(ctx, []idp.Taken{{Key: hit.Key, At: s.now, Rules: hit.Rules}}); err != nil {
		return limiter.Context{}, fmt.Errorf("limit: give back: %w", err)
	}
	got.Remaining++
	return got, nil
}

// Reset is not offered: counts are given back by those who took them, one by one.
func (shared) Reset(context.Context, string, limiter.Rate) (limiter.Context, error) {
	return limiter.Context{}, fmt.Errorf("limit: reset: %w", errors.ErrUnsupported)
}

func hitOf(key string, rate limiter.Rate) (idp.Hit, error) {
	hit := idp.Hit{Rules: []idp.Rule{{Limit: rate.Limit, Period: rate.Period}}}
	if copy(hit.Key[:], key) != len(hit.Key) || len(key) != len(hit.Key) {
		return idp.Hit{}, fmt.Errorf("limit: a key of %d bytes", len(key))
	}
	return hit, nil
}

// contextOf rounds the moment up to the full second that the interface speaks in.
func contextOf(v idp.Verdict, rate limiter.Rate) limiter.Context {
	reset := v.RetryAt.Add(time.Second - time.Nanosecond).Unix()
	return limiter.Context{Limit: rate.Limit, Remaining: v.Remaining, Reset: reset, Reached: !v.Allowed}
}
