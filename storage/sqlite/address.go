package sqlite

import (
	"context"
	"errors"
	"time"

	"postern/idp"
)

// ChangeAddress consumes the link, finishes the flow, gives the user the flow's
// address, ends their other sessions and every grant, locks the flows that wait
// for the old address, and queues the notice to it, with the audit event:
// idp.ErrNotFound, ErrMismatch, ErrExpired, ErrUsed, ErrNotAllowed, ErrConflict.
func (s *Store) ChangeAddress(ctx context.Context, c idp.AddressChange) (idp.User, error) {
	var user idp.User
	err := s.change(ctx, func(ctx context.Context, q *statements) error {
		f, err := provenFlow(ctx, q, idp.Completion{TenantID: c.TenantID, LinkID: c.LinkID, Verifier: c.Verifier, Browser: c.Browser, Now: c.Now})
		if err != nil {
			return err
		}
		if f.Request.Change != idp.ChangeAddress {
			return idp.ErrMismatch
		}
		if user, err = whoChanges(ctx, q, c); err != nil {
			return err
		}
		f.UserID, f.SessionID, f.State = c.UserID, c.Session, idp.FlowFinished
		if err := winFlow(ctx, q, f); err != nil {
			return err
		}
		user.Address, user.Verified = f.Address, true
		return readdress(ctx, q, c, user)
	})
	if err != nil {
		return idp.User{}, err
	}
	return user, nil
}

// whoChanges gives the user if they are who asked, signed in as they were.
func whoChanges(ctx context.Context, q *statements, c idp.AddressChange) (idp.User, error) {
	session, err := findSession(ctx, q, c.TenantID, c.Session)
	if errors.Is(err, idp.ErrNotFound) || err == nil && (session.UserID != c.UserID || !alive(session, c.Now)) {
		return idp.User{}, idp.ErrNotAllowed
	}
	if err != nil {
		return idp.User{}, err
	}
	user, err := findUser(ctx, q, c.TenantID, c.UserID)
	if errors.Is(err, idp.ErrNotFound) || err == nil && (user.Disabled || user.Address != c.From) {
		return idp.User{}, idp.ErrNotAllowed
	}
	return user, err
}

func readdress(ctx context.Context, q *statements, c idp.AddressChange, user idp.User) error {
	const (
		update  = `UPDATE users SET address = ?, verified = 1 WHERE tenant_id = ? AND user_id = ? AND address = ?`
		grants  = `UPDATE grants SET revoked = 1 WHERE tenant_id = ? AND user_id = ? AND revoked = 0`
		waiting = `SELECT ` + flowColumns + ` FROM flows WHERE tenant_id = ? AND address = ? AND state = 'asked'`
	)
	rows, err := q.exec(ctx, update, user.Address, c.TenantID, c.UserID, c.From)
	if err := exactlyOne(rows, err, idp.ErrNotAllowed); err != nil {
		return err
	}
	if err := endOtherSessions(ctx, q, c.TenantID, c.UserID, c.Session, c.Now); err != nil {
		return err
	}
	if _, err := q.exec(ctx, grants, c.TenantID, c.UserID); err != nil {
		return err
	}
	flows, err := list(ctx, q, scanFlow, waiting, c.TenantID, c.From)
	if err != nil {
		return err
	}
	for _, f := range flows {
		if err := lockFlow(ctx, q, f, c.Now); err != nil {
			return err
		}
	}
	if err := insertFlow(ctx, q, c.Notice.Flow, ""); err != nil {
		return err
	}
	if err := queueMail(ctx, q, c.TenantID, c.Notice.Flow.ID, c.Notice.Mail); err != nil {
		return err
	}
	return noteUser(ctx, q, c.TenantID, c.UserID, idp.EventAddress, c.Now)
}

// endOtherSessions ends every session of a user but one; their clients are told.
func endOtherSessions(ctx context.Context, q *statements, t idp.TenantID, id idp.UserID, but idp.SessionID, now time.Time) error {
	const sessions = `SELECT session_id FROM sessions
		WHERE tenant_id = ? AND user_id = ? AND revoked = 0 AND expires > ? AND session_id <> ?`
	ids, err := list(ctx, q, scanSessionID, sessions, t, id, micros(now), but)
	if err != nil {
		return err
	}
	for _, session := range ids {
		if _, err := revokeSession(ctx, q, t, session, now); err != nil && !errors.Is(err, idp.ErrNotFound) {
			return err
		}
	}
	return nil
}
