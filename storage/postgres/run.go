package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

const (
	// tries is how often a step is begun, where the database gave it up in favour
	// of another one.
	tries = 5
	// firstPause is about how long to wait before the second try; it doubles.
	firstPause = 5 * time.Millisecond
)

// try runs a step until it succeeds, fails for good, or has been tried often enough.
func (s *Store) try(ctx context.Context, step func(context.Context) error) error {
	patient, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	pause := firstPause
	for n := 1; ; n++ {
		err := step(patient)
		if err == nil {
			return nil
		}
		if lost(err) {
			// The other idle connections are as dead as this one.
			s.pool.Reset()
		}
		if n == tries || !repeatable(err) || !rest(patient, pause) {
			return s.explain(ctx, patient, err)
		}
		pause *= 2
	}
}

// explain tells a caller that gave up from a database that kept it waiting.
func (s *Store) explain(ctx, patient context.Context, err error) error {
	if ctx.Err() == nil && patient.Err() != nil {
		return fmt.Errorf("%w: no answer within %s: %w", idp.ErrUnavailable, s.patience, err)
	}
	return translate(err)
}

// rest waits for about a pause, which is spread so that those who got into each
// other's way do not meet again; false if the context ends first.
func rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // chance only spreads load here
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// row runs a statement that gives at most one row; idp.ErrNotFound where it gives none.
func (s *Store) row(ctx context.Context, into []any, query string, args ...any) error {
	return s.try(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, query, args...).Scan(into...)
	})
}

// exec runs a statement and tells how many rows it changed.
func (s *Store) exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	err = s.try(ctx, func(ctx context.Context) error {
		tag, err := s.pool.Exec(ctx, query, args...)
		rows = tag.RowsAffected()
		return err
	})
	return rows, err
}

// together runs statements in one round trip and one transaction.
func (s *Store) together(ctx context.Context, batch *pgx.Batch) error {
	if s.distributed {
		batch = transaction(batch)
	}
	return s.try(ctx, func(ctx context.Context) error {
		return s.pool.SendBatch(ctx, batch).Close()
	})
}

// transaction says in so many words what a batch is to PostgreSQL anyway: Citus
// commits each statement of a batch on its worker by itself. After a failure in
// the middle the pool drops the connection, and the transaction with it.
func transaction(batch *pgx.Batch) *pgx.Batch {
	var whole pgx.Batch
	whole.Queue("BEGIN")
	for _, q := range batch.QueuedQueries {
		whole.Queue(q.SQL, q.Arguments...).Fn = q.Fn
	}
	whole.Queue("COMMIT")
	return &whole
}

// list gives all rows of a query.
func list[T any](ctx context.Context, s *Store, scan func(pgx.Row) (T, error), query string, args ...any) (all []T, err error) {
	err = s.try(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (T, error) { return scan(row) })
		return err
	})
	return all, err
}
