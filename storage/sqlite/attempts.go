package sqlite

import (
	"context"
	"errors"
	"time"

	"postern/idp"
)

// CountAttempt counts one relay code or pasted link and gives the flow's live,
// unexpired links to compare with. The count is committed before anything is
// compared, so that parallel guesses share the flow's idp.MaxAttempts.
func (s *Store) CountAttempt(ctx context.Context, t idp.TenantID, id idp.FlowID, now time.Time) ([]idp.Link, error) {
	var links []idp.Link
	err := s.change(ctx, func(ctx context.Context, q *statements) error {
		f, err := findFlow(ctx, q, t, id)
		if err != nil {
			return err
		}
		if err := countAttempt(ctx, q, f, now); err != nil {
			return err
		}
		const query = `SELECT ` + linkColumns + ` FROM links
			WHERE tenant_id = ? AND flow_id = ? AND outcome = '' AND expires > ? ORDER BY sent_at DESC, link_id`
		links, err = list(ctx, q, scanLink, query, t, id, micros(now))
		return err
	})
	if err != nil {
		return nil, err
	}
	return links, nil
}

func countAttempt(ctx context.Context, q *statements, f idp.Flow, now time.Time) error {
	const update = `UPDATE flows SET attempts = attempts + 1
		WHERE tenant_id = ? AND flow_id = ? AND state = 'asked' AND attempts < ?`
	err := stillAsked(f, now)
	if errors.Is(err, idp.ErrUsed) && f.State == idp.FlowLocked && f.Attempts >= idp.MaxAttempts {
		return idp.ErrExhausted
	}
	if err != nil {
		return err
	}
	rows, err := q.exec(ctx, update, f.TenantID, f.ID, idp.MaxAttempts)
	if err != nil || rows == 1 {
		return err
	}
	if err := lockFlow(ctx, q, f, now); err != nil {
		return err
	}
	return keep(idp.ErrExhausted)
}

// LockFlow ends a flow that is still asked, after its last attempt was wrong.
func (s *Store) LockFlow(ctx context.Context, t idp.TenantID, id idp.FlowID, now time.Time) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		f, err := findFlow(ctx, q, t, id)
		if errors.Is(err, idp.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return lockFlow(ctx, q, f, now)
	})
}

// lockFlow does nothing to a flow that has ended already.
func lockFlow(ctx context.Context, q *statements, f idp.Flow, now time.Time) error {
	const update = `UPDATE flows SET state = 'locked' WHERE tenant_id = ? AND flow_id = ? AND state = 'asked'`
	rows, err := q.exec(ctx, update, f.TenantID, f.ID)
	if err != nil || rows == 0 {
		return err
	}
	if err := endLinks(ctx, q, f, idp.LinkDead); err != nil {
		return err
	}
	locked := event(f.TenantID, now, idp.EventFlowLocked)
	locked.ClientID = f.Request.ClientID
	return note(ctx, q, locked)
}
