package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

// attempt is one row of CountAttempt's answer: the flow, and a link of it if there is one.
type attempt struct {
	flow   flowSeen
	before int // attempts counted before this one, as read
	locked bool
	link   idp.Link
}

func scanAttempt(row pgx.Row) (a attempt, err error) {
	into := append(a.flow.into(), numberColumn{&a.before}, boolColumn{&a.locked})
	err = row.Scan(append(into, linkInto(&a.link)...)...)
	return a, err
}

// CountAttempt counts one relay code or pasted link and gives the flow's live,
// unexpired links to compare with. The count is committed before anything is
// compared, so that parallel guesses share the flow's idp.MaxAttempts.
func (s *Store) CountAttempt(ctx context.Context, t idp.TenantID, id idp.FlowID, now time.Time) ([]idp.Link, error) {
	const update = `WITH seen AS (
			SELECT f.state, f.expires, f.attempts FROM flows f WHERE f.tenant_id = $1 AND f.flow_id = $2
		), f AS (
			UPDATE flows f SET attempts = least(f.attempts + 1, $4),
				state = CASE WHEN f.attempts < $4 THEN 'asked' ELSE 'locked' END
			WHERE f.tenant_id = $1 AND f.flow_id = $2 AND f.state = 'asked' AND f.expires > $3
			RETURNING f.tenant_id, f.flow_id, f.state, f.request
		), noted AS (
			INSERT INTO audit_events (` + eventColumns + `)
			SELECT $1, $5, $3, $6, NULL, f.request ->> 'client_id', '' FROM f WHERE f.state = 'locked'
		)
		SELECT seen.state, seen.expires, f.flow_id IS NOT NULL, seen.attempts, f.state = 'locked', ` + linkColumns + `
		FROM seen LEFT JOIN f ON true
		LEFT JOIN links l ON l.tenant_id = $1 AND l.flow_id = $2 AND f.state = 'asked' AND l.expires > $3
		ORDER BY l.sent_at DESC, l.link_id`
	locked := event(t, now, idp.EventFlowLocked)
	for {
		answer, err := list(ctx, s, scanAttempt, update, named(t), named(id), instant(now), idp.MaxAttempts, key(locked.ID), string(locked.Kind))
		switch {
		case err != nil:
			return nil, err
		case len(answer) == 0:
			return nil, idp.ErrNotFound
		case answer[0].overtaken(now):
			continue // reading it again tells by what; it cannot be asked once more
		}
		return liveLinks(answer), answer[0].refusal(now)
	}
}

func liveLinks(answer []attempt) (links []idp.Link) {
	for _, a := range answer {
		if a.link.ID != "" {
			links = append(links, a.link)
		}
	}
	return links
}

// overtaken tells that the flow was asked when it was read, and then was not.
func (a attempt) overtaken(now time.Time) bool {
	return !a.flow.won && a.flow.state == idp.FlowAsked && now.Before(a.flow.expires)
}

func (a attempt) refusal(now time.Time) error {
	switch {
	case a.locked:
		return idp.ErrExhausted
	case now.Before(a.flow.expires) && a.flow.state == idp.FlowLocked && a.before >= idp.MaxAttempts:
		return idp.ErrExhausted
	default:
		return a.flow.refusal(now)
	}
}

// LockFlow ends a flow that is still asked, after its last attempt was wrong.
func (s *Store) LockFlow(ctx context.Context, t idp.TenantID, id idp.FlowID, now time.Time) error {
	const update = `WITH locked AS (
			UPDATE flows f SET state = 'locked' WHERE f.tenant_id = $1 AND f.flow_id = $2 AND f.state = 'asked'
			RETURNING f.request
		)
		INSERT INTO audit_events (` + eventColumns + `)
		SELECT $1, $3, $4, $5, NULL, locked.request ->> 'client_id', '' FROM locked`
	locked := event(t, now, idp.EventFlowLocked)
	_, err := s.exec(ctx, update, named(t), named(id), key(locked.ID), instant(now), string(locked.Kind))
	return err
}
