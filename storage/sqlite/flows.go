package sqlite

import (
	"context"
	"errors"
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

// StartFlow writes a flow and its outbox entry together: asked, and queued, or
// being sent where the mail leaves at once.
func (s *Store) StartFlow(ctx context.Context, n idp.NewFlow) (found idp.Started, err error) {
	const query = `SELECT users.disabled IS 0, users.disabled IS 1, suppressions.address IS NOT NULL
		FROM (SELECT 1) LEFT JOIN users ON users.tenant_id = ?1 AND users.address = ?2
		LEFT JOIN suppressions ON suppressions.tenant_id = ?1 AND suppressions.address = ?2 AND suppressions.expires > ?3`
	f := n.Flow
	err = s.change(ctx, func(ctx context.Context, q *statements) error {
		newest := n.Mail.ID
		if n.Mail.Withheld {
			newest = ""
		}
		if err := insertFlow(ctx, q, f, newest); err != nil {
			return err
		}
		if err := writeMail(ctx, q, n); err != nil {
			return err
		}
		return q.row(ctx, query, f.TenantID, f.Address, micros(f.CreatedAt)).Scan(&found.UserKnown, &found.UserDisabled, &found.Suppressed)
	})
	return found, err
}

// insertFlow writes a flow, with its newest mail that is not withheld.
func insertFlow(ctx context.Context, q *statements, f idp.Flow, newest idp.OutboxID) error {
	const insert = `INSERT INTO flows (tenant_id, flow_id, request, address, browser, asked, locale, state, attempts,
			created_at, expires, next_mail, user_id, session_id, taken, outbox_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, 'asked', 0, ?, ?, ?, '', '', ?, ?)`
	_, err := q.exec(ctx, insert, f.TenantID, f.ID, document{f.Request}, f.Address, f.Browser, document{f.Asked},
		f.Locale, micros(f.CreatedAt), micros(f.Expires), micros(f.NextMail), document{f.Taken}, newest)
	return err
}

// writeMail writes a new flow's mail: queued, or being sent, with its link.
func writeMail(ctx context.Context, q *statements, n idp.NewFlow) error {
	const insert = `INSERT INTO outbox (tenant_id, outbox_id, flow_id, withheld, state, attempt, due, done, expires, created_at, lease)
		VALUES (?, ?, ?, ?, 'sending', 1, ?, 0, ?, ?, ?)`
	f, m, d := n.Flow, n.Mail, n.Dispatch
	if d == nil {
		return queueMail(ctx, q, f.TenantID, f.ID, m)
	}
	_, err := q.exec(ctx, insert, f.TenantID, m.ID, f.ID, m.Withheld, micros(m.Due), micros(m.Expires), micros(m.CreatedAt),
		micros(d.Link.SentAt.Add(d.Lease)))
	if err != nil {
		return err
	}
	return insertLink(ctx, q, d.Link, f.Expires)
}

// FindFlow gives a flow, expired or not, or idp.ErrNotFound.
func (s *Store) FindFlow(ctx context.Context, t idp.TenantID, id idp.FlowID) (idp.Flow, error) {
	return findFlow(ctx, s.read, t, id)
}

func findFlow(ctx context.Context, q *statements, t idp.TenantID, id idp.FlowID) (idp.Flow, error) {
	const query = `SELECT ` + flowColumns + ` FROM flows WHERE tenant_id = ? AND flow_id = ?`
	return scanFlow(q.row(ctx, query, t, id))
}

// FindFlowMail gives a flow, expired or not, and the newest of its mails that no
// limit withheld, the zero entry where there is none; or idp.ErrNotFound.
func (s *Store) FindFlowMail(ctx context.Context, t idp.TenantID, id idp.FlowID) (idp.Flow, idp.OutboxEntry, error) {
	const query = `SELECT ` + outboxColumns + ` FROM flows
		JOIN outbox ON outbox.tenant_id = flows.tenant_id AND outbox.outbox_id = flows.outbox_id
		WHERE flows.tenant_id = ? AND flows.flow_id = ?`
	flow, err := s.FindFlow(ctx, t, id)
	if err != nil {
		return idp.Flow{}, idp.OutboxEntry{}, err
	}
	var m idp.OutboxEntry
	err = s.read.row(ctx, query, t, id).Scan(outboxInto(&m)...)
	if errors.Is(err, idp.ErrNotFound) {
		return flow, idp.OutboxEntry{}, nil
	}
	return flow, m, err
}

// Resend queues another mail: idp.ErrNotFound, ErrExpired, or ErrUsed if the
// flow is no longer asked.
func (s *Store) Resend(ctx context.Context, r idp.Resend) error {
	const update = `UPDATE flows SET next_mail = ?, taken = ?, outbox_id = CASE WHEN ? THEN outbox_id ELSE ? END
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
		rows, err := q.exec(ctx, update, micros(r.NextMail), document{taken}, r.Mail.Withheld, r.Mail.ID, r.TenantID, r.FlowID)
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
