package sqlite

import (
	"context"
	"time"

	"postern/idp"
)

const flowColumns = `flows.tenant_id, flows.flow_id, flows.request, flows.address, flows.browser, flows.asked,
	flows.locale, flows.state, flows.attempts, flows.created_at, flows.expires, flows.next_mail,
	flows.user_id, flows.session_id, flows.taken`

func flowInto(f *idp.Flow) []any {
	return []any{
		&f.TenantID, &f.ID,
		documentColumn{&f.Request},
		&f.Address, &f.Browser,
		documentColumn{&f.Asked},
		&f.Locale, &f.State, &f.Attempts,
		timeColumn{&f.CreatedAt},
		timeColumn{&f.Expires},
		timeColumn{&f.NextMail},
		&f.UserID, &f.SessionID,
		documentColumn{&f.Taken},
	}
}

func scanFlow(row scanner) (f idp.Flow, err error) {
	err = row.Scan(flowInto(&f)...)
	return f, err
}

// StartFlow writes a flow and its outbox entry together: asked, and queued.
func (s *Store) StartFlow(ctx context.Context, n idp.NewFlow) error {
	const insert = `INSERT INTO flows (tenant_id, flow_id, request, address, browser, asked, locale, state, attempts,
			created_at, expires, next_mail, user_id, session_id, taken)
		VALUES (?, ?, ?, ?, ?, ?, ?, 'asked', 0, ?, ?, ?, '', '', ?)`
	f := n.Flow
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, insert, f.TenantID, f.ID, document{f.Request}, f.Address, f.Browser, document{f.Asked},
			f.Locale, micros(f.CreatedAt), micros(f.Expires), micros(f.NextMail), document{f.Taken})
		if err != nil {
			return err
		}
		return queueMail(ctx, q, f.TenantID, f.ID, n.Mail)
	})
}

// FindFlow gives a flow, expired or not, or idp.ErrNotFound.
func (s *Store) FindFlow(ctx context.Context, t idp.TenantID, id idp.FlowID) (idp.Flow, error) {
	return findFlow(ctx, s.read, t, id)
}

func findFlow(ctx context.Context, q *statements, t idp.TenantID, id idp.FlowID) (idp.Flow, error) {
	const query = `SELECT ` + flowColumns + ` FROM flows WHERE tenant_id = ? AND flow_id = ?`
	return scanFlow(q.row(ctx, query, t, id))
}

// Resend queues another mail: idp.ErrNotFound, ErrExpired, or ErrUsed if the
// flow is no longer asked.
func (s *Store) Resend(ctx context.Context, r idp.Resend) error {
	const update = `UPDATE flows SET next_mail = ?, taken = ?
		WHERE tenant_id = ? AND flow_id = ? AND state = 'asked'`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		f, err := findFlow(ctx, q, r.TenantID, r.FlowID)
		if err != nil {
			return err
		}
		if err := stillAsked(f, r.Now); err != nil {
			return err
		}
		taken := append(f.Taken, r.Taken...)
		rows, err := q.exec(ctx, update, micros(r.NextMail), document{taken}, r.TenantID, r.FlowID)
		if err := exactlyOne(rows, err, idp.ErrUsed); err != nil {
			return err
		}
		return queueMail(ctx, q, r.TenantID, r.FlowID, r.Mail)
	})
}

// stillAsked tells why a flow takes no step any more.
func stillAsked(f idp.Flow, now time.Time) error {
	switch {
	case !now.Before(f.Expires):
		return idp.ErrExpired
	case f.State != idp.FlowAsked:
		return idp.ErrUsed
	default:
		return nil
	}
}

// exactlyOne gives otherwise unless a statement changed one row.
func exactlyOne(rows int64, err, otherwise error) error {
	if err == nil && rows != 1 {
		return otherwise
	}
	return err
}
