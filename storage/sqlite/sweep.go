package sqlite

import (
	"context"
	"time"
)

// sweeps delete one kind of row each, up to a number, whose time is over at a
// time. Links go by the time of their tombstone, not with their flow.
var sweeps = []string{
	`DELETE FROM flows WHERE rowid IN (SELECT rowid FROM flows WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM links WHERE rowid IN (SELECT rowid FROM links WHERE forget_at <= ?1 ORDER BY forget_at LIMIT ?2)`,
	`DELETE FROM outbox WHERE rowid IN (SELECT rowid FROM outbox WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM stored_requests WHERE rowid IN
		(SELECT rowid FROM stored_requests WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM signing_keys WHERE rowid IN
		(SELECT rowid FROM signing_keys WHERE retired_at <= ?1 ORDER BY retired_at LIMIT ?2)`,
	`DELETE FROM used_once WHERE (tenant_id, kind, digest) IN
		(SELECT tenant_id, kind, digest FROM used_once WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM devices WHERE rowid IN (SELECT rowid FROM devices WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM registration_tokens WHERE rowid IN
		(SELECT rowid FROM registration_tokens WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM clients WHERE rowid IN (SELECT rowid FROM clients WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM session_clients WHERE rowid IN
		(SELECT rowid FROM session_clients WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM logouts WHERE rowid IN (SELECT rowid FROM logouts WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM suppressions WHERE rowid IN
		(SELECT rowid FROM suppressions WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM limits WHERE key IN (SELECT key FROM limits WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`,
	`DELETE FROM grants WHERE rowid IN
		(SELECT rowid FROM grants WHERE sweep_day <= ?1 / 86400000000 ORDER BY sweep_day LIMIT ?2)`,
}

// Sweep deletes up to most rows of each kind whose time is over at now, and
// tells how many went. A grant may stay for the rest of its last day, a
// counter for that of its last hour: nothing but their absence is asked of them then.
func (s *Store) Sweep(ctx context.Context, now time.Time, most int) (int, error) {
	total := 0
	err := s.change(ctx, func(ctx context.Context, q *statements) error {
		total = 0
		for _, sweep := range sweeps {
			rows, err := q.exec(ctx, sweep, micros(now), most)
			if err != nil {
				return err
			}
			total += int(rows)
		}
		return nil
	})
	return total, err
}
