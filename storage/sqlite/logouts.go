package sqlite

import (
	"context"
	"fmt"
	"time"

	"postern/idp"
)

// wantsLogout is whether client c has a place where it hears of a session's end.
const wantsLogout = `coalesce(c.metadata ->> 'backchannel_logout_uri', c.metadata ->> 'frontchannel_logout_uri', '') <> ''`

// noteClient remembers that the grant's client knows of its session.
func noteClient(ctx context.Context, q *statements, g idp.Grant) error {
	const insert = `INSERT INTO session_clients (tenant_id, session_id, client_id, sid, expires)
		SELECT s.tenant_id, s.session_id, c.client_id, s.session_id, s.expires
		FROM clients c JOIN sessions s ON s.tenant_id = c.tenant_id
		WHERE c.tenant_id = ? AND c.client_id = ? AND s.session_id = ? AND ` + wantsLogout + ` ON CONFLICT DO NOTHING`
	_, err := q.exec(ctx, insert, g.TenantID, g.ClientID, g.SessionID)
	return err
}

// inheritClients has those who know of the old session hear of the new one's end.
func inheritClients(ctx context.Context, q *statements, old idp.SessionID, now idp.Session) error {
	const insert = `INSERT INTO session_clients (tenant_id, session_id, client_id, sid, expires)
		SELECT tenant_id, ?, client_id, sid, ? FROM session_clients WHERE tenant_id = ? AND session_id = ?
		ON CONFLICT DO NOTHING`
	_, err := q.exec(ctx, insert, now.ID, micros(now.Expires), now.TenantID, old)
	return err
}

// tellClients queues a logout token for each client of a session with a back channel.
func tellClients(ctx context.Context, q *statements, t idp.TenantID, id idp.SessionID, now time.Time) error {
	const insert = `INSERT INTO logouts (tenant_id, client_id, sid, subject, attempt, due, expires)
		SELECT k.tenant_id, k.client_id, k.sid, u.subject, 0, ?, ?
		FROM session_clients k
		JOIN clients c ON c.tenant_id = k.tenant_id AND c.client_id = k.client_id
		JOIN sessions s ON s.tenant_id = k.tenant_id AND s.session_id = k.session_id
		JOIN users u ON u.tenant_id = s.tenant_id AND u.user_id = s.user_id
		WHERE k.tenant_id = ? AND k.session_id = ? AND c.metadata ->> 'backchannel_logout_uri' <> ''
		ON CONFLICT DO NOTHING`
	_, err := q.exec(ctx, insert, micros(now), micros(now.Add(idp.LogoutLife)), t, id)
	return err
}

// SessionClients gives the clients that want to hear of a session's end.
func (s *Store) SessionClients(ctx context.Context, t idp.TenantID, id idp.SessionID) ([]idp.SessionClient, error) {
	const query = `SELECT client_id, sid FROM session_clients WHERE tenant_id = ? AND session_id = ? ORDER BY client_id, sid`
	return list(ctx, s.read, func(row scanner) (c idp.SessionClient, err error) {
		err = row.Scan(&c.ClientID, &c.SID)
		return c, err
	}, query, t, id)
}

// DueLogouts finds logout tokens that ClaimLogout would give, oldest first.
func (s *Store) DueLogouts(ctx context.Context, now time.Time, most int) ([]idp.LogoutRef, error) {
	const query = `SELECT tenant_id, client_id, sid FROM logouts WHERE due <= ? AND expires > ? ORDER BY due LIMIT ?`
	return list(ctx, s.read, func(row scanner) (r idp.LogoutRef, err error) {
		err = row.Scan(&r.TenantID, &r.ClientID, &r.SID)
		return r, err
	}, query, micros(now), micros(now), most)
}

// ClaimLogout takes the lease of a logout token that is due and counts an
// attempt; idp.ErrNotFound if it is someone else's, done, not due, or past its time.
func (s *Store) ClaimLogout(ctx context.Context, ref idp.LogoutRef, lease time.Duration, now time.Time) (idp.ClaimedLogout, error) {
	const update = `UPDATE logouts SET attempt = attempt + 1, due = ?
		WHERE tenant_id = ? AND client_id = ? AND sid = ? AND due <= ? AND expires > ? RETURNING subject, attempt`
	const of = `SELECT ` + tenantColumns + `, ` + clientColumns + ` FROM clients
		JOIN tenants ON tenants.tenant_id = clients.tenant_id WHERE clients.tenant_id = ? AND clients.client_id = ?`
	claimed := idp.ClaimedLogout{Ref: ref}
	err := s.change(ctx, func(ctx context.Context, q *statements) error {
		err := q.row(ctx, update, micros(now.Add(lease)), ref.TenantID, ref.ClientID, ref.SID, micros(now), micros(now)).
			Scan(&claimed.Subject, &claimed.Attempt)
		if err != nil {
			return err
		}
		return q.row(ctx, of, ref.TenantID, ref.ClientID).Scan(append(tenantInto(&claimed.Tenant), clientInto(&claimed.Client)...)...)
	})
	return claimed, err
}

// FinishLogout ends this attempt. idp.ErrUsed if the attempt is not this one's
// any more. Giving up appends the audit event.
func (s *Store) FinishLogout(ctx context.Context, ref idp.LogoutRef, attempt int, end idp.LogoutEnd, due, now time.Time) error {
	const again = `UPDATE logouts SET due = ? WHERE tenant_id = ? AND client_id = ? AND sid = ? AND attempt = ?`
	const remove = `DELETE FROM logouts WHERE tenant_id = ? AND client_id = ? AND sid = ? AND attempt = ?`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		var rows int64
		var err error
		switch end {
		case idp.LogoutRetry:
			rows, err = q.exec(ctx, again, micros(due), ref.TenantID, ref.ClientID, ref.SID, attempt)
		case idp.LogoutTaken, idp.LogoutGivenUp:
			rows, err = q.exec(ctx, remove, ref.TenantID, ref.ClientID, ref.SID, attempt)
		default:
			err = fmt.Errorf("end of a logout %q", end)
		}
		if err := exactlyOne(rows, err, idp.ErrUsed); err != nil || end != idp.LogoutGivenUp {
			return err
		}
		e := event(ref.TenantID, now, idp.EventLogoutLost)
		e.ClientID = ref.ClientID
		return note(ctx, q, e)
	})
}
