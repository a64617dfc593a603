package sqlite

import (
	"context"
	"time"

	"postern/idp"
)

const linkColumns = `links.tenant_id, links.link_id, links.flow_id, links.client_id, links.verifier,
	links.outcome, links.sent_at, links.expires`

func linkInto(l *idp.Link) []any {
	return []any{
		&l.TenantID, &l.ID, &l.FlowID, &l.ClientID, &l.Verifier, &l.Outcome, timeColumn{&l.SentAt}, timeColumn{&l.Expires},
	}
}

func scanLink(row scanner) (l idp.Link, err error) {
	err = row.Scan(linkInto(&l)...)
	return l, err
}

// FindLink gives a link and its flow, or idp.ErrNotFound. Where the flow has
// been swept and only the tombstone is left, the flow's ID is empty.
func (s *Store) FindLink(ctx context.Context, t idp.TenantID, id string) (idp.Link, idp.Flow, error) {
	return findLink(ctx, s.read, t, id)
}

// findLink reads both in one statement, so that they belong together.
func findLink(ctx context.Context, q *statements, t idp.TenantID, id string) (idp.Link, idp.Flow, error) {
	const query = `SELECT ` + linkColumns + `, flows.flow_id IS NOT NULL, ` + flowColumnsOrEmpty + `
		FROM links LEFT JOIN flows ON flows.tenant_id = links.tenant_id AND flows.flow_id = links.flow_id
		WHERE links.tenant_id = ? AND links.link_id = ?`
	var link idp.Link
	var flow idp.Flow
	var there bool
	err := q.row(ctx, query, t, id).Scan(append(append(linkInto(&link), &there), flowInto(&flow)...)...)
	if err != nil || !there {
		flow = idp.Flow{}
	}
	return link, flow, err
}

// flowColumnsOrEmpty are flowColumns where the flow may be gone.
const flowColumnsOrEmpty = `coalesce(flows.tenant_id, ''), coalesce(flows.flow_id, ''), coalesce(flows.request, '{}'),
	coalesce(flows.address, ''), flows.browser, coalesce(flows.asked, '{}'), coalesce(flows.locale, ''),
	coalesce(flows.state, ''), coalesce(flows.attempts, 0), flows.created_at, flows.expires, flows.next_mail,
	coalesce(flows.user_id, ''), coalesce(flows.session_id, ''), coalesce(flows.taken, 'null')`

// insertLink writes a live link. Its tombstone outlasts the end of its flow,
// which is the last moment at which it can end.
func insertLink(ctx context.Context, q *statements, l idp.Link, flowExpires time.Time) error {
	const insert = `INSERT INTO links (tenant_id, link_id, flow_id, client_id, verifier, outcome, sent_at, expires, forget_at)
		VALUES (?, ?, ?, ?, ?, '', ?, ?, ?)`
	ends := l.Expires
	if flowExpires.After(ends) {
		ends = flowExpires
	}
	_, err := q.exec(ctx, insert, l.TenantID, l.ID, l.FlowID, l.ClientID, l.Verifier,
		micros(l.SentAt), micros(l.Expires), micros(ends.Add(idp.TombstoneLife)))
	return err
}

// endLinks says of all live links of a flow what became of them.
func endLinks(ctx context.Context, q *statements, f idp.Flow, outcome idp.LinkOutcome) error {
	const update = `UPDATE links SET outcome = ? WHERE tenant_id = ? AND flow_id = ? AND outcome = ''`
	_, err := q.exec(ctx, update, outcome, f.TenantID, f.ID)
	return err
}
