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

// A row that another names is looked up LATERAL, with LIMIT 1, not joined. The
// planner cannot take that apart, so it is a look-up by the whole key also in a
// plan that was made while the tables were small, where reading all of a
// tenant's rows seemed as cheap; such a plan is kept while they grow.
const (
	// userOfSession is u, the user of session s of tenant $1.
	userOfSession = ` CROSS JOIN LATERAL (
		SELECT u.* FROM users u WHERE u.tenant_id = $1 AND u.user_id = s.user_id LIMIT 1) u`
	// sessionOfFlow is s, the session of flow f of tenant $1, or nulls.
	sessionOfFlow = ` LEFT JOIN LATERAL (
		SELECT s.* FROM sessions s WHERE s.tenant_id = $1 AND s.session_id = f.session_id LIMIT 1) s ON true`
	// userOfGrant is u, the user of grant g of tenant $1.
	userOfGrant = ` CROSS JOIN LATERAL (
		SELECT u.* FROM users u WHERE u.tenant_id = $1 AND u.user_id = g.user_id LIMIT 1) u`
	// sessionOfGrant is p, the session of grant g of tenant $1, or nulls, and its heir.
	sessionOfGrant = ` LEFT JOIN LATERAL (
		SELECT p.* FROM sessions p WHERE p.tenant_id = $1 AND p.session_id = g.session_id LIMIT 1) p ON true ` + heirOf
)

// heirOf follows from session p, of tenant $1, to the one that took its place
// last: as a lateral join, a row "heir" where p was replaced by the same
// person's next sign-in, and nulls where not. What stands on a session stands
// on its heir, and nobody has to move it.
const heirOf = `LEFT JOIN LATERAL (
		WITH RECURSIVE heirs AS (
			SELECT h.* FROM sessions h WHERE h.tenant_id = $1 AND h.session_id = p.successor
			UNION ALL
			SELECT h.* FROM heirs CROSS JOIN LATERAL (
				SELECT h.* FROM sessions h WHERE h.tenant_id = $1 AND h.session_id = heirs.successor LIMIT 1
			) h
		)
		SELECT heirs.* FROM heirs WHERE heirs.successor IS NULL
	) heir ON true`

// FindSession gives a session, also an expired or revoked one, and its user, or idp.ErrNotFound.
func (s *Store) FindSession(ctx context.Context, t idp.TenantID, id idp.SessionID) (idp.Session, idp.User, error) {
	const query = `SELECT ` + sessionColumns + `, ` + userColumns + `
		FROM sessions s` + userOfSession + `
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
