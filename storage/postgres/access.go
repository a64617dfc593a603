package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

// ListAccess gives up to most apps that have a grant of the user which counts at
// now, newest first. A grant stands on a session that is alive, or on one that
// such a session took the place of; going back from the few that are alive costs
// less than following each grant's on.
func (s *Store) ListAccess(ctx context.Context, t idp.TenantID, u idp.UserID, now time.Time, most int) ([]idp.Access, error) {
	const (
		offline = `g.request -> 'scope' ? 'offline_access'`
		query   = `WITH RECURSIVE standing AS (
			SELECT s.session_id FROM sessions s
			WHERE s.tenant_id = $1 AND s.user_id = $2 AND NOT s.revoked AND s.expires > $3
			UNION ALL
			SELECT b.session_id FROM standing JOIN sessions b ON b.tenant_id = $1 AND b.successor = standing.session_id
		), access AS (
			SELECT g.client_id, min(g.created_at) AS since,
				bool_or(` + offline + ` AND g.refresh IS NOT NULL AND g.refresh_expires > $3) AS offline
			FROM grants g
			WHERE g.tenant_id = $1 AND g.user_id = $2 AND g.client_id <> $5 AND NOT g.revoked AND g.expires > $3
				AND (` + offline + ` OR g.session_id IN (SELECT standing.session_id FROM standing))
			GROUP BY g.client_id
		)
		SELECT access.client_id, coalesce(c.metadata, '{}'), access.since, coalesce(access.offline, false)
		FROM access LEFT JOIN clients c ON c.tenant_id = $1 AND c.client_id = access.client_id
		ORDER BY access.since DESC, access.client_id LIMIT $4`
	)
	return list(ctx, s, func(row pgx.Row) (a idp.Access, err error) {
		err = row.Scan(textTo(&a.ClientID), documentColumn{&a.Metadata}, timeColumn{&a.Since}, boolColumn{&a.Offline})
		return a, err
	}, query, named(t), named(u), instant(now), most, string(idp.AccountClient))
}

// EndAccess takes back what an app may do for a user, the consent and every
// grant, with the audit event; idp.ErrNotFound if there is nothing.
func (s *Store) EndAccess(ctx context.Context, t idp.TenantID, u idp.UserID, c idp.ClientID, now time.Time) error {
	const end = `WITH gone AS (
			DELETE FROM consents WHERE tenant_id = $1 AND user_id = $2 AND client_id = $3 RETURNING user_id, client_id
		), revoked AS (
			UPDATE grants SET revoked = true
			WHERE tenant_id = $1 AND user_id = $2 AND client_id = $3 AND NOT revoked AND expires > $5
			RETURNING user_id, client_id
		), ended AS (
			SELECT user_id, client_id FROM gone UNION SELECT user_id, client_id FROM revoked
		)
		INSERT INTO audit_events (` + eventColumns + `) SELECT $1, $4, $5, $6, ended.user_id, ended.client_id, '' FROM ended`
	e := event(t, now, idp.EventConsentGone)
	rows, err := s.exec(ctx, end, named(t), named(u), string(c), key(e.ID), instant(now), string(e.Kind))
	return exactlyOne(rows, err, idp.ErrNotFound)
}
