package sqlite

import (
	"context"
	"errors"
	"time"

	"postern/idp"
)

const sessionColumns = `sessions.tenant_id, sessions.session_id, sessions.user_id, sessions.digest,
	sessions.auth_time, sessions.acr, sessions.amr, sessions.expires, sessions.revoked`

func sessionInto(s *idp.Session) []any {
	return []any{
		&s.TenantID, &s.ID, &s.UserID, &s.Digest,
		timeColumn{&s.AuthTime},
		&s.ACR,
		documentColumn{&s.AMR},
		timeColumn{&s.Expires},
		&s.Revoked,
	}
}

func scanSession(row scanner) (s idp.Session, err error) {
	err = row.Scan(sessionInto(&s)...)
	return s, err
}

// FindSession gives a session, also an expired or revoked one, and its user, or idp.ErrNotFound.
func (s *Store) FindSession(ctx context.Context, t idp.TenantID, id idp.SessionID) (idp.Session, idp.User, error) {
	const query = `SELECT ` + sessionColumns + `, ` + userColumns + `
		FROM sessions JOIN users ON users.tenant_id = sessions.tenant_id AND users.user_id = sessions.user_id
		WHERE sessions.tenant_id = ? AND sessions.session_id = ?`
	var session idp.Session
	var user idp.User
	err := s.read.row(ctx, query, t, id).Scan(append(sessionInto(&session), userInto(&user)...)...)
	return session, user, err
}

func findSession(ctx context.Context, q *statements, t idp.TenantID, id idp.SessionID) (idp.Session, error) {
	const query = `SELECT ` + sessionColumns + ` FROM sessions WHERE tenant_id = ? AND session_id = ?`
	return scanSession(q.row(ctx, query, t, id))
}

func insertSession(ctx context.Context, q *statements, s idp.Session) error {
	const insert = `INSERT INTO sessions (tenant_id, session_id, user_id, digest, auth_time, acr, amr, expires, revoked)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	_, err := q.exec(ctx, insert,
		s.TenantID, s.ID, s.UserID, s.Digest, micros(s.AuthTime), s.ACR, document{s.AMR}, micros(s.Expires), s.Revoked)
	return err
}

// RevokeSession ends a session and appends the audit event; ending it twice is no error.
func (s *Store) RevokeSession(ctx context.Context, t idp.TenantID, id idp.SessionID, now time.Time) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		user, err := revokeSession(ctx, q, t, id, now)
		if errors.Is(err, idp.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		ended := event(t, now, idp.EventSignOut)
		ended.UserID = user
		return note(ctx, q, ended)
	})
}

// revokeSession gives the user of the session that it ended, or idp.ErrNotFound.
// Its clients are told.
func revokeSession(ctx context.Context, q *statements, t idp.TenantID, id idp.SessionID, now time.Time) (idp.UserID, error) {
	user, err := closeSession(ctx, q, t, id)
	if err != nil {
		return "", err
	}
	return user, tellClients(ctx, q, t, id, now)
}

func closeSession(ctx context.Context, q *statements, t idp.TenantID, id idp.SessionID) (user idp.UserID, err error) {
	const update = `UPDATE sessions SET revoked = 1
		WHERE tenant_id = ? AND session_id = ? AND revoked = 0 RETURNING user_id`
	err = q.row(ctx, update, t, id).Scan(&user)
	return user, err
}

// replaceSession ends the session that the browser had before. Where the same
// person signed in again, what stands on the old session moves to the new one:
// another tab's login that has yet to go to its client, and grants.
func replaceSession(ctx context.Context, q *statements, old idp.SessionID, now idp.Session) error {
	user, err := closeSession(ctx, q, now.TenantID, old)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return nil
	case err != nil:
		return err
	case user != now.UserID:
		return tellClients(ctx, q, now.TenantID, old, now.AuthTime)
	}
	if err := inheritClients(ctx, q, old, now); err != nil {
		return err
	}
	const flows = `UPDATE flows SET session_id = ? WHERE tenant_id = ? AND session_id = ? AND state = 'completed'`
	if _, err := q.exec(ctx, flows, now.ID, now.TenantID, old); err != nil {
		return err
	}
	const grants = `UPDATE grants SET session_id = ? WHERE tenant_id = ? AND session_id = ? AND revoked = 0`
	_, err = q.exec(ctx, grants, now.ID, now.TenantID, old)
	return err
}

// alive tells whether a session still signs its person in.
func alive(s idp.Session, now time.Time) bool { return !s.Revoked && now.Before(s.Expires) }
