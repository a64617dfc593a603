package sqlite

import (
	"context"
	"errors"
	"time"

	"postern/idp"
)

// dummy is compared with where there is no link, so that a miss takes as long.
var dummy = idp.DigestOf([]byte("no such link"))

// CompleteFlow consumes the link, completes or finishes the flow, finds or
// creates the user, opens the session, writes the grant, gives back what the
// flow took from limits and appends the audit events, in one transaction of
// which exactly one wins: idp.ErrNotFound, ErrMismatch, ErrExpired, ErrUsed,
// ErrNotAllowed.
func (s *Store) CompleteFlow(ctx context.Context, c idp.Completion) (idp.Completed, error) {
	var done idp.Completed
	err := s.change(ctx, func(ctx context.Context, q *statements) error {
		f, err := provenFlow(ctx, q, c)
		if err != nil {
			return err
		}
		done, err = complete(ctx, q, c, f)
		return err
	})
	if err != nil {
		return idp.Completed{}, err
	}
	return done, nil
}

// provenFlow gives the flow if link, verifier, browser and clock let it go on.
func provenFlow(ctx context.Context, q *statements, c idp.Completion) (idp.Flow, error) {
	link, f, err := findLink(ctx, q, c.TenantID, c.LinkID)
	if errors.Is(err, idp.ErrNotFound) {
		link.Verifier, f.Browser = dummy, dummy
	}
	verified, sameBrowser := link.Verifier.Equal(c.Verifier), f.Browser.Equal(c.Browser)
	switch {
	case err != nil:
		return f, err
	case !verified:
		return f, idp.ErrMismatch
	case f.ID == "": // swept: the tombstone knows
		return f, ended(link)
	case !sameBrowser:
		return f, idp.ErrMismatch
	case !c.Now.Before(link.Expires):
		return f, idp.ErrExpired
	}
	if err := stillAsked(f, c.Now); err != nil {
		return f, err
	}
	if link.Outcome != idp.LinkLive {
		return f, idp.ErrUsed
	}
	return f, nil
}

func ended(l idp.Link) error {
	if l.Outcome == idp.LinkLive {
		return idp.ErrExpired
	}
	return idp.ErrUsed
}

func complete(ctx context.Context, q *statements, c idp.Completion, f idp.Flow) (idp.Completed, error) {
	user, created, err := admit(ctx, q, c, f)
	if err != nil {
		return idp.Completed{}, err
	}
	session := c.Session
	session.TenantID, session.UserID, session.Revoked = f.TenantID, user.ID, false
	f.UserID, f.SessionID, f.State = user.ID, session.ID, idp.FlowCompleted
	if c.Grant != nil {
		f.State = idp.FlowFinished
	}
	if err := winFlow(ctx, q, f); err != nil {
		return idp.Completed{}, err
	}
	if err := openSession(ctx, q, session, c.Replaces); err != nil {
		return idp.Completed{}, err
	}
	if c.Grant != nil {
		if err := insertGrant(ctx, q, grantOf(*c.Grant, f, session)); err != nil {
			return idp.Completed{}, err
		}
	}
	if err := returnTaken(ctx, q, f.Taken); err != nil {
		return idp.Completed{}, err
	}
	if err := noteLogin(ctx, q, c, f, created); err != nil {
		return idp.Completed{}, err
	}
	return idp.Completed{Flow: f, User: user, Session: session}, nil
}

// winFlow is where one of any number of attempts wins.
func winFlow(ctx context.Context, q *statements, f idp.Flow) error {
	const update = `UPDATE flows SET state = ?, user_id = ?, session_id = ?
		WHERE tenant_id = ? AND flow_id = ? AND state = 'asked'`
	rows, err := q.exec(ctx, update, f.State, f.UserID, f.SessionID, f.TenantID, f.ID)
	if err := exactlyOne(rows, err, idp.ErrUsed); err != nil {
		return err
	}
	return endLinks(ctx, q, f, idp.LinkUsed)
}

func openSession(ctx context.Context, q *statements, s idp.Session, replaces idp.SessionID) error {
	if err := insertSession(ctx, q, s); err != nil {
		return err
	}
	if replaces == "" || replaces == s.ID {
		return nil
	}
	return replaceSession(ctx, q, replaces, s)
}

func noteLogin(ctx context.Context, q *statements, c idp.Completion, f idp.Flow, created bool) error {
	kinds := []idp.EventKind{idp.EventLogin}
	if created {
		kinds = []idp.EventKind{idp.EventSignUp, idp.EventLogin}
	}
	for _, kind := range kinds {
		e := event(f.TenantID, c.Now, kind)
		e.UserID, e.ClientID, e.Detail = f.UserID, f.Request.ClientID, string(c.By)
		if err := note(ctx, q, e); err != nil {
			return err
		}
	}
	return nil
}

// FinishFlow moves a completed flow to finished and writes the grant, filled
// in from flow and session; the first caller wins: idp.ErrNotFound, ErrExpired
// (flow or session), ErrUsed (not completed, or finished before). A grant without
// an ID is not written.
func (s *Store) FinishFlow(ctx context.Context, t idp.TenantID, id idp.FlowID, g idp.Grant, now time.Time) (idp.Completed, error) {
	var done idp.Completed
	err := s.change(ctx, func(ctx context.Context, q *statements) (err error) {
		done, err = finish(ctx, q, t, id, g, now)
		return err
	})
	if err != nil {
		return idp.Completed{}, err
	}
	return done, nil
}

func finish(ctx context.Context, q *statements, t idp.TenantID, id idp.FlowID, g idp.Grant, now time.Time) (done idp.Completed, err error) {
	const update = `UPDATE flows SET state = 'finished' WHERE tenant_id = ? AND flow_id = ? AND state = 'completed'`
	if done.Flow, err = findFlow(ctx, q, t, id); err != nil {
		return done, err
	}
	if !now.Before(done.Flow.Expires) {
		return done, idp.ErrExpired
	}
	rows, err := q.exec(ctx, update, t, id)
	if err := exactlyOne(rows, err, idp.ErrUsed); err != nil {
		return done, err
	}
	done.Flow.State = idp.FlowFinished
	if done.Session, err = findSession(ctx, q, t, done.Flow.SessionID); err != nil {
		return done, err
	}
	if !alive(done.Session, now) {
		return done, idp.ErrExpired
	}
	if done.User, err = findUser(ctx, q, t, done.Flow.UserID); err != nil {
		return done, err
	}
	if g.ID == "" {
		return done, nil
	}
	return done, insertGrant(ctx, q, grantOf(g, done.Flow, done.Session))
}

// grantOf fills in who logged in, for what, and how.
func grantOf(g idp.Grant, f idp.Flow, s idp.Session) idp.Grant {
	g.TenantID, g.Request, g.ClientID = f.TenantID, f.Request, f.Request.ClientID
	g.UserID, g.SessionID = s.UserID, s.ID
	g.AuthTime, g.ACR, g.AMR = s.AuthTime, s.ACR, s.AMR
	return g
}
