package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

// event is an audit event of the given time, with an id of its own.
func event(t idp.TenantID, at time.Time, kind idp.EventKind) idp.Event {
	return idp.Event{TenantID: t, ID: idp.NewID(at), At: at, Kind: kind}
}

const eventColumns = `tenant_id, event_id, at, kind, user_id, client_id, detail`

// note appends to the audit log, with what else is in the batch. Steps of a
// login append theirs within their one statement.
func note(batch *pgx.Batch, e idp.Event) {
	const insert = `INSERT INTO audit_events (` + eventColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	batch.Queue(insert, key(e.TenantID), key(e.ID), instant(e.At), string(e.Kind), key(e.UserID), string(e.ClientID), e.Detail)
}

// ListEvents gives a tenant's newest audit events, newest first.
func (s *Store) ListEvents(ctx context.Context, t idp.TenantID, most int) ([]idp.Event, error) {
	const query = `SELECT ` + eventColumns + ` FROM audit_events WHERE tenant_id = $1 ORDER BY event_id DESC LIMIT $2`
	return list(ctx, s, scanEvent, query, named(t), most)
}

// PruneEvents deletes up to most of a tenant's audit events from before a time,
// the oldest first, appends one that says how many, and tells that, too.
func (s *Store) PruneEvents(ctx context.Context, t idp.TenantID, before, now time.Time, most int) (gone int, err error) {
	const remove = `WITH gone AS (
			DELETE FROM audit_events WHERE tenant_id = $1 AND event_id IN (
				SELECT event_id FROM audit_events WHERE tenant_id = $1 AND event_id < $2 ORDER BY event_id LIMIT $3)
			RETURNING event_id
		), counted AS (
			SELECT count(*) AS n FROM gone
		), noted AS (
			INSERT INTO audit_events (` + eventColumns + `)
			SELECT $1, $4, $5, $6, NULL, '', counted.n::text FROM counted WHERE counted.n > 0
		)
		SELECT counted.n FROM counted`
	e := event(t, now, idp.EventPruned)
	err = s.row(ctx, []any{numberColumn{&gone}}, remove, named(t), key(idp.FirstID(before)), most, key(e.ID), instant(e.At), string(e.Kind))
	return gone, err
}

func scanEvent(row pgx.Row) (e idp.Event, err error) {
	err = row.Scan(keyTo(&e.TenantID), keyTo(&e.ID), timeColumn{&e.At}, textTo(&e.Kind), keyTo(&e.UserID),
		textTo(&e.ClientID), &e.Detail)
	return e, err
}
