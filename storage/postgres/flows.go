package postgres

import (
	"context"
	"time"

	"postern/idp"
)

// flowColumns lack the user, whom the flow's session names.
const flowColumns = `f.tenant_id, f.flow_id, f.request, f.address, f.browser, f.asked, f.locale, f.state, f.attempts,
	f.created_at, f.expires, f.next_mail, f.session_id, f.taken`

func flowInto(f *idp.Flow) []any {
	return []any{
		keyTo(&f.TenantID), keyTo(&f.ID),
		documentColumn{&f.Request},
		textTo(&f.Address),
		digestColumn{&f.Browser},
		documentColumn{&f.Asked},
		textTo(&f.Locale), textTo(&f.State),
		numberColumn{&f.Attempts},
		timeColumn{&f.CreatedAt},
		timeColumn{&f.Expires},
		timeColumn{&f.NextMail},
		keyTo(&f.SessionID),
		takenColumn{&f.Taken},
	}
}

// StartFlow writes a flow and its outbox entry together: asked, and queued.
func (s *Store) StartFlow(ctx context.Context, n idp.NewFlow) error {
	const insert = `WITH flow AS (
			INSERT INTO flows (tenant_id, flow_id, request, address, browser, asked, locale, state, attempts,
				created_at, expires, next_mail, taken)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 'asked', 0, $8, $9, $10, $11)
		)
		INSERT INTO outbox (tenant_id, outbox_id, flow_id, withheld, state, attempt, due, done, expires, created_at)
		VALUES ($1, $12, $2, $13, 'queued', 0, $14, false, $15, $16)`
	f, m := n.Flow, n.Mail
	request, err := document(f.Request)
	if err != nil {
		return err
	}
	asked, err := document(f.Asked)
	if err != nil {
		return err
	}
	taken, err := takenDocument(f.Taken)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, insert, key(f.TenantID), key(f.ID), request, string(f.Address), digest(f.Browser), asked, f.Locale,
		instant(f.CreatedAt), instant(f.Expires), instant(f.NextMail), taken,
		key(m.ID), m.Withheld, instant(m.Due), instant(m.Expires), instant(m.CreatedAt))
	return err
}

// FindFlow gives a flow, expired or not, or idp.ErrNotFound.
func (s *Store) FindFlow(ctx context.Context, t idp.TenantID, id idp.FlowID) (f idp.Flow, err error) {
	const query = `SELECT ` + flowColumns + `, s.user_id
		FROM flows f` + sessionOfFlow + `
		WHERE f.tenant_id = $1 AND f.flow_id = $2`
	err = s.row(ctx, append(flowInto(&f), keyTo(&f.UserID)), query, named(t), named(id))
	return f, err
}

// flowSeen is what decides whether a flow takes another step.
type flowSeen struct {
	state   idp.FlowState
	expires time.Time
	won     bool
}

func (f *flowSeen) into() []any {
	return []any{textTo(&f.state), timeColumn{&f.expires}, boolColumn{&f.won}}
}

// refusal tells why a step did not win a flow that had to be asked.
func (f *flowSeen) refusal(now time.Time) error {
	switch {
	case f.won:
		return nil
	case !now.Before(f.expires):
		return idp.ErrExpired
	default:
		return idp.ErrUsed // as it was read, or by whoever was faster
	}
}

// Resend queues another mail: idp.ErrNotFound, ErrExpired, or ErrUsed if the
// flow is no longer asked.
func (s *Store) Resend(ctx context.Context, r idp.Resend) error {
	const update = `WITH seen AS (
			SELECT f.state, f.expires FROM flows f WHERE f.tenant_id = $1 AND f.flow_id = $2
		), won AS (
			UPDATE flows f SET next_mail = $4, taken = f.taken || $5::jsonb
			WHERE f.tenant_id = $1 AND f.flow_id = $2 AND f.state = 'asked' AND f.expires > $3
			RETURNING f.flow_id
		), mail AS (
			INSERT INTO outbox (tenant_id, outbox_id, flow_id, withheld, state, attempt, due, done, expires, created_at)
			SELECT $1, $6, won.flow_id, $7, 'queued', 0, $8, false, $9, $10 FROM won
		)
		SELECT seen.state, seen.expires, won.flow_id IS NOT NULL FROM seen LEFT JOIN won ON true`
	taken, err := takenDocument(r.Taken)
	if err != nil {
		return err
	}
	m, seen := r.Mail, flowSeen{}
	err = s.row(ctx, seen.into(), update, named(r.TenantID), named(r.FlowID), instant(r.Now), instant(r.NextMail), taken,
		key(m.ID), m.Withheld, instant(m.Due), instant(m.Expires), instant(m.CreatedAt))
	if err != nil {
		return err
	}
	return seen.refusal(r.Now)
}
