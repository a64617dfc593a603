package sqlite

import (
	"context"
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

func scanEvent(row scanner) (e idp.Event, err error) {
	err = row.Scan(&e.TenantID, &e.ID, timeColumn{&e.At}, &e.Kind, &e.UserID, &e.ClientID, &e.Detail)
	return e, err
}
