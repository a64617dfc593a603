package sqlite

import (
	"context"
	"time"

	"postern/idp"
)

// SetProfile replaces a user's profile and appends the audit event; idp.ErrNotFound.
func (s *Store) SetProfile(ctx context.Context, t idp.TenantID, id idp.UserID, p idp.Profile, now time.Time) error {
	const update = `UPDATE users SET profile = ? WHERE tenant_id = ? AND user_id = ?`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		rows, err := q.exec(ctx, update, document{p}, t, id)
		if err := exactlyOne(rows, err, idp.ErrNotFound); err != nil {
			return err
		}
		changed := event(t, now, idp.EventUserChanged)
		changed.UserID = id
		return note(ctx, q, changed)
	})
}
