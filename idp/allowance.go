package idp

import (
	"encoding/json"
	"slices"
	"time"
)

// LimitKey names what is counted: a keyed hash, so the store learns no address.
type LimitKey [32]byte

// Rule allows Limit hits in any span of Period, wherever the span begins. Up to
// exactRule hits each is remembered to the millisecond; above, they are counted
// in buckets of a spreadBuckets-th of the Period, and a hit counts until its
// whole bucket is Period old: never too lenient, late by one bucket at most. A
// Limit of zero or less allows nothing.
type Rule struct {
	Limit  int64         `json:"l"`
	Period time.Duration `json:"p"`
}

const (
	// exactRule is the largest limit whose hits are remembered one by one.
	exactRule = 64
	// spreadBuckets is into how many buckets a larger rule's Period is cut.
	spreadBuckets = 30
)

// Hit asks for counts on a key under all its rules.
type Hit struct {
	Key   LimitKey
	Rules []Rule
	// Count is how many hits it asks for, all or none of them; zero is one.
	Count int64
}

// Hits is how many hits are asked for.
func (h Hit) Hits() int64 { return max(h.Count, 1) }

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
	// Remaining is how many more hits all rules would allow right after this one.
	Remaining int64
}

// Counter is what is stored of a key. Its methods change no Counter; they give a new one.
type Counter struct {
	Hits   []int64   `json:"h,omitempty"` // Unix milliseconds, oldest first, for exact rules
	Spread []Buckets `json:"s,omitempty"` // one per Period of the rules above exactRule
}

// Buckets counts hits by spans of a spreadBuckets-th of Period.
type Buckets struct {
	Period time.Duration `json:"p"`
	First  int64         `json:"f"` // the number of the oldest bucket, since the Unix epoch
	Counts []int64       `json:"c"`
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
		panic("idp: counter: " + err.Error()) // integers always encode
	}
	return b
}

// Take counts one hit at now if every rule allows it.
func (c Counter) Take(rules []Rule, now time.Time) (Counter, Verdict) {
	return c.TakeMany(rules, 1, now)
}

// TakeMany counts n hits at now if every rule allows all of them.
func (c Counter) TakeMany(rules []Rule, n int64, now time.Time) (Counter, Verdict) {
	c = c.trim(rules, now)
	if free := c.freeAt(rules, n, now); free.After(now) {
		return c, Verdict{RetryAt: free}
	}
	if slices.ContainsFunc(rules, Rule.exact) {
		// Replicas' clocks differ a little, so the newest hit need not be the last one counted.
		at := now.UnixMilli()
		i, _ := slices.BinarySearch(c.Hits, at+1)
		c.Hits = slices.Insert(c.Hits, i, slices.Repeat([]int64{at}, int(n))...)
	}
	for i := range c.Spread {
		c.Spread[i].add(n, now)
	}
	c = c.trim(rules, now)
	return c, Verdict{Allowed: true, RetryAt: c.freeAt(rules, 1, now), Remaining: c.remaining(rules, now)}
}

// Return takes back a hit that was given at the given time. A hit that is
// forgotten by now gives nothing back.
func (c Counter) Return(_ []Rule, at time.Time) Counter {
	c = c.clone()
	if i, found := slices.BinarySearch(c.Hits, at.UnixMilli()); found {
		c.Hits = slices.Delete(c.Hits, i, i+1)
	}
	for i := range c.Spread {
		c.Spread[i].remove(at)
	}
	return c
}

// Expires is when the counter can be forgotten.
func (c Counter) Expires(rules []Rule, now time.Time) time.Time {
	expires := now
	for _, rule := range rules {
		life := rule.Period
		if !rule.exact() {
			life += bucketWidth(rule.Period)
		}
		if end := now.Add(life); end.After(expires) {
			expires = end
		}
	}
	return expires
}

func (r Rule) exact() bool { return r.Limit <= exactRule }

// freeAt is when every rule allows n more hits: now, or later.
func (c Counter) freeAt(rules []Rule, n int64, now time.Time) time.Time {
	free := now
	for _, rule := range rules {
		if at := c.ruleFreeAt(rule, n, now); at.After(free) {
			free = at
		}
	}
	return free
}

func (c Counter) ruleFreeAt(rule Rule, n int64, now time.Time) time.Time {
	limit := rule.Limit - (n - 1) // of what is counted before the last of n
	switch {
	case limit <= 0:
		return now.Add(rule.Period)
	case !rule.exact():
		return c.buckets(rule.Period).freeAt(limit, now)
	case int64(len(c.Hits)) < limit:
		return now
	}
	// The newest hits fill the rule until the oldest of them is Period old.
	oldest := c.Hits[int64(len(c.Hits))-limit]
	if oldest <= now.Add(-rule.Period).UnixMilli() {
		return now
	}
	return time.UnixMilli(oldest).Add(rule.Period)
}

func (c Counter) remaining(rules []Rule, now time.Time) int64 {
	least := int64(-1)
	for _, rule := range rules {
		if left := max(rule.Limit-c.used(rule, now), 0); least < 0 || left < least {
			least = left
		}
	}
	return max(least, 0)
}

func (c Counter) used(rule Rule, now time.Time) int64 {
	if !rule.exact() {
		return c.buckets(rule.Period).sum(now)
	}
	i, _ := slices.BinarySearch(c.Hits, now.Add(-rule.Period).UnixMilli()+1)
	return int64(len(c.Hits) - i)
}

func (c Counter) buckets(period time.Duration) Buckets {
	for _, b := range c.Spread {
		if b.Period == period {
			return b
		}
	}
	return Buckets{Period: period}
}

func (c Counter) clone() Counter {
	c.Hits = slices.Clone(c.Hits)
	c.Spread = slices.Clone(c.Spread)
	for i := range c.Spread {
		c.Spread[i].Counts = slices.Clone(c.Spread[i].Counts)
	}
	return c
}

// trim gives a copy without what no rule can still count, and with Buckets for
// each Period that needs them.
func (c Counter) trim(rules []Rule, now time.Time) Counter {
	longest, most := time.Duration(0), 0
	fitted := Counter{}
	for _, rule := range rules {
		if rule.exact() {
			longest, most = max(longest, rule.Period), max(most, int(rule.Limit))
			continue
		}
		known := slices.ContainsFunc(fitted.Spread, func(b Buckets) bool { return b.Period == rule.Period })
		if rule.Period > 0 && !known {
			fitted.Spread = append(fitted.Spread, c.buckets(rule.Period).trim(now))
		}
	}
	i, _ := slices.BinarySearch(c.Hits, now.Add(-longest).UnixMilli()+1)
	fitted.Hits = slices.Clone(c.Hits[max(i, len(c.Hits)-most):])
	return fitted
}

func bucketWidth(period time.Duration) time.Duration {
	return max((period+spreadBuckets-1)/spreadBuckets, 1)
}

// end is when bucket number i of the slice ends.
func (b Buckets) end(i int) time.Time {
	return time.Unix(0, (b.First+int64(i)+1)*int64(bucketWidth(b.Period)))
}

func (b Buckets) number(at time.Time) int64 { return at.UnixNano() / int64(bucketWidth(b.Period)) }

// add counts n hits. One from a clock so far behind that its bucket is forgotten
// counts in the oldest there is.
func (b *Buckets) add(n int64, at time.Time) {
	if len(b.Counts) == 0 {
		b.First = b.number(at)
	}
	i := max(b.number(at)-b.First, 0)
	for int64(len(b.Counts)) <= i {
		b.Counts = append(b.Counts, 0)
	}
	b.Counts[i] += n
}

func (b *Buckets) remove(at time.Time) {
	i := b.number(at) - b.First
	if i >= 0 && i < int64(len(b.Counts)) && b.Counts[i] > 0 {
		b.Counts[i]--
	}
}

func (b Buckets) sum(now time.Time) int64 {
	total := int64(0)
	for i, count := range b.Counts {
		if b.end(i).After(now.Add(-b.Period)) {
			total += count
		}
	}
	return total
}

func (b Buckets) freeAt(limit int64, now time.Time) time.Time {
	left := b.sum(now)
	free := now
	for i, count := range b.Counts {
		if left < limit {
			break
		}
		if end := b.end(i); end.After(now.Add(-b.Period)) {
			left -= count
			free = end.Add(b.Period)
		}
	}
	return free
}

// trim gives a copy without the buckets that are Period old.
func (b Buckets) trim(now time.Time) Buckets {
	old := 0
	for old < len(b.Counts) && !b.end(old).After(now.Add(-b.Period)) {
		old++
	}
	b.Counts = slices.Clone(b.Counts[old:])
	b.First += int64(old)
	return b
}
