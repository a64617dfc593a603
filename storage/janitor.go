package storage

import (
	"context"
	"log/slog"
	"time"
)

// sweepBatch bounds one sweep, so that no login waits long behind it.
const sweepBatch = 500

// Sweeper is what the janitor asks of a Store.
type Sweeper interface {
	Sweep(ctx context.Context, now time.Time, most int) (int, error)
}

// Janitor sweeps rows whose time is over. Several may run at once, one in each
// replica: each row goes once.
type Janitor struct {
	Store Sweeper
	Every time.Duration
	Clock func() time.Time
	Log   *slog.Logger
}

// Run sweeps at once and then every Every, until ctx ends.
func (j *Janitor) Run(ctx context.Context) {
	tick := time.NewTicker(j.Every)
	defer tick.Stop()
	for {
		j.sweep(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep goes on while batches come back full. A failure is left to the next round.
func (j *Janitor) sweep(ctx context.Context) {
	total := 0
	for ctx.Err() == nil {
		gone, err := j.Store.Sweep(ctx, j.Clock(), sweepBatch)
		total += gone
		if err != nil {
			if ctx.Err() == nil {
				j.Log.WarnContext(ctx, "sweep failed", slog.Any("error", err), slog.Int("swept", total))
			}
			return
		}
		if gone < sweepBatch {
			break
		}
	}
	if total > 0 {
		j.Log.DebugContext(ctx, "swept", slog.Int("swept", total))
	}
}
