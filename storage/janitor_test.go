package storage_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"postern/storage"
)

// attic is what a janitor sweeps: it holds so many rows, and notes each sweep.
type attic struct {
	rows   int
	err    error
	sweeps []time.Duration // since the start
	most   int
	start  time.Time
}

func (a *attic) Sweep(_ context.Context, now time.Time, most int) (int, error) {
	a.sweeps = append(a.sweeps, now.Sub(a.start))
	gone := min(a.rows, most)
	a.rows -= gone
	a.most = max(a.most, most)
	return gone, a.err
}

// sweeping runs a janitor over the attic for a while.
func sweeping(t *testing.T, a *attic, during time.Duration) {
	t.Helper()
	a.start = time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	janitor := storage.Janitor{Store: a, Every: time.Minute, Clock: time.Now, Log: slog.New(slog.DiscardHandler)}
	janitor.Run(ctx)
}

func TestJanitorSweepsAtOnceAndInItsRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &attic{}
		sweeping(t, a, 150*time.Second)
		if want := []time.Duration{0, time.Minute, 2 * time.Minute}; !slices.Equal(a.sweeps, want) {
			t.Errorf("swept at %v, want %v", a.sweeps, want)
		}
	})
}

func TestJanitorGoesOnInBoundedBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &attic{rows: 10_123}
		sweeping(t, a, time.Second)
		if a.rows != 0 || a.most > 1000 || len(a.sweeps) < 10 {
			t.Errorf("%d rows left after %d sweeps of at most %d", a.rows, len(a.sweeps), a.most)
		}
	})
}

func TestJanitorTriesAgainAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &attic{rows: 10_000, err: errors.New("failure")}
		sweeping(t, a, 90*time.Second)
		if want := []time.Duration{0, time.Minute}; !slices.Equal(a.sweeps, want) {
			t.Errorf("swept at %v, want %v", a.sweeps, want)
		}
	})
}
