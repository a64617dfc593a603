package sqlite

import (
	"context"
	"strconv"
	"time"

	"postern/idp"
)

// event is an audit event of the given time, with an id of its own.
func event(t idp.TenantID, at time.Time, kind idp.EventKind) idp.Event {
	return idp.Event{TenantID: t, ID: idp.NewID(at), At: at, Kind: kind}
}

// note appends to the audit log, in the step of what it describes.
func note(ctx context.Context, q *statements, e idp.Event) error {
	const insert = `INSERT INTO audit_events (tenant_id, event_id, at, kind, user_id, client_id, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?)`
	_, err := q.exec(ctx, insert, e.TenantID, e.ID, micros(e.At), e.Kind, e.UserID, e.ClientID, e.Detail)
	return err
}

// ListEvents gives a tenant's newest audit events, newest first.
func (s *Store) ListEvents(ctx context.Context, t idp.TenantID, most int) ([]idp.Event, error) {
	const query = `SELECT tenant_id, event_id, at, kind, user_id, client_id, detail
		FROM audit_events WHERE tenant_id = ? ORDER BY event_id DESC LIMIT ?`
	return list(ctx, s.read, scanEvent, query, t, most)
}

// PruneEvents deletes up to most of a tenant's audit events from before a time,
// the oldest first, appends one that says how many, and tells that, too.
func (s *Store) PruneEvents(ctx context.Context, t idp.TenantID, before, now time.Time, most int) (gone int, err error) {
	const remove = `DELETE FROM audit_events WHERE tenant_id = ?1 AND event_id IN (
		SELECT event_id FROM audit_events WHERE tenant_id = ?1 AND event_id < ?2 ORDER BY event_id LIMIT ?3)`
	err = s.change(ctx, func(ctx context.Context, q *statements) error {
		rows, err := q.exec(ctx, remove, t, idp.FirstID(before), most)
		if gone = int(rows); err != nil || gone == 0 {
			return err
		}
		pruned := event(t, now, idp.EventPruned)
		pruned.Detail = strconv.Itoa(gone)
		return note(ctx, q, pruned)
	})
	return gone, err
}

func scanEvent(row scanner) (e idp.Event, err error) {
	err = row.Scan(&e.TenantID, &e.ID, timeColumn{&e.At}, &e.Kind, &e.UserID, &e.ClientID, &e.Detail)
	return e, err
}
