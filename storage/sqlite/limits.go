package sqlite

import (
	"context"
	"errors"
	"time"

	"postern/idp"
)

// TakeHits counts each hit that its rules allow, independently of the others,
// in one step; verdicts come in the hits' order.
func (s *Store) TakeHits(ctx context.Context, hits []idp.Hit, now time.Time) ([]idp.Verdict, error) {
	verdicts := make([]idp.Verdict, len(hits))
	err := s.change(ctx, func(ctx context.Context, q *statements) error {
		for i, hit := range hits {
			verdict, err := takeHit(ctx, q, hit, now)
			if err != nil {
				return err
			}
			verdicts[i] = verdict
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return verdicts, nil
}

func takeHit(ctx context.Context, q *statements, hit idp.Hit, now time.Time) (idp.Verdict, error) {
	counter, err := findCounter(ctx, q, hit.Key)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return idp.Verdict{}, err
	}
	counter, verdict := counter.TakeMany(hit.Rules, hit.Hits(), now)
	if !verdict.Allowed {
		return verdict, nil
	}
	const upsert = `INSERT INTO limits (key, counter, expires) VALUES (?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET counter = excluded.counter, expires = max(expires, excluded.expires)`
	_, err = q.exec(ctx, upsert, hit.Key[:], counter.Encode(), wholeHour(counter.Expires(hit.Rules, now)))
	return verdict, err
}

func findCounter(ctx context.Context, q *statements, key idp.LimitKey) (idp.Counter, error) {
	const query = `SELECT counter FROM limits WHERE key = ?`
	var stored []byte
	if err := q.row(ctx, query, key[:]).Scan(&stored); err != nil {
		return idp.Counter{}, err
	}
	return idp.ParseCounter(stored), nil
}

// ReturnHits gives counts back; what is not there any more is no error.
func (s *Store) ReturnHits(ctx context.Context, taken []idp.Taken) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		return returnTaken(ctx, q, taken)
	})
}

func returnTaken(ctx context.Context, q *statements, taken []idp.Taken) error {
	const update = `UPDATE limits SET counter = ? WHERE key = ?`
	for _, t := range taken {
		counter, err := findCounter(ctx, q, t.Key)
		if errors.Is(err, idp.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := q.exec(ctx, update, counter.Return(t.Rules, t.At).Encode(), t.Key[:]); err != nil {
			return err
		}
	}
	return nil
}

// wholeHour is the first whole hour after a time, as a column.
func wholeHour(t time.Time) any {
	return micros(t.Add(time.Hour - time.Microsecond).Truncate(time.Hour))
}
