package fetch

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of what is remembered.
const (
	// A document is good for as long as its server says, within these.
	minAge     = time.Minute
	maxKept    = time.Hour
	defaultAge = 10 * time.Minute
	// renewEvery is how often at most a document is fetched again before its time,
	// or after a failure.
	renewEvery = 30 * time.Second
	// staleAge is how long past its time a document serves while its host fails.
	staleAge   = time.Hour
	maxEntries = 1024
)

// cache holds documents by their URI.
type cache struct {
	mu      sync.Mutex
	entries map[string]*entry
}

// entry is one document; its lock is held while it is fetched, so that many who
// want it fetch it once.
type entry struct {
	mu    sync.Mutex
	body  []byte
	err   error
	tried time.Time
	until time.Time
}

func (c *cache) of(uri string) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[uri]; ok {
		return e
	}
	if c.entries == nil {
		c.entries = make(map[string]*entry)
	}
	for other := range c.entries {
		if len(c.entries) < maxEntries {
			break
		}
		delete(c.entries, other)
	}
	e := new(entry)
	c.entries[uri] = e
	return e
}

// Cached gives a document that may have been fetched a while ago. With renew it
// is fetched again, for what was wanted is not in it, unless that was done just now.
func (f *Fetcher) Cached(ctx context.Context, uri string, renew bool) ([]byte, error) {
	e := f.cache.of(uri)
	e.mu.Lock()
	defer e.mu.Unlock()
	now := f.clock()
	rested := e.tried.IsZero() || now.Sub(e.tried) >= renewEvery
	good := e.body != nil && now.Before(e.until)
	if good && (!renew || !rested) {
		return e.body, nil
	}
	if rested {
		e.fetch(ctx, f, uri, now)
	}
	if e.err == nil || e.body != nil && now.Before(e.until.Add(staleAge)) {
		return e.body, nil
	}
	return nil, e.err
}

func (e *entry) fetch(ctx context.Context, f *Fetcher, uri string, now time.Time) {
	// Whoever gives up must not fail those who wait for the same.
	doc, err := f.get(context.WithoutCancel(ctx), uri)
	e.err = err
	if errors.Is(err, errBusy) {
		return
	}
	if e.tried = now; err != nil {
		return
	}
	e.keep(doc, now)
}

// Checked is Cached for a document that anyone may name: may is asked before each
// fetch, and neither a failure nor what check refuses is kept. Those who come
// while it is fetched share what comes of that. While its host fails, what was
// good before serves as Cached's does.
func (f *Fetcher) Checked(ctx context.Context, uri string, may func() error, check func([]byte) error) ([]byte, error) {
	came := f.clock()
	e := f.cache.of("checked " + uri)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.body != nil && came.Before(e.until) {
		return e.body, nil
	}
	if !e.tried.After(came) {
		if err := may(); err != nil {
			return nil, err
		}
		e.fetchChecked(ctx, f, uri, check)
	}
	if e.err == nil || e.body != nil && came.Before(e.until.Add(staleAge)) {
		return e.body, nil
	}
	return nil, e.err
}

func (e *entry) fetchChecked(ctx context.Context, f *Fetcher, uri string, check func([]byte) error) {
	doc, err := f.get(context.WithoutCancel(ctx), uri)
	if err == nil {
		if err = check(doc.body); err != nil {
			e.body = nil // its own host says that the former one is no longer so
		}
	}
	e.err, e.tried = err, f.clock()
	if err == nil {
		e.keep(doc, e.tried)
	}
}

func (e *entry) keep(doc document, now time.Time) {
	age := doc.maxAge
	if age == 0 {
		age = defaultAge
	}
	e.body, e.until = doc.body, now.Add(min(max(age, minAge), maxKept))
}

// maxAge reads Cache-Control: max-age (RFC 9111 §5.2.2.1).
func maxAge(header http.Header) time.Duration {
	for part := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		if seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
			return max(time.Duration(seconds)*time.Second, 1)
		}
	}
	return 0
}
