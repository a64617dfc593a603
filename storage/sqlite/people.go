package sqlite

import (
	"context"
	"time"

	"postern/idp"
)

// ListUsers gives up to most users whose address comes after the given one, by address.
func (s *Store) ListUsers(ctx context.Context, t idp.TenantID, after idp.Address, most int) ([]idp.User, error) {
	const query = `SELECT ` + userColumns + ` FROM users WHERE tenant_id = ? AND address > ? ORDER BY address LIMIT ?`
	return list(ctx, s.read, scanUser, query, t, after, most)
}

// ListSessions gives up to most sessions that are alive at now, newest login
// first; an empty user stands for all.
func (s *Store) ListSessions(ctx context.Context, t idp.TenantID, u idp.UserID, now time.Time, most int) ([]idp.SignedIn, error) {
	const query = `SELECT ` + sessionColumns + `, ` + userColumns + `
		FROM sessions JOIN users ON users.tenant_id = sessions.tenant_id AND users.user_id = sessions.user_id
		WHERE sessions.tenant_id = ?1 AND (?2 = '' OR sessions.user_id = ?2) AND sessions.revoked = 0 AND sessions.expires > ?3
		ORDER BY sessions.auth_time DESC, sessions.session_id LIMIT ?4`
	return list(ctx, s.read, func(row scanner) (in idp.SignedIn, err error) {
		err = row.Scan(append(sessionInto(&in.Session), userInto(&in.User)...)...)
		return in, err
	}, query, t, u, micros(now), most)
}

// EndSession ends a session with every grant on it, offline ones too;
// idp.ErrNotFound if it is not alive.
func (s *Store) EndSession(ctx context.Context, t idp.TenantID, id idp.SessionID, now time.Time) error {
	const grants = `UPDATE grants SET revoked = 1 WHERE tenant_id = ? AND session_id = ? AND revoked = 0`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		session, err := findSession(ctx, q, t, id)
		if err != nil {
			return err
		}
		if !alive(session, now) {
			return idp.ErrNotFound
		}
		if _, err := revokeSession(ctx, q, t, id, now); err != nil {
			return err
		}
		if _, err := q.exec(ctx, grants, t, id); err != nil {
			return err
		}
		ended := event(t, now, idp.EventSignOut)
		ended.UserID = session.UserID
		return note(ctx, q, ended)
	})
}

// SetDisabled disables a user, which ends every session and revokes every
// grant, or enables them again; idp.ErrNotFound.
func (s *Store) SetDisabled(ctx context.Context, t idp.TenantID, id idp.UserID, disabled bool, now time.Time) error {
	const update = `UPDATE users SET disabled = ? WHERE tenant_id = ? AND user_id = ?`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		rows, err := q.exec(ctx, update, disabled, t, id)
		if err := exactlyOne(rows, err, idp.ErrNotFound); err != nil {
			return err
		}
		if !disabled {
			return noteUser(ctx, q, t, id, idp.EventEnabled, now)
		}
		return signOut(ctx, q, t, id, idp.EventDisabled, now)
	})
}

// SignOutUser ends every session and revokes every grant of a user, offline
// ones too; idp.ErrNotFound.
func (s *Store) SignOutUser(ctx context.Context, t idp.TenantID, id idp.UserID, now time.Time) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		if _, err := findUser(ctx, q, t, id); err != nil {
			return err
		}
		return signOut(ctx, q, t, id, idp.EventSignedOut, now)
	})
}

// DeleteUser takes away a user with all that is theirs, but for the audit log;
// idp.ErrNotFound.
func (s *Store) DeleteUser(ctx context.Context, t idp.TenantID, id idp.UserID, now time.Time) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		if _, err := findUser(ctx, q, t, id); err != nil {
			return err
		}
		if err := signOut(ctx, q, t, id, idp.EventUserDeleted, now); err != nil {
			return err
		}
		for _, remove := range []string{
			`DELETE FROM sessions WHERE tenant_id = ? AND user_id = ?`,
			`DELETE FROM grants WHERE tenant_id = ? AND user_id = ?`,
			`DELETE FROM consents WHERE tenant_id = ? AND user_id = ?`,
			`DELETE FROM users WHERE tenant_id = ? AND user_id = ?`,
		} {
			if _, err := q.exec(ctx, remove, t, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// signOut ends every session and grant of a user, and notes why.
func signOut(ctx context.Context, q *statements, t idp.TenantID, id idp.UserID, why idp.EventKind, now time.Time) error {
	const grants = `UPDATE grants SET revoked = 1 WHERE tenant_id = ? AND user_id = ? AND revoked = 0`
	if err := endOtherSessions(ctx, q, t, id, "", now); err != nil {
		return err
	}
	if _, err := q.exec(ctx, grants, t, id); err != nil {
		return err
	}
	return noteUser(ctx, q, t, id, why, now)
}

func noteUser(ctx context.Context, q *statements, t idp.TenantID, id idp.UserID, kind idp.EventKind, now time.Time) error {
	e := event(t, now, kind)
	e.UserID = id
	return note(ctx, q, e)
}

func scanSessionID(row scanner) (id idp.SessionID, err error) {
	err = row.Scan(&id)
	return id, err
}
