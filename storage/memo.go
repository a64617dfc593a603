package storage

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"postern/idp"
)

const (
	// memoSize bounds what a memo holds.
	memoSize = 20_000
	// staleFor is how much longer what was found is still used while the store
	// cannot say: requests then fail at the step that needs it, each in its own form.
	staleFor = time.Minute
	// lookFor is how long anyone waits for a store that did not answer last time,
	// where there is something to use instead.
	lookFor = 50 * time.Millisecond
)

// memo remembers what was found, for a short while. What was not found is
// asked for again each time, so a row that was just made is seen at once.
type memo[T any] struct {
	ttl    time.Duration
	clock  func() time.Time
	unwell *atomic.Bool // the store did not answer last time

	mu      sync.Mutex
	found   map[string]remembered[T]
	asking  map[string]*question[T]
	changes uint64 // counts forget, so that an answer from before is not kept
}

type remembered[T any] struct {
	value T
	until time.Time
}

// question is one look-up that several callers may wait for.
type question[T any] struct {
	done  chan struct{}
	value T
	err   error
}

func newMemo[T any](ttl time.Duration, clock func() time.Time, unwell *atomic.Bool) *memo[T] {
	return &memo[T]{
		ttl: ttl, clock: clock, unwell: unwell, found: map[string]remembered[T]{}, asking: map[string]*question[T]{},
	}
}

// get gives the value of a key: remembered, or from find, which runs once for
// all who ask meanwhile and outlives a caller that gives up. While the store
// cannot answer, what was remembered serves a little longer.
func (m *memo[T]) get(ctx context.Context, key string, find func(context.Context) (T, error)) (T, error) {
	m.mu.Lock()
	former, stale := m.found[key]
	if stale && m.clock().Before(former.until) {
		m.mu.Unlock()
		return former.value, nil
	}
	stale = stale && m.clock().Before(former.until.Add(staleFor))
	q, ok := m.asking[key]
	if !ok {
		q = &question[T]{done: make(chan struct{})}
		m.asking[key] = q
		go m.ask(context.WithoutCancel(ctx), key, q, m.changes, find)
	}
	m.mu.Unlock()
	var enough <-chan time.Time
	if stale && m.unwell.Load() {
		timer := time.NewTimer(lookFor)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-q.done:
		if stale && errors.Is(q.err, idp.ErrUnavailable) {
			return former.value, nil
		}
		return q.value, q.err
	case <-enough:
		return former.value, nil
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func (m *memo[T]) ask(ctx context.Context, key string, q *question[T], changes uint64, find func(context.Context) (T, error)) {
	asked := m.clock() // what is found is at least as new as this
	q.value, q.err = find(ctx)
	m.unwell.Store(errors.Is(q.err, idp.ErrUnavailable))
	m.mu.Lock()
	defer m.mu.Unlock()
	defer close(q.done)
	if m.asking[key] == q {
		delete(m.asking, key)
	}
	if q.err == nil && m.changes == changes {
		m.makeRoom(asked)
		m.found[key] = remembered[T]{value: q.value, until: asked.Add(m.ttl)}
	}
}

// makeRoom drops what is over, and if nothing is, everything.
func (m *memo[T]) makeRoom(now time.Time) {
	if len(m.found) < memoSize {
		return
	}
	for key, r := range m.found {
		if !now.Before(r.until) {
			delete(m.found, key)
		}
	}
	if len(m.found) >= memoSize {
		clear(m.found)
	}
}

// forget makes every later get ask anew.
func (m *memo[T]) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	clear(m.found)
	clear(m.asking)
}
