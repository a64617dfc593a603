package idp

import (
	"encoding/json"
	"slices"
	"time"
)

// LimitKey names what is counted: a keyed hash, so the store learns no address.
type LimitKey [32]byte

// Rule allows Limit hits in any span of Period. Up to exactRule hits it is
// exact; above, hits are also spread: a full burst, then one every Period/Limit.
type Rule struct {
	Limit  int64         `json:"l"`
	Period time.Duration `json:"p"`
}

// exactRule is the largest limit whose hits are remembered one by one.
const exactRule = 64

// Hit asks for one count on a key under all its rules.
type Hit struct {
	Key   LimitKey
	Rules []Rule
}

// Taken is a count that was given, so that it can be given back.
type Taken struct {
	Key   LimitKey  `json:"k"`
	At    time.Time `json:"t"`
	Rules []Rule    `json:"r"`
}

// Verdict answers a Hit. A refused hit counts nothing.
type Verdict struct {
	Allowed bool
	// RetryAt is when the next hit on this key can be allowed, at the earliest.
	RetryAt time.Time
}

// Counter is what is stored of a key.
type Counter struct {
	Hits []int64 `json:"h,omitempty"` // Unix milliseconds, oldest first, for exact rules
	// Spread holds, per rule above exactRule, the Unix nanosecond up to which its
	// allowance is used (the theoretical arrival time of GCRA).
	Spread []int64 `json:"s,omitempty"`
}

// ParseCounter reads what Encode wrote; what it cannot read counts as nothing.
func ParseCounter(b []byte) Counter {
	var c Counter
	if json.Unmarshal(b, &c) != nil {
		return Counter{}
	}
	return c
}

// Encode gives the stored form.
func (c Counter) Encode() []byte {
	b, err := json.Marshal(c)
	if err != nil {
		panic("idp: counter: " + err.Error()) // two slices of integers always encode
	}
	return b
}

// Take counts one hit at now if every rule allows it.
func (c Counter) Take(rules []Rule, now time.Time) (Counter, Verdict) {
	c = c.trim(rules, now)
	refused := now
	for i, rule := range rules {
		if free := c.freeAt(i, rule, now); free.After(refused) {
			refused = free
		}
	}
	if refused.After(now) {
		return c, Verdict{RetryAt: refused}
	}
	c.Hits = append(slices.Clone(c.Hits), now.UnixMilli())
	for i, rule := range rules {
		if rule.Limit > exactRule {
			c.Spread[i] = max(c.Spread[i], now.UnixNano()) + int64(rule.Period)/rule.Limit
		}
	}
	c = c.trim(rules, now)
	next := now
	for i, rule := range rules {
		if free := c.freeAt(i, rule, now); free.After(next) {
			next = free
		}
	}
	return c, Verdict{Allowed: true, RetryAt: next}
}

// Return takes back a hit that was given at the given time.
func (c Counter) Return(rules []Rule, at time.Time) Counter {
	if i := slices.Index(c.Hits, at.UnixMilli()); i >= 0 {
		c.Hits = slices.Delete(slices.Clone(c.Hits), i, i+1)
	}
	c.Spread = slices.Clone(c.Spread)
	for i, rule := range rules {
		if rule.Limit > exactRule && i < len(c.Spread) {
			c.Spread[i] -= int64(rule.Period) / rule.Limit
		}
	}
	return c
}

// Expires is when the counter can be forgotten.
func (c Counter) Expires(rules []Rule, now time.Time) time.Time {
	longest := time.Duration(0)
	for _, rule := range rules {
		longest = max(longest, rule.Period)
	}
	return now.Add(longest)
}

func (c Counter) freeAt(i int, rule Rule, now time.Time) time.Time {
	if rule.Limit > exactRule {
		step := int64(rule.Period) / rule.Limit
		return time.Unix(0, max(c.Spread[i], now.UnixNano())+step-int64(rule.Period))
	}
	inside := 0
	for j := len(c.Hits) - 1; j >= 0; j-- {
		if c.Hits[j] <= now.Add(-rule.Period).UnixMilli() {
			break
		}
		if inside++; int64(inside) == rule.Limit {
			return time.UnixMilli(c.Hits[j]).Add(rule.Period)
		}
	}
	return now
}

// trim forgets hits that no exact rule can still count and fits Spread to the rules.
func (c Counter) trim(rules []Rule, now time.Time) Counter {
	longest, most := time.Duration(0), int64(0)
	for _, rule := range rules {
		if rule.Limit <= exactRule {
			longest, most = max(longest, rule.Period), max(most, rule.Limit)
		}
	}
	hits := c.Hits
	for len(hits) > 0 && (hits[0] <= now.Add(-longest).UnixMilli() || int64(len(hits)) > most) {
		hits = hits[1:]
	}
	spread := make([]int64, len(rules))
	copy(spread, c.Spread)
	return Counter{Hits: hits, Spread: spread}
}
