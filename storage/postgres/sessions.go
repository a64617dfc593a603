package postgres

import (
	"context"
	"time"

	"postern/idp"
)

const sessionColumns = `s.tenant_id, s.session_id, s.user_id, s.digest, s.auth_time, s.acr, s.amr, s.expires, s.revoked`

func sessionInto(s *idp.Session) []any {
	return []any{
		keyTo(&s.TenantID), keyTo(&s.ID), keyTo(&s.UserID),
		digestColumn{&s.Digest},
		timeColumn{&s.AuthTime},
		textTo(&s.ACR),
		&s.AMR,
		timeColumn{&s.Expires},
		boolColumn{&s.Revoked},
	}
}

// heirOf follows from session p, of tenant $1, to the one that took its place
// last: as a lateral join, a row "heir" where p was replaced by the same
// person's next sign-in, and nulls where not. What stands on a session stands
// on its heir, and nobody has to move it.
const heirOf = `LEFT JOIN LATERAL (
		WITH RECURSIVE heirs AS (
			SELECT h.* FROM sessions h WHERE h.tenant_id = $1 AND h.session_id = p.successor
			UNION ALL
			SELECT h.* FROM heirs JOIN sessions h ON h.tenant_id = $1 AND h.session_id = heirs.successor
		)
		SELECT heirs.* FROM heirs WHERE heirs.successor IS NULL
	) heir ON true`

// FindSession gives a session, also an expired or revoked one, and its user, or idp.ErrNotFound.
func (s *Store) FindSession(ctx context.Context, t idp.TenantID, id idp.SessionID) (idp.Session, idp.User, error) {
	const query = `SELECT ` + sessionColumns + `, ` + userColumns + `
		FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.user_id = s.user_id
		WHERE s.tenant_id = $1 AND s.session_id = $2`
	var session idp.Session
	var user idp.User
	err := s.row(ctx, append(sessionInto(&session), userInto(&user)...), query, named(t), named(id))
	return session, user, err
}

// RevokeSession ends a session and appends the audit event; ending it twice is no error.
func (s *Store) RevokeSession(ctx context.Context, t idp.TenantID, id idp.SessionID, now time.Time) error {
	const update = `WITH ended AS (
			UPDATE sessions s SET revoked = true FROM users u
			WHERE s.tenant_id = $1 AND s.session_id = $2 AND NOT s.revoked AND u.tenant_id = $1 AND u.user_id = s.user_id
			RETURNING s.session_id, s.user_id, u.subject
		), told AS (` + told + `$4, $6` + toldFrom + `)
		INSERT INTO audit_events (` + eventColumns + `)
		SELECT $1, $3, $4, $5, ended.user_id, '', '' FROM ended`
	e := event(t, now, idp.EventSignOut)
	_, err := s.exec(ctx, update, named(t), named(id), key(e.ID), instant(e.At), string(e.Kind), instant(now.Add(idp.LogoutLife)))
	return err
}
