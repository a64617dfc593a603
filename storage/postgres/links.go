package postgres

import (
	"context"
	"time"

	"postern/idp"
)

// linkColumns need the link's flow beside it, as f, while there is one: what
// became of a link is what became of its flow, until the flow is swept.
const linkColumns = `l.tenant_id, l.link_id, l.flow_id, l.client_id, l.verifier,
	CASE f.state WHEN 'completed' THEN 'used' WHEN 'finished' THEN 'used' WHEN 'locked' THEN 'dead' ELSE l.outcome END,
	l.sent_at, l.expires`

func linkInto(l *idp.Link) []any {
	return []any{
		keyTo(&l.TenantID), keyTo(&l.ID), keyTo(&l.FlowID), textTo(&l.ClientID),
		digestColumn{&l.Verifier},
		textTo(&l.Outcome),
		timeColumn{&l.SentAt},
		timeColumn{&l.Expires},
	}
}

// FindLink gives a link and its flow, or idp.ErrNotFound. Where the flow has
// been swept and only the tombstone is left, the flow's ID is empty.
func (s *Store) FindLink(ctx context.Context, t idp.TenantID, id string) (link idp.Link, flow idp.Flow, err error) {
	const query = `SELECT ` + linkColumns + `, ` + flowColumns + `, s.user_id
		FROM links l
		LEFT JOIN LATERAL (SELECT f.* FROM flows f WHERE f.tenant_id = $1 AND f.flow_id = l.flow_id LIMIT 1) f ON true` + sessionOfFlow + `
		WHERE l.tenant_id = $1 AND l.link_id = $2`
	into := append(linkInto(&link), flowInto(&flow)...)
	err = s.row(ctx, append(into, keyTo(&flow.UserID)), query, key(t), key(id))
	return link, flow, err
}

// tried is what an attempt on a link has read of it and of its flow, which has
// no id where it has been swept.
type tried struct {
	verified, sameBrowser bool
	outcome               idp.LinkOutcome
	linkExpires           time.Time
	flow                  idp.Flow
}

// refusal tells why the attempt could not win then, or nothing if it could.
func (a *tried) refusal(now time.Time) error {
	switch f := a.flow; {
	case !a.verified:
		return idp.ErrMismatch
	case f.ID == "" && a.outcome == idp.LinkLive: // swept: the tombstone knows
		return idp.ErrExpired
	case f.ID == "":
		return idp.ErrUsed
	case !a.sameBrowser:
		return idp.ErrMismatch
	case !now.Before(a.linkExpires), !now.Before(f.Expires):
		return idp.ErrExpired
	case f.State != idp.FlowAsked:
		return idp.ErrUsed
	default:
		return nil
	}
}
