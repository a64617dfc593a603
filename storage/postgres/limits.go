package postgres

import (
	"context"
	"fmt"
	"time"

	"postern/idp"
)

// TakeHits counts each hit that its rules allow, independently of the others,
// in one statement; verdicts come in the hits' order. What idp.Counter does is
// done by the function take_hits, where the counts are.
func (s *Store) TakeHits(ctx context.Context, hits []idp.Hit, now time.Time) ([]idp.Verdict, error) {
	if len(hits) == 0 {
		return []idp.Verdict{}, nil
	}
	const query = `SELECT place, allowed, retry_at, remaining FROM take_hits($1, $2, $3, $4, $5)`
	keys, starts := make([][]byte, 0, len(hits)), make([]int32, 0, len(hits)+1)
	counts := make([]int64, 0, len(hits))
	rules := []int64{}
	for _, hit := range hits {
		keys, counts, starts = append(keys, hit.Key[:]), append(counts, hit.Hits()), append(starts, int32(len(rules)+1))
		for _, rule := range hit.Rules {
			rules = append(rules, rule.Limit, int64(rule.Period))
		}
	}
	starts = append(starts, int32(len(rules)+1))
	verdicts := make([]idp.Verdict, len(hits))
	err := s.try(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, query, keys, counts, starts, rules, now.UnixNano())
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var place int
			var retryAt int64
			var v idp.Verdict
			if err := rows.Scan(&place, &v.Allowed, &retryAt, &v.Remaining); err != nil {
				return fmt.Errorf("verdict: %w", err)
			}
			v.RetryAt = time.Unix(0, retryAt).In(now.Location())
			verdicts[place-1] = v
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return verdicts, nil
}

// ReturnHits gives counts back; what is not there any more is no error.
func (s *Store) ReturnHits(ctx context.Context, taken []idp.Taken) error {
	if len(taken) == 0 {
		return nil
	}
	hits, err := takenDocument(taken)
	if err != nil {
		return err
	}
	const query = `SELECT return_hits($1)`
	_, err = s.exec(ctx, query, hits)
	return err
}
