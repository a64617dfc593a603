package postgres

import (
	"context"
	"time"

	"postern/idp"
)

// Vitals reads how the instance does at now, over all tenants.
func (s *Store) Vitals(ctx context.Context, now time.Time) (v idp.Vitals, err error) {
	const query = `SELECT mails.waiting, mails.oldest, used.oldest
		FROM (SELECT count(*) AS waiting, min(due) AS oldest FROM (
				SELECT due FROM outbox
				WHERE NOT done AND due <= $1 AND expires > $1 AND (state = 'queued' OR (state = 'claimed' AND lease <= $1))
				ORDER BY due LIMIT $2) AS due) AS mails,
			(SELECT min(since) AS oldest FROM (
				SELECT max(active_from) AS since FROM signing_keys
				WHERE active_from <= $1 AND (retired_at IS NULL OR retired_at > $1) GROUP BY tenant_id, alg) AS newest) AS used`
	err = s.row(ctx, []any{&v.MailsWaiting, timeColumn{&v.OldestMail}, timeColumn{&v.OldestKey}}, query, instant(now), idp.MostWaiting)
	return v, err
}

// Clock gives what time it is by the server.
func (s *Store) Clock(ctx context.Context) (now time.Time, err error) {
	err = s.row(ctx, []any{timeColumn{&now}}, `SELECT clock_timestamp()`)
	return now, err
}

// Connections tells of the pool, without asking the database.
func (s *Store) Connections() idp.Connections {
	stats := s.pool.Stat()
	return idp.Connections{
		Busy: int(stats.AcquiredConns()), Open: int(stats.TotalConns()), Most: int(stats.MaxConns()), Waits: stats.EmptyAcquireCount(),
	}
}
