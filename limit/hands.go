package limit

import (
	"context"
	"slices"
	"sync"
	"time"

	"postern/idp"
)

const (
	// handParts: a hand holds a 64th of the smallest limit at the most.
	handParts = 64
	// handLeast is the smallest limit that is worth it.
	handLeast = 8 * handParts
	// handLease: counts are used within a 60th of the shortest period, or lost.
	handLease = 60
	// handKeys is how many hands there are at most. A key without one is counted
	// hit by hit.
	handKeys = 16_384
)

// hands is a Store that takes counts of large limits ahead, some at once, and
// gives them out from memory: an app's six hundredth request in a minute need
// not wait for a row that the five hundred before it have locked in turn. What
// it holds is counted in the store already, so replicas never let more pass than
// the limit together. A hand starts with one, doubles while it is used up within its
// lease, and goes back to one where it is not or where the limit is near.
type hands struct {
	Store

	mu   sync.Mutex
	held map[idp.LimitKey]*hand
}

// hand is what is left of the counts last taken for a key.
type hand struct {
	rules []idp.Rule
	left  int64
	size  int64 // of the last take
	until time.Time
	after int64 // what the store had left then
}

func newHands(store Store) *hands {
	return &hands{Store: store, held: map[idp.LimitKey]*hand{}}
}

// aheadOf is how many counts may be taken at once under rules; one for small limits.
func aheadOf(rules []idp.Rule) int64 {
	least := smallest(rules)
	if least < handLeast {
		return 1
	}
	return least / handParts
}

func smallest(rules []idp.Rule) int64 {
	if len(rules) == 0 {
		return 0
	}
	return slices.MinFunc(rules, func(a, b idp.Rule) int { return int(a.Limit - b.Limit) }).Limit
}

func leaseOf(rules []idp.Rule) time.Duration {
	return slices.MinFunc(rules, func(a, b idp.Rule) int { return int(a.Period - b.Period) }).Period / handLease
}

// TakeHits counts from memory what it can, and all else in one round trip; in
// two where a hand no longer fits the limit.
func (h *hands) TakeHits(ctx context.Context, hits []idp.Hit, now time.Time) ([]idp.Verdict, error) {
	verdicts := make([]idp.Verdict, len(hits))
	var ask []int
	for i, hit := range hits {
		verdict, ok := h.spend(hit, now)
		if !ok {
			ask = append(ask, i)
		}
		verdicts[i] = verdict
	}
	ahead := func(hit idp.Hit) int64 { return h.size(hit, now) }
	again, err := h.ask(ctx, hits, ask, verdicts, ahead, now)
	if err != nil {
		return nil, err
	}
	if _, err = h.ask(ctx, hits, again, verdicts, idp.Hit.Hits, now); err != nil {
		return nil, err
	}
	return verdicts, nil
}

// ask takes the hits at the given places from the store, each with a count, and
// gives the places where more than was needed had been asked in vain.
func (h *hands) ask(
	ctx context.Context, hits []idp.Hit, places []int, verdicts []idp.Verdict, count func(idp.Hit) int64, now time.Time,
) (again []int, err error) {
	if len(places) == 0 {
		return nil, nil
	}
	asked := make([]idp.Hit, len(places))
	for i, place := range places {
		asked[i] = hits[place]
		asked[i].Count = count(hits[place])
	}
	got, err := h.Store.TakeHits(ctx, asked, now)
	if err != nil {
		return nil, err
	}
	for i, verdict := range got {
		if !verdict.Allowed && asked[i].Count > hits[places[i]].Hits() {
			again = append(again, places[i])
			continue
		}
		verdicts[places[i]] = verdict
		if verdict.Allowed {
			verdicts[places[i]].Remaining += h.keep(hits[places[i]], asked[i].Count, verdict, now)
		}
	}
	return again, nil
}

// spend counts a hit from what is in hand.
func (h *hands) spend(hit idp.Hit, now time.Time) (idp.Verdict, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.held[hit.Key]
	if e == nil || e.left < hit.Hits() || !now.Before(e.until) || !slices.Equal(e.rules, hit.Rules) {
		return idp.Verdict{}, false
	}
	e.left -= hit.Hits()
	return idp.Verdict{Allowed: true, RetryAt: now, Remaining: e.left + e.after}, true
}

// size is how many counts the next take asks for.
func (h *hands) size(hit idp.Hit, now time.Time) int64 {
	most := aheadOf(hit.Rules)
	if most == 1 || hit.Hits() > 1 {
		return hit.Hits()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.held[hit.Key]
	switch {
	case e == nil, e.after < smallest(hit.Rules)/4, !slices.Equal(e.rules, hit.Rules):
		return 1
	case !now.Before(e.until):
		return min(max(e.size-e.left, 1), most)
	default:
		return min(2*e.size, most)
	}
}

// keep remembers what a take has brought beyond the hit, and tells how much that is.
func (h *hands) keep(hit idp.Hit, count int64, verdict idp.Verdict, now time.Time) int64 {
	if aheadOf(hit.Rules) == 1 || hit.Hits() > 1 {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.held[hit.Key]
	if e == nil {
		if e = h.room(now); e == nil {
			return 0
		}
		h.held[hit.Key] = e
	}
	if !now.Before(e.until) || !slices.Equal(e.rules, hit.Rules) {
		e.left = 0
	}
	e.rules, e.left, e.size = hit.Rules, e.left+count-1, count
	e.until, e.after = now.Add(leaseOf(hit.Rules)), verdict.Remaining
	return e.left
}

// room gives a new hand, if there is room for one.
func (h *hands) room(now time.Time) *hand {
	if len(h.held) >= handKeys {
		for key, e := range h.held {
			if !now.Before(e.until) {
				delete(h.held, key)
			}
		}
	}
	if len(h.held) >= handKeys {
		return nil
	}
	return &hand{}
}

// ReturnHits puts counts back in hand, where there is one, and in the store else.
func (h *hands) ReturnHits(ctx context.Context, taken []idp.Taken) error {
	rest := slices.DeleteFunc(slices.Clone(taken), h.putBack)
	if len(rest) == 0 {
		return nil
	}
	return h.Store.ReturnHits(ctx, rest)
}

func (h *hands) putBack(taken idp.Taken) bool {
	if aheadOf(taken.Rules) == 1 {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.held[taken.Key]
	if e == nil || !taken.At.Before(e.until) || !slices.Equal(e.rules, taken.Rules) {
		return false
	}
	e.left++
	return true
}
