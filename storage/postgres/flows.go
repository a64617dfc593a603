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

// A mail that leaves at once is written with its link. The link's tombstone
// outlasts the end of the flow, the last moment at which it can end.
const (
	newFlow = `WITH flow AS (
			INSERT INTO flows (tenant_id, flow_id, request, address, browser, asked, locale, state, attempts,
				created_at, expires, next_mail, taken, outbox_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 'asked', 0, $8, $9, $10, $11, CASE WHEN NOT $13::boolean THEN $12::uuid END)
		), mail AS (
			INSERT INTO outbox (tenant_id, outbox_id, flow_id, withheld, due, done, expires, created_at, state, attempt, lease)
			VALUES ($1, $12, $2, $13, $14, false, $15, $16, `
	startQueued     = newFlow + `'queued', 0, NULL) RETURNING tenant_id)` + startedFor
	startDispatched = newFlow + `'sending', 1, $17) RETURNING tenant_id
		), link AS (
			INSERT INTO links (tenant_id, link_id, flow_id, client_id, verifier, outcome, sent_at, expires, forget_at)
			VALUES ($1, $18, $2, $19, $20, '', $21, $22, greatest($22, $9) + $23::interval)
		)` + startedFor
	startedFor = ` SELECT u.disabled IS FALSE, u.disabled IS TRUE, s.expires IS NOT NULL FROM mail
		LEFT JOIN LATERAL (SELECT u.disabled FROM users u WHERE u.tenant_id = $1 AND u.address = $4 LIMIT 1) u ON true
		LEFT JOIN LATERAL (
			SELECT s.expires FROM suppressions s WHERE s.tenant_id = $1 AND s.address = $4 AND s.expires > $8 LIMIT 1) s ON true`
)

// StartFlow writes a flow and its outbox entry together: asked, and queued, or
// being sent where the mail leaves at once.
func (s *Store) StartFlow(ctx context.Context, n idp.NewFlow) (found idp.Started, err error) {
	args, err := startArgs(n)
	if err != nil {
		return idp.Started{}, err
	}
	query := startQueued
	if d := n.Dispatch; d != nil {
		l := d.Link
		query, args = startDispatched, append(args, instant(l.SentAt.Add(d.Lease)), key(l.ID), string(l.ClientID), digest(l.Verifier),
			instant(l.SentAt), instant(l.Expires), idp.TombstoneLife)
	}
	into := []any{boolColumn{&found.UserKnown}, boolColumn{&found.UserDisabled}, boolColumn{&found.Suppressed}}
	err = s.row(ctx, into, query, args...)
	return found, err
}

func startArgs(n idp.NewFlow) ([]any, error) {
	f, m := n.Flow, n.Mail
	request, err := document(f.Request)
	if err != nil {
		return nil, err
	}
	asked, err := document(f.Asked)
	if err != nil {
		return nil, err
	}
	taken, err := takenDocument(f.Taken)
	if err != nil {
		return nil, err
	}
	return []any{
		key(f.TenantID), key(f.ID), request, string(f.Address), digest(f.Browser), asked, f.Locale,
		instant(f.CreatedAt), instant(f.Expires), instant(f.NextMail), taken,
		key(m.ID), m.Withheld, instant(m.Due), instant(m.Expires), instant(m.CreatedAt),
	}, nil
}

// FindFlow gives a flow, expired or not, or idp.ErrNotFound.
func (s *Store) FindFlow(ctx context.Context, t idp.TenantID, id idp.FlowID) (f idp.Flow, err error) {
	const query = `SELECT ` + flowColumns + `, s.user_id
		FROM flows f` + sessionOfFlow + `
		WHERE f.tenant_id = $1 AND f.flow_id = $2`
	err = s.row(ctx, append(flowInto(&f), keyTo(&f.UserID)), query, named(t), named(id))
	return f, err
}

// FindFlowMail gives a flow, expired or not, and the newest of its mails that no
// limit withheld, the zero entry where there is none; or idp.ErrNotFound.
func (s *Store) FindFlowMail(ctx context.Context, t idp.TenantID, id idp.FlowID) (f idp.Flow, m idp.OutboxEntry, err error) {
	const query = `SELECT ` + flowColumns + `, s.user_id, ` + outboxColumns + `
		FROM flows f
		LEFT JOIN LATERAL (
			SELECT o.* FROM outbox o WHERE o.tenant_id = $1 AND o.outbox_id = f.outbox_id LIMIT 1) o ON true` + sessionOfFlow + `
		WHERE f.tenant_id = $1 AND f.flow_id = $2`
	into := append(flowInto(&f), keyTo(&f.UserID))
	err = s.row(ctx, append(into, outboxInto(&m)...), query, named(t), named(id))
	return f, m, err
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
			UPDATE flows f SET next_mail = $4, taken = f.taken || $5::jsonb,
				outbox_id = CASE WHEN $7::boolean THEN f.outbox_id ELSE $6::uuid END
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
