package sqlite

import (
	"context"
	"time"

	"postern/idp"
)

// ListAccess gives up to most apps that have a grant of the user which counts at
// now, newest first.
func (s *Store) ListAccess(ctx context.Context, t idp.TenantID, u idp.UserID, now time.Time, most int) ([]idp.Access, error) {
	const query = `WITH counting AS (
			SELECT grants.client_id, grants.created_at, grants.refresh, grants.refresh_expires,
				EXISTS (SELECT 1 FROM json_each(grants.request, '$.scope') WHERE value = 'offline_access') AS offline,
				coalesce(sessions.revoked = 0 AND sessions.expires > ?3, 0) AS signed_in
			FROM grants
			LEFT JOIN sessions ON sessions.tenant_id = grants.tenant_id AND sessions.session_id = grants.session_id
			WHERE grants.tenant_id = ?1 AND grants.user_id = ?2 AND grants.client_id <> ?5
				AND grants.revoked = 0 AND grants.expires > ?3
		), access AS (
			SELECT client_id, min(created_at) AS since,
				max(offline AND refresh IS NOT NULL AND coalesce(refresh_expires, 0) > ?3) AS offline
			FROM counting WHERE offline OR signed_in GROUP BY client_id
		)
		SELECT access.client_id, coalesce(clients.metadata, '{}'), access.since, access.offline
		FROM access LEFT JOIN clients ON clients.tenant_id = ?1 AND clients.client_id = access.client_id
		ORDER BY access.since DESC, access.client_id LIMIT ?4`
	return list(ctx, s.read, func(row scanner) (a idp.Access, err error) {
		err = row.Scan(&a.ClientID, documentColumn{&a.Metadata}, timeColumn{&a.Since}, &a.Offline)
		return a, err
	}, query, t, u, micros(now), most, idp.AccountClient)
}

// EndAccess takes back what an app may do for a user, the consent and every
// grant, with the audit event; idp.ErrNotFound if there is nothing.
func (s *Store) EndAccess(ctx context.Context, t idp.TenantID, u idp.UserID, c idp.ClientID, now time.Time) error {
	const (
		consent = `DELETE FROM consents WHERE tenant_id = ? AND user_id = ? AND client_id = ?`
		grants  = `UPDATE grants SET revoked = 1
			WHERE tenant_id = ? AND user_id = ? AND client_id = ? AND revoked = 0 AND expires > ?`
	)
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		agreed, err := q.exec(ctx, consent, t, u, c)
		if err != nil {
			return err
		}
		granted, err := q.exec(ctx, grants, t, u, c, micros(now))
		if err != nil {
			return err
		}
		if agreed+granted == 0 {
			return idp.ErrNotFound
		}
		e := event(t, now, idp.EventConsentGone)
		e.UserID, e.ClientID = u, c
		return note(ctx, q, e)
	})
}
