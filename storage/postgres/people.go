package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

// ListUsers gives up to most users whose address comes after the given one, by address.
func (s *Store) ListUsers(ctx context.Context, t idp.TenantID, after idp.Address, most int) ([]idp.User, error) {
	const query = `SELECT ` + userColumns + ` FROM users u WHERE u.tenant_id = $1 AND u.address > $2 ORDER BY u.address LIMIT $3`
	return list(ctx, s, func(row pgx.Row) (u idp.User, err error) {
		err = row.Scan(userInto(&u)...)
		return u, err
	}, query, named(t), string(after), most)
}

// ListSessions gives up to most sessions that are alive at now, newest login
// first; an empty user stands for all.
func (s *Store) ListSessions(ctx context.Context, t idp.TenantID, u idp.UserID, now time.Time, most int) ([]idp.SignedIn, error) {
	const (
		alive = `SELECT ` + sessionColumns + `, ` + userColumns + `
			FROM sessions s JOIN users u ON u.tenant_id = $1 AND u.user_id = s.user_id
			WHERE s.tenant_id = $1 AND NOT s.revoked AND s.expires > $2`
		newest = ` ORDER BY s.auth_time DESC, s.session_id LIMIT $3`
	)
	scan := func(row pgx.Row) (in idp.SignedIn, err error) {
		err = row.Scan(append(sessionInto(&in.Session), userInto(&in.User)...)...)
		return in, err
	}
	// Two statements: the plan of one for either would read all sessions for one's own.
	if u == "" {
		return list(ctx, s, scan, alive+newest, named(t), instant(now), most)
	}
	return list(ctx, s, scan, alive+` AND s.user_id = $4`+newest, named(t), instant(now), most, named(u))
}

// EndSession ends a session with every grant on it, offline ones too;
// idp.ErrNotFound if it is not alive. Grants stand on it by the sessions that
// it took the place of, too.
func (s *Store) EndSession(ctx context.Context, t idp.TenantID, id idp.SessionID, now time.Time) error {
	const update = `WITH ended AS (
			UPDATE sessions s SET revoked = true FROM users u
			WHERE s.tenant_id = $1 AND s.session_id = $2 AND NOT s.revoked AND s.expires > $3
				AND u.tenant_id = $1 AND u.user_id = s.user_id
			RETURNING s.session_id, s.user_id, u.subject
		), told AS (` + told + `$3, $6` + toldFrom + `), chain AS (
			WITH RECURSIVE back AS (
				SELECT $2::uuid AS session_id
				UNION ALL
				SELECT b.session_id FROM back JOIN sessions b ON b.tenant_id = $1 AND b.successor = back.session_id
			)
			SELECT back.session_id FROM back
		), revoked AS (
			UPDATE grants g SET revoked = true FROM ended JOIN chain ON true
			WHERE g.tenant_id = $1 AND g.session_id = chain.session_id AND NOT g.revoked
		)
		INSERT INTO audit_events (` + eventColumns + `) SELECT $1, $4, $3, $5, ended.user_id, '', '' FROM ended`
	e := event(t, now, idp.EventSignOut)
	rows, err := s.exec(ctx, update, named(t), named(id), instant(now), key(e.ID), string(e.Kind), instant(now.Add(idp.LogoutLife)))
	return exactlyOne(rows, err, idp.ErrNotFound)
}

// signOut ends every session and grant of the user in "who", and notes why.
const signOut = `, ended AS (
			UPDATE sessions s SET revoked = true FROM who
			WHERE s.tenant_id = $1 AND s.user_id = who.user_id AND NOT s.revoked
			RETURNING s.session_id, who.subject
		), told AS (` + told + `$3, $6` + toldFrom + `), revoked AS (
			UPDATE grants g SET revoked = true FROM who WHERE g.tenant_id = $1 AND g.user_id = who.user_id AND NOT g.revoked
		)` + noteWho

// noteWho appends the audit event.
const noteWho = ` INSERT INTO audit_events (` + eventColumns + `) SELECT $1, $4, $3, $5, who.user_id, '', '' FROM who`

// SetDisabled disables a user, which ends every session and revokes every
// grant, or enables them again; idp.ErrNotFound.
func (s *Store) SetDisabled(ctx context.Context, t idp.TenantID, id idp.UserID, disabled bool, now time.Time) error {
	const (
		disable = `WITH who AS (
			UPDATE users SET disabled = true WHERE tenant_id = $1 AND user_id = $2 RETURNING user_id, subject)` + signOut
		enable = `WITH who AS (UPDATE users SET disabled = false WHERE tenant_id = $1 AND user_id = $2 RETURNING user_id)` + noteWho
	)
	if disabled {
		return s.signOut(ctx, disable, t, id, idp.EventDisabled, now)
	}
	e := event(t, now, idp.EventEnabled)
	rows, err := s.exec(ctx, enable, named(t), named(id), instant(now), key(e.ID), string(e.Kind))
	return exactlyOne(rows, err, idp.ErrNotFound)
}

// SignOutUser ends every session and revokes every grant of a user, offline
// ones too; idp.ErrNotFound.
func (s *Store) SignOutUser(ctx context.Context, t idp.TenantID, id idp.UserID, now time.Time) error {
	const update = `WITH who AS (SELECT user_id, subject FROM users WHERE tenant_id = $1 AND user_id = $2)` + signOut
	return s.signOut(ctx, update, t, id, idp.EventSignedOut, now)
}

// DeleteUser takes away a user with all that is theirs, but for the audit log;
// idp.ErrNotFound.
func (s *Store) DeleteUser(ctx context.Context, t idp.TenantID, id idp.UserID, now time.Time) error {
	const remove = `WITH who AS (DELETE FROM users WHERE tenant_id = $1 AND user_id = $2 RETURNING user_id, subject
		), gone AS (
			DELETE FROM sessions s USING who WHERE s.tenant_id = $1 AND s.user_id = who.user_id
			RETURNING s.session_id, who.subject, NOT s.revoked AS alive
		), ended AS (
			SELECT gone.session_id, gone.subject FROM gone WHERE gone.alive
		), told AS (` + told + `$3, $6` + toldFrom + `), grants_gone AS (
			DELETE FROM grants g USING who WHERE g.tenant_id = $1 AND g.user_id = who.user_id
		), consents_gone AS (
			DELETE FROM consents c USING who WHERE c.tenant_id = $1 AND c.user_id = who.user_id
		)` + noteWho
	return s.signOut(ctx, remove, t, id, idp.EventUserDeleted, now)
}

func (s *Store) signOut(ctx context.Context, statement string, t idp.TenantID, id idp.UserID, why idp.EventKind, now time.Time) error {
	e := event(t, now, why)
	rows, err := s.exec(ctx, statement, named(t), named(id), instant(now), key(e.ID), string(e.Kind), instant(now.Add(idp.LogoutLife)))
	return exactlyOne(rows, err, idp.ErrNotFound)
}
