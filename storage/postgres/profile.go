package postgres

import (
	"context"
	"time"

	"postern/idp"
)

// SetProfile replaces a user's profile and appends the audit event; idp.ErrNotFound.
func (s *Store) SetProfile(ctx context.Context, t idp.TenantID, id idp.UserID, p idp.Profile, now time.Time) error {
	const update = `WITH u AS (
			UPDATE users SET profile = $3 WHERE tenant_id = $1 AND user_id = $2 RETURNING user_id
		)
		INSERT INTO audit_events (` + eventColumns + `) SELECT $1, $4, $5, $6, u.user_id, '', '' FROM u`
	profile, err := document(p)
	if err != nil {
		return err
	}
	e := event(t, now, idp.EventUserChanged)
	rows, err := s.exec(ctx, update, named(t), named(id), profile, key(e.ID), instant(e.At), string(e.Kind))
	return exactlyOne(rows, err, idp.ErrNotFound)
}
