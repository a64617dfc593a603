package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"postern/idp"
)

const outboxColumns = `o.tenant_id, o.outbox_id, o.flow_id, o.withheld, o.state, o.attempt, o.due, o.expires, o.created_at`

func outboxInto(e *idp.OutboxEntry) []any {
	return []any{
		keyTo(&e.TenantID), keyTo(&e.ID), keyTo(&e.FlowID),
		boolColumn{&e.Withheld},
		textTo(&e.State),
		numberColumn{&e.Attempt},
		timeColumn{&e.Due},
		timeColumn{&e.Expires},
		timeColumn{&e.CreatedAt},
	}
}

// ClaimMail takes the lease of an entry that is queued and due, or claimed
// with a lapsed lease, counts an attempt, and gives all that sending needs.
// idp.ErrNotFound if it is someone else's, done, not due, or past its Expires.
func (s *Store) ClaimMail(ctx context.Context, ref idp.MailRef, lease time.Duration, now time.Time) (m idp.ClaimedMail, err error) {
	const update = `WITH o AS (
			UPDATE outbox o SET state = 'claimed', attempt = o.attempt + 1, lease = $4
			WHERE o.tenant_id = $1 AND o.outbox_id = $2 AND NOT o.done AND o.due <= $3 AND o.expires > $3
				AND (o.state = 'queued' OR (o.state = 'claimed' AND o.lease <= $3))
			RETURNING ` + outboxColumns + `
		)
		SELECT ` + outboxColumns + `, ` + tenantColumns + `, ` + clientColumns + `, ` + flowColumns + `,
			u.disabled IS FALSE, u.disabled IS TRUE, s.address IS NOT NULL
		FROM o
		JOIN tenants t ON t.tenant_id = $1
		CROSS JOIN LATERAL (SELECT f.* FROM flows f WHERE f.tenant_id = $1 AND f.flow_id = o.flow_id LIMIT 1) f
		CROSS JOIN LATERAL (
			SELECT c.* FROM clients c WHERE c.tenant_id = $1 AND c.client_id = f.request ->> 'client_id' LIMIT 1) c
		LEFT JOIN LATERAL (SELECT u.* FROM users u WHERE u.tenant_id = $1 AND u.address = f.address LIMIT 1) u ON true
		LEFT JOIN LATERAL (
			SELECT s.* FROM suppressions s WHERE s.tenant_id = $1 AND s.address = f.address AND s.expires > $3 LIMIT 1) s ON true`
	var c clientRow
	into := append(outboxInto(&m.Entry), tenantInto(&m.Tenant)...)
	into = append(append(into, c.into()...), flowInto(&m.Flow)...)
	into = append(into, boolColumn{&m.UserKnown}, boolColumn{&m.UserDisabled}, boolColumn{&m.Suppressed})
	if err := s.row(ctx, into, update, named(ref.TenantID), named(ref.ID), instant(now), instant(now.Add(lease))); err != nil {
		return idp.ClaimedMail{}, err
	}
	m.Client, err = c.done()
	return m, err
}

// BeginSending writes the link and moves the entry from claimed to sending,
// committed before any of the mail's data leaves: idp.ErrUsed if the entry is
// not claimed by this attempt any more, or its flow not asked any more. The
// link's tombstone outlasts the end of its flow, the last moment at which it can end.
func (s *Store) BeginSending(ctx context.Context, id idp.OutboxID, attempt int, link idp.Link, lease time.Duration) error {
	const update = `WITH o AS (
			UPDATE outbox o SET state = 'sending', lease = $5 FROM flows f
			WHERE o.tenant_id = $1 AND o.outbox_id = $2 AND o.flow_id = $3 AND o.state = 'claimed' AND o.attempt = $4
				AND f.tenant_id = $1 AND f.flow_id = $3 AND f.state = 'asked' AND f.expires > $6
			RETURNING f.expires AS flow_expires
		)
		INSERT INTO links (tenant_id, link_id, flow_id, client_id, verifier, outcome, sent_at, expires, forget_at)
		SELECT $1, $7, $3, $8, $9, '', $6, $10, greatest($10, o.flow_expires) + $11::interval FROM o`
	rows, err := s.exec(ctx, update, named(link.TenantID), named(id), named(link.FlowID), attempt, instant(link.SentAt.Add(lease)),
		instant(link.SentAt), key(link.ID), string(link.ClientID), digest(link.Verifier), instant(link.Expires), idp.TombstoneLife)
	return exactlyOne(rows, err, idp.ErrUsed)
}

// FinishMails ends attempts of one tenant: sent, failed, unknown, dropped, or
// queued again with a later due time. It gives how many of them were still under
// way; of the others, somebody else has said what became of them. The commit does
// not wait for the disk: what a crash takes back looks unknown, which is true.
func (s *Store) FinishMails(ctx context.Context, t idp.TenantID, results []idp.MailResult) (written int, err error) {
	const again = `UPDATE outbox SET state = 'queued', due = $4, lease = NULL
		WHERE tenant_id = $1 AND outbox_id = $2 AND attempt = $3 AND state IN ('claimed', 'sending')`
	const end = `UPDATE outbox SET state = $4, done = true, lease = NULL, finished_at = $5
		WHERE tenant_id = $1 AND outbox_id = $2 AND attempt = $3 AND state IN ('claimed', 'sending')`
	var batch pgx.Batch
	if slices.ContainsFunc(results, func(r idp.MailResult) bool { return r.State.Ends() }) {
		batch.Queue(`SELECT set_config('synchronous_commit', 'off', true)`) // until the batch's own end
	}
	changed := make([]int, len(results)) // by the last try
	for i, r := range results {
		count := func(tag pgconn.CommandTag) error {
			changed[i] = int(tag.RowsAffected())
			return nil
		}
		switch {
		case r.State == idp.OutboxQueued:
			batch.Queue(again, named(t), named(r.ID), r.Attempt, instant(r.Due)).Exec(count)
		case r.State.Ends():
			batch.Queue(end, named(t), named(r.ID), r.Attempt, string(r.State), instant(r.At)).Exec(count)
		default:
			return 0, fmt.Errorf("an attempt does not end as %q", r.State)
		}
	}
	if err := s.together(ctx, &batch); err != nil {
		return 0, err
	}
	for _, n := range changed {
		written += n
	}
	return written, nil
}

// lapsedAtOnce bounds how many entries one DueMails gives up.
const lapsedAtOnce = 200

// DueMails finds entries that ClaimMail would give, oldest first. It also
// moves entries that were being sent under a lapsed lease to unknown, and gives
// those that it moved: their data may have left, so they are not sent again.
func (s *Store) DueMails(ctx context.Context, now time.Time, most int) (due, lapsed []idp.MailRef, err error) {
	const lapsedQuery = `SELECT tenant_id, outbox_id FROM outbox
		WHERE NOT done AND state = 'sending' AND lease <= $1 ORDER BY due LIMIT $2`
	const dueQuery = `SELECT tenant_id, outbox_id FROM outbox
		WHERE NOT done AND due <= $1 AND expires > $1 AND (state = 'queued' OR (state = 'claimed' AND lease <= $1))
		ORDER BY due LIMIT $2`
	err = s.try(ctx, func(ctx context.Context) (err error) {
		var both pgx.Batch
		both.Queue(lapsedQuery, instant(now), lapsedAtOnce)
		both.Queue(dueQuery, instant(now), most)
		results := s.pool.SendBatch(ctx, &both)
		defer func() { err = errors.Join(err, results.Close()) }()
		if lapsed, err = mailRefs(results); err != nil {
			return err
		}
		due, err = mailRefs(results)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	lapsed, err = s.giveUpSending(ctx, lapsed, now)
	return due, lapsed, err
}

func mailRefs(results pgx.BatchResults) ([]idp.MailRef, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (ref idp.MailRef, err error) {
		err = row.Scan(keyTo(&ref.TenantID), keyTo(&ref.ID))
		return ref, err
	})
}

// giveUpSending goes by each entry's key, for the entries are of many tenants,
// which may be on many machines. There are as many as processes died sending. It
// gives those that no other process gave up first.
func (s *Store) giveUpSending(ctx context.Context, lapsed []idp.MailRef, now time.Time) (mine []idp.MailRef, err error) {
	const update = `UPDATE outbox SET state = 'unknown', done = true, lease = NULL, finished_at = $3
		WHERE tenant_id = $1 AND outbox_id = $2 AND state = 'sending' AND lease <= $3`
	for _, ref := range lapsed {
		rows, err := s.exec(ctx, update, named(ref.TenantID), named(ref.ID), instant(now))
		if err != nil {
			return mine, err
		}
		if rows == 1 {
			mine = append(mine, ref)
		}
	}
	return mine, nil
}
