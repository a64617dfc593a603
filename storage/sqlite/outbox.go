package sqlite

import (
	"context"
	"fmt"
	"time"

	"postern/idp"
)

const outboxColumns = `outbox.tenant_id, outbox.outbox_id, outbox.flow_id, outbox.withheld, outbox.state,
	outbox.attempt, outbox.due, outbox.expires, outbox.created_at`

func outboxInto(e *idp.OutboxEntry) []any {
	return []any{
		&e.TenantID, &e.ID, &e.FlowID, &e.Withheld, &e.State, &e.Attempt,
		timeColumn{&e.Due},
		timeColumn{&e.Expires},
		timeColumn{&e.CreatedAt},
	}
}

// queueMail writes an entry of a flow, queued.
func queueMail(ctx context.Context, q *statements, t idp.TenantID, f idp.FlowID, e idp.OutboxEntry) error {
	const insert = `INSERT INTO outbox (tenant_id, outbox_id, flow_id, withheld, state, attempt, due, done, expires, created_at)
		VALUES (?, ?, ?, ?, 'queued', 0, ?, 0, ?, ?)`
	_, err := q.exec(ctx, insert, t, e.ID, f, e.Withheld, micros(e.Due), micros(e.Expires), micros(e.CreatedAt))
	return err
}

// claimable selects what ClaimMail takes; its one argument, now, comes three times.
const claimable = `done = 0 AND due <= ? AND expires > ?
	AND (state = 'queued' OR (state = 'claimed' AND lease <= ?))`

// ClaimMail takes the lease of an entry that is queued and due, or claimed
// with a lapsed lease, counts an attempt, and gives all that sending needs.
// idp.ErrNotFound if it is someone else's, done, not due, or past its Expires.
func (s *Store) ClaimMail(ctx context.Context, ref idp.MailRef, lease time.Duration, now time.Time) (idp.ClaimedMail, error) {
	const update = `UPDATE outbox SET state = 'claimed', attempt = attempt + 1, lease = ?
		WHERE tenant_id = ? AND outbox_id = ? AND ` + claimable
	var claimed idp.ClaimedMail
	err := s.change(ctx, func(ctx context.Context, q *statements) error {
		at := micros(now)
		rows, err := q.exec(ctx, update, micros(now.Add(lease)), ref.TenantID, ref.ID, at, at, at)
		if err := exactlyOne(rows, err, idp.ErrNotFound); err != nil {
			return err
		}
		claimed, err = findMail(ctx, q, ref, now)
		return err
	})
	if err != nil {
		return idp.ClaimedMail{}, err
	}
	return claimed, nil
}

func findMail(ctx context.Context, q *statements, ref idp.MailRef, now time.Time) (m idp.ClaimedMail, err error) {
	const query = `SELECT ` + outboxColumns + `, ` + tenantColumns + `, ` + clientColumns + `, ` + flowColumns + `,
			users.disabled IS 0, users.disabled IS 1, suppressions.address IS NOT NULL
		FROM outbox
		JOIN tenants ON tenants.tenant_id = outbox.tenant_id
		JOIN flows ON flows.tenant_id = outbox.tenant_id AND flows.flow_id = outbox.flow_id
		JOIN clients ON clients.tenant_id = flows.tenant_id AND clients.client_id = flows.request ->> '$.client_id'
		LEFT JOIN users ON users.tenant_id = flows.tenant_id AND users.address = flows.address
		LEFT JOIN suppressions ON suppressions.tenant_id = flows.tenant_id AND suppressions.address = flows.address
			AND suppressions.expires > ?
		WHERE outbox.tenant_id = ? AND outbox.outbox_id = ?`
	into := outboxInto(&m.Entry)
	into = append(into, tenantInto(&m.Tenant)...)
	into = append(into, clientInto(&m.Client)...)
	into = append(into, flowInto(&m.Flow)...)
	into = append(into, &m.UserKnown, &m.UserDisabled, &m.Suppressed)
	err = q.row(ctx, query, micros(now), ref.TenantID, ref.ID).Scan(into...)
	return m, err
}

// BeginSending writes the link and moves the entry from claimed to sending,
// committed before any of the mail's data leaves: idp.ErrUsed if the entry is
// not claimed by this attempt any more, or its flow not asked any more.
func (s *Store) BeginSending(ctx context.Context, id idp.OutboxID, attempt int, link idp.Link, lease time.Duration) error {
	const update = `UPDATE outbox SET state = 'sending', lease = ?
		WHERE tenant_id = ? AND outbox_id = ? AND flow_id = ? AND state = 'claimed' AND attempt = ?`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		rows, err := q.exec(ctx, update, micros(link.SentAt.Add(lease)), link.TenantID, id, link.FlowID, attempt)
		if err := exactlyOne(rows, err, idp.ErrUsed); err != nil {
			return err
		}
		f, err := findFlow(ctx, q, link.TenantID, link.FlowID)
		if err != nil || stillAsked(f, link.SentAt) != nil {
			return fmt.Errorf("flow of a mail: %w", idp.ErrUsed)
		}
		return insertLink(ctx, q, link, f.Expires)
	})
}

// FinishMails ends attempts of one tenant: sent, failed, unknown, dropped, or
// queued again with a later due time. It gives how many of them were still under
// way; of the others, somebody else has said what became of them.
func (s *Store) FinishMails(ctx context.Context, t idp.TenantID, results []idp.MailResult) (written int, err error) {
	const again = `UPDATE outbox SET state = 'queued', due = ?, lease = NULL
		WHERE tenant_id = ? AND outbox_id = ? AND attempt = ? AND state IN ('claimed', 'sending')`
	const end = `UPDATE outbox SET state = ?, done = 1, lease = NULL, finished_at = ?
		WHERE tenant_id = ? AND outbox_id = ? AND attempt = ? AND state IN ('claimed', 'sending')`
	err = s.change(ctx, func(ctx context.Context, q *statements) error {
		written = 0
		for _, r := range results {
			var rows int64
			var err error
			switch {
			case r.State == idp.OutboxQueued:
				rows, err = q.exec(ctx, again, micros(r.Due), t, r.ID, r.Attempt)
			case r.State.Ends():
				rows, err = q.exec(ctx, end, r.State, micros(r.At), t, r.ID, r.Attempt)
			default:
				err = fmt.Errorf("an attempt does not end as %q", r.State)
			}
			if err != nil {
				return err
			}
			written += int(rows)
		}
		return nil
	})
	return written, err
}

// DueMails finds entries that ClaimMail would give, oldest first. It also
// moves entries that were being sent under a lapsed lease to unknown, and gives
// those that it moved: their data may have left, so they are not sent again.
func (s *Store) DueMails(ctx context.Context, now time.Time, most int) (due, lapsed []idp.MailRef, err error) {
	if lapsed, err = s.giveUpSending(ctx, now); err != nil {
		return nil, nil, err
	}
	const query = `SELECT tenant_id, outbox_id FROM outbox WHERE ` + claimable + ` ORDER BY due LIMIT ?`
	at := micros(now)
	due, err = list(ctx, s.read, scanMailRef, query, at, at, at, most)
	return due, lapsed, err
}

// giveUpSending asks a reader first: most often there is nothing to write.
func (s *Store) giveUpSending(ctx context.Context, now time.Time) (lapsed []idp.MailRef, err error) {
	const over = `done = 0 AND state = 'sending' AND lease <= ?`
	const query = `SELECT EXISTS (SELECT 1 FROM outbox WHERE ` + over + `)`
	const update = `UPDATE outbox SET state = 'unknown', done = 1, lease = NULL, finished_at = ? WHERE ` + over + `
		RETURNING tenant_id, outbox_id`
	var some bool
	if err := s.read.row(ctx, query, micros(now)).Scan(&some); err != nil || !some {
		return nil, err
	}
	err = s.change(ctx, func(ctx context.Context, q *statements) (err error) {
		lapsed, err = list(ctx, q, scanMailRef, update, micros(now), micros(now))
		return err
	})
	return lapsed, err
}

func scanMailRef(row scanner) (ref idp.MailRef, err error) {
	err = row.Scan(&ref.TenantID, &ref.ID)
	return ref, err
}
