package sqlite

import (
	"context"
	"time"

	"postern/idp"
)

// Vitals reads how the instance does at now, over all tenants.
func (s *Store) Vitals(ctx context.Context, now time.Time) (v idp.Vitals, err error) {
	const query = `SELECT mails.waiting, mails.oldest, used.oldest
		FROM (SELECT count(*) AS waiting, min(due) AS oldest FROM (SELECT due FROM outbox WHERE ` + claimable + ` ORDER BY due LIMIT ?)) AS mails,
			(SELECT min(since) AS oldest FROM (SELECT max(active_from) AS since FROM signing_keys
				WHERE active_from <= ? AND (retired_at IS NULL OR retired_at > ?) GROUP BY tenant_id, alg)) AS used`
	at := micros(now)
	err = s.read.row(ctx, query, at, at, at, idp.MostWaiting, at, at).
		Scan(&v.MailsWaiting, timeColumn{&v.OldestMail}, timeColumn{&v.OldestKey})
	return v, err
}

// Clock gives what time it is by the database, which is this machine.
func (s *Store) Clock(ctx context.Context) (now time.Time, err error) {
	const query = `SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)`
	err = s.read.row(ctx, query).Scan(timeColumn{&now})
	return now, err
}

// Connections tells of readers and writer together.
func (s *Store) Connections() (c idp.Connections) {
	for _, pool := range s.pools {
		stats := pool.Stats()
		c.Busy += stats.InUse
		c.Open += stats.OpenConnections
		c.Most += stats.MaxOpenConnections
		c.Waits += stats.WaitCount
	}
	return c
}
