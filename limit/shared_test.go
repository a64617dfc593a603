package limit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ulule/limiter/v3"

	"postern/limit"
)

var rate = limiter.Rate{Limit: 5, Period: time.Minute}

func TestTheSharedStoreCountsAsALimiterStore(t *testing.T) {
	store, key := newMemory(), strings.Repeat("k", 32)
	ctx := t.Context()
	steps := []struct {
		name string
		do   func(limiter.Store) (limiter.Context, error)
		want limiter.Context
	}{
		{"peek at nothing", peek(ctx, key), limiter.Context{Limit: 5, Remaining: 5, Reset: noon.Unix()}},
		{"get one", get(ctx, key), limiter.Context{Limit: 5, Remaining: 4, Reset: noon.Unix()}},
		{"increment by three", increment(ctx, key, 3), limiter.Context{Limit: 5, Remaining: 1, Reset: noon.Unix()}},
		{"peek, with the reset that the hit would bring", peek(ctx, key), limiter.Context{Limit: 5, Remaining: 1, Reset: noon.Unix() + 60}},
		{"peek again, for it counts nothing", peek(ctx, key), limiter.Context{Limit: 5, Remaining: 1, Reset: noon.Unix() + 60}},
		{"get the last", get(ctx, key), limiter.Context{Limit: 5, Reset: noon.Unix() + 60}},
		{"get one too many", get(ctx, key), limiter.Context{Limit: 5, Reset: noon.Unix() + 60, Reached: true}},
		{"peek at a full one", peek(ctx, key), limiter.Context{Limit: 5, Reset: noon.Unix() + 60, Reached: true}},
	}
	for _, step := range steps {
		got, err := step.do(limit.At(store, noon))
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s:\n%s", step.name, diff)
		}
	}
}

func TestTheSharedStoreRefusesWhatItCannotCount(t *testing.T) {
	store, key := limit.At(newMemory(), noon), strings.Repeat("k", 32)
	ctx := t.Context()
	if _, err := store.Reset(ctx, key, rate); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("reset: %v", err)
	}
	for _, bad := range []string{"", "short", key + "k"} {
		if _, err := store.Get(ctx, bad, rate); err == nil {
			t.Errorf("a key of %d bytes is taken", len(bad))
		}
	}
	for _, count := range []int64{-1, 0, 6} {
		if _, err := store.Increment(ctx, key, count, rate); err == nil {
			t.Errorf("%d hits at once of 5 are taken", count)
		}
	}
}

func TestTheSharedStoreTellsOfAStoreThatFails(t *testing.T) {
	store := newMemory()
	store.fail = errDown
	if _, err := limit.At(store, noon).Get(t.Context(), strings.Repeat("k", 32), rate); !errors.Is(err, errDown) {
		t.Error(err)
	}
}

func peek(ctx context.Context, key string) func(limiter.Store) (limiter.Context, error) {
	return func(s limiter.Store) (limiter.Context, error) { return s.Peek(ctx, key, rate) }
}

func get(ctx context.Context, key string) func(limiter.Store) (limiter.Context, error) {
	return func(s limiter.Store) (limiter.Context, error) { return s.Get(ctx, key, rate) }
}

func increment(ctx context.Context, key string, n int64) func(limiter.Store) (limiter.Context, error) {
	return func(s limiter.Store) (limiter.Context, error) { return s.Increment(ctx, key, n, rate) }
}
