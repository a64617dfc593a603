package storagetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/idp"
	"postern/storage"
)

// world is one case's store, with two tenants in it.
type world struct {
	t     *testing.T
	ctx   context.Context //nolint:containedctx // a case is what the context belongs to
	store storage.Store
	now   time.Time
	a, b  *side

	mu  sync.Mutex
	ids map[string]string

	// bMayChange: the case works on both tenants.
	bMayChange bool
}

func newWorld(t *testing.T, store storage.Store) *world {
	t.Helper()
	t.Cleanup(func() { _ = store.Close() })
	w := &world{
		t: t, ctx: t.Context(), store: store, ids: map[string]string{},
		now: time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC),
	}
	// The twin comes first: a look-up without its tenant would find the twin's row.
	w.b, w.a = newSide(w, "south"), newSide(w, "north")
	return w
}

// id gives the same UUID for the same name, in both tenants.
func (w *world) id(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ids[name] == "" {
		w.ids[name] = idp.NewID(w.now)
	}
	return w.ids[name]
}

var compare = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(x, y idp.Digest) bool { return x.Equal(y) || x.IsZero() && y.IsZero() }),
}

func (w *world) ok(err error, what string) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

func (w *world) is(want, err error, what string) {
	w.t.Helper()
	if !cmp.Equal(err, want, cmpopts.EquateErrors()) {
		w.t.Fatalf("%s: %v, want %v", what, err, want)
	}
}

func (w *world) same(want, got any, what string) {
	w.t.Helper()
	if diff := cmp.Diff(want, got, compare); diff != "" {
		w.t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// events counts a tenant's audit events of a kind.
func (s *side) events(kind idp.EventKind) int {
	s.w.t.Helper()
	all, err := s.w.store.ListEvents(s.w.ctx, s.id, 1000)
	s.w.ok(err, "list events")
	n := 0
	for _, e := range all {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// audited fails unless exactly n events of the kind are there.
func (s *side) audited(kind idp.EventKind, n int) {
	s.w.t.Helper()
	if got := s.events(kind); got != n {
		s.w.t.Fatalf("%d events %q, want %d", got, kind, n)
	}
}

func contextOver(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx, cancel
}
