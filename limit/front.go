package limit

import (
	"container/list"
	"sync"
	"time"

	"postern/idp"
)

const (
	// frontEntries bounds how many keys are remembered, at less than 1 KiB each.
	frontEntries = 16 << 10
	frontShards  = 64
	// refusedFor is how long a refusal of the shared store is repeated without
	// asking again: short, for counts are given back meanwhile.
	refusedFor = time.Second
)

// front is the small memory before the store. It counts what this process
// alone has seen, which can only be less than what all replicas have, and
// repeats the store's refusals for a moment. Its size is fixed: where a key has
// no room any more, the one unused for longest is forgotten, and then the store
// decides alone, as exactly as before.
type front struct {
	shards [frontShards]frontShard
}

type frontShard struct {
	mu      sync.Mutex
	most    int
	entries map[idp.LimitKey]*list.Element
	recent  *list.List // of *frontEntry, the newest first
}

type frontEntry struct {
	key     idp.LimitKey
	counter idp.Counter
	// retryAt is what the store said; until silent it is not asked again.
	retryAt, silent time.Time
}

func newFront(entries int) *front {
	f := &front{}
	for i := range f.shards {
		f.shards[i] = frontShard{most: max(entries/frontShards, 1), entries: map[idp.LimitKey]*list.Element{}, recent: list.New()}
	}
	return f
}

// Take counts a hit, unless rules or a refusal just heard forbid it.
func (f *front) Take(key idp.LimitKey, rules []idp.Rule, now time.Time) idp.Verdict {
	s := f.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entry(key)
	if e.silent.After(now) {
		return idp.Verdict{RetryAt: e.retryAt}
	}
	var v idp.Verdict
	e.counter, v = e.counter.Take(rules, now)
	return v
}

// Refuse remembers that the store refuses the key, and forgets the hit that
// Take counted for it at this moment.
func (f *front) Refuse(key idp.LimitKey, retryAt, now time.Time) {
	s := f.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entry(key)
	e.counter = e.counter.Return(nil, now)
	e.retryAt, e.silent = retryAt, retryAt
	if soon := now.Add(refusedFor); retryAt.After(soon) {
		e.silent = soon
	}
}

// Refused tells whether the store has just refused the key. It makes no entry.
func (f *front) Refused(key idp.LimitKey, now time.Time) (time.Time, bool) {
	s := f.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	element, found := s.entries[key]
	if !found {
		return time.Time{}, false
	}
	e := element.Value.(*frontEntry)
	return e.retryAt, e.silent.After(now)
}

// shard picks by a byte of the key, which is a keyed hash: nobody can aim at one.
func (f *front) shard(key idp.LimitKey) *frontShard { return &f.shards[key[0]%frontShards] }

func (s *frontShard) entry(key idp.LimitKey) *frontEntry {
	if element, found := s.entries[key]; found {
		s.recent.MoveToFront(element)
		return element.Value.(*frontEntry)
	}
	for s.recent.Len() >= s.most {
		oldest := s.recent.Back()
		delete(s.entries, oldest.Value.(*frontEntry).key)
		s.recent.Remove(oldest)
	}
	e := &frontEntry{key: key}
	s.entries[key] = s.recent.PushFront(e)
	return e
}
