package limit

import (
	"encoding/binary"
	"math"
	"math/bits"
	"sync"
	"time"

	"postern/idp"
)

const (
	// frontKeys is how many keys are remembered at most, at 40 bytes each; memory
	// is taken as it is needed.
	frontKeys   = 1_250_000
	frontShards = 64
	// ways is how many keys share a place. The longest unused of them gives way.
	ways = 16
	// refusedFor is how long a refusal of the shared store is repeated without
	// asking again: short, for counts are given back meanwhile.
	refusedFor = time.Second
	// frontBuckets is into how many parts a rule's period is cut here.
	frontBuckets = 6
)

// front is the small memory before the store. It counts what this process
// alone has seen, which can only be less than what all replicas have, and
// repeats the store's refusals for a moment. Its size is bounded: where a key has
// no room any more, one unused for long is forgotten, and then the store
// decides alone, as exactly as before.
type front struct {
	shards [frontShards]frontShard
}

// frontShard holds sets of up to ways slots. It begins with one set and doubles
// whenever a set has no room, up to most.
type frontShard struct {
	mu    sync.Mutex
	most  int // sets
	slots []slot
}

// slot is a key with its counts, in 40 bytes. Counts are lenient: those of a
// bucket that began before the period did are forgotten.
type slot struct {
	key    uint64 // of the keyed hash's bits: two keys that share all 64 hardly ever meet
	silent int64  // Unix nanoseconds until which the store is not asked again
	after  uint32 // milliseconds from silent to the moment that the store named
	used   uint32 // Unix seconds of the last use
	first  uint32 // number of the oldest bucket, modulo 2³²
	counts [frontBuckets]uint16
}

func newFront(keys int) *front {
	f := &front{}
	for i := range f.shards {
		f.shards[i].most = max(keys/frontShards/ways, 1)
	}
	return f
}

// Take counts a hit, unless the rule or a refusal just heard forbids it.
func (f *front) Take(key idp.LimitKey, rule idp.Rule, now time.Time) idp.Verdict {
	s := f.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.enter(key, now)
	if e.silent > now.UnixNano() {
		return idp.Verdict{RetryAt: e.retryAt()}
	}
	e.age(rule.Period, now)
	if e.total() >= rule.Limit {
		if e.retryAt().After(now) {
			return idp.Verdict{RetryAt: e.retryAt()}
		}
		return idp.Verdict{RetryAt: e.freeAt(rule.Period, now)}
	}
	if newest := &e.counts[frontBuckets-1]; *newest < math.MaxUint16 {
		*newest++
	}
	return idp.Verdict{Allowed: true, RetryAt: now, Remaining: rule.Limit - e.total()}
}

// Peek tells what Take would, and counts nothing. It makes no entry.
func (f *front) Peek(key idp.LimitKey, rule idp.Rule, now time.Time) idp.Verdict {
	s := f.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(key)
	if e == nil {
		return idp.Verdict{Allowed: true, RetryAt: now, Remaining: rule.Limit}
	}
	e.age(rule.Period, now)
	switch {
	case e.silent > now.UnixNano():
		return idp.Verdict{RetryAt: e.retryAt()}
	case e.total() >= rule.Limit:
		return idp.Verdict{RetryAt: e.freeAt(rule.Period, now)}
	default:
		return idp.Verdict{Allowed: true, RetryAt: now, Remaining: rule.Limit - e.total()}
	}
}

// Uncount takes back the hit that Take counted at this moment.
func (f *front) Uncount(key idp.LimitKey, rule idp.Rule, now time.Time) {
	s := f.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(key)
	if e == nil {
		return
	}
	e.age(rule.Period, now)
	if newest := &e.counts[frontBuckets-1]; *newest > 0 {
		*newest--
	}
}

// Refuse remembers that the store refuses the key.
func (f *front) Refuse(key idp.LimitKey, retryAt, now time.Time) {
	s := f.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	silent := retryAt
	if soon := now.Add(refusedFor); retryAt.After(soon) {
		silent = soon
	}
	e := s.enter(key, now)
	e.silent = silent.UnixNano()
	rest := retryAt.Sub(silent)
	e.after = uint32(min((rest+time.Millisecond-1)/time.Millisecond, math.MaxUint32))
}

// Refused tells whether the store has just refused the key. It makes no entry.
func (f *front) Refused(key idp.LimitKey, now time.Time) (time.Time, bool) {
	s := f.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(key)
	if e == nil {
		return time.Time{}, false
	}
	return e.retryAt(), e.silent > now.UnixNano()
}

// shard picks by a byte of the key, which is a keyed hash: nobody can aim at one.
func (f *front) shard(key idp.LimitKey) *frontShard { return &f.shards[key[0]%frontShards] }

// tag is what is kept of a key; zero is an empty slot's.
func tag(key idp.LimitKey) uint64 { return binary.BigEndian.Uint64(key[1:9]) | 1 }

// set gives the slots that a tag can be in.
func set(slots []slot, tag uint64) []slot {
	if len(slots) == 0 {
		return nil
	}
	place, _ := bits.Mul64(tag, uint64(len(slots)/ways)) // spreads evenly over any number of sets
	return slots[place*ways : (place+1)*ways]
}

func (s *frontShard) find(key idp.LimitKey) *slot {
	tag := tag(key)
	in := set(s.slots, tag)
	for i := range in {
		if in[i].key == tag {
			return &in[i]
		}
	}
	return nil
}

func (s *frontShard) enter(key idp.LimitKey, now time.Time) *slot {
	e := s.find(key)
	if e == nil {
		e = s.room(tag(key))
		*e = slot{key: tag(key)}
	}
	e.used = uint32(now.Unix()) // good until 2106, and only for choosing
	return e
}

// room gives an empty slot for a tag, or that of the key unused for longest.
func (s *frontShard) room(tag uint64) *slot {
	for {
		in := set(s.slots, tag)
		var oldest *slot
		for i := range in {
			if in[i].key == 0 {
				return &in[i]
			}
			if oldest == nil || in[i].used < oldest.used {
				oldest = &in[i]
			}
		}
		if len(s.slots) >= s.most*ways {
			return oldest
		}
		s.grow()
	}
}

// grow keeps what there is: twice as many sets have room for it all.
func (s *frontShard) grow() {
	sets := min(max(2*len(s.slots)/ways, 1), s.most)
	wider := make([]slot, sets*ways)
	for _, e := range s.slots {
		if e.key == 0 {
			continue
		}
		in := set(wider, e.key)
		for i := range in {
			if in[i].key == 0 {
				in[i] = e
				break
			}
		}
	}
	s.slots = wider
}

func (e *slot) retryAt() time.Time {
	return time.Unix(0, e.silent).Add(time.Duration(e.after) * time.Millisecond)
}

func frontWidth(period time.Duration) int64 { return max(int64(period)/frontBuckets, 1) }

// age forgets what began more than a period ago; the last bucket is that of now.
func (e *slot) age(period time.Duration, now time.Time) {
	first := uint32(now.UnixNano()/frontWidth(period)) - (frontBuckets - 1) // modulo 2³² is meant
	steps := first - e.first
	if steps > math.MaxUint32/2 {
		return // another replica of the clock was ahead
	}
	if steps >= frontBuckets {
		e.counts = [frontBuckets]uint16{}
	} else if steps > 0 {
		copy(e.counts[:], e.counts[steps:])
		clear(e.counts[frontBuckets-steps:])
	}
	e.first = first
}

func (e *slot) total() int64 {
	var sum int64
	for _, n := range e.counts {
		sum += int64(n)
	}
	return sum
}

// freeAt is when the oldest bucket with a hit in it is forgotten here.
func (e *slot) freeAt(period time.Duration, now time.Time) time.Time {
	width := frontWidth(period)
	start := now.UnixNano() / width * width
	for i, n := range e.counts {
		if n > 0 {
			return time.Unix(0, start+int64(i+1)*width)
		}
	}
	return now
}
