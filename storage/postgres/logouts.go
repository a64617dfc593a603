package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

// Parts of statements about a session's end, all of tenant $1.
const (
	// knowing remembers the client of the grant that "granted" wrote, if it wants
	// to hear of the session's end. When that is at the latest follows, with FROM
	// granted and what else it needs, and knowers.
	knowing = `INSERT INTO session_clients (tenant_id, session_id, client_id, sid, expires)
			SELECT $1, granted.session_id, c.client_id, granted.session_id, `
	knowers = ` JOIN clients c ON c.tenant_id = $1 AND c.client_id = granted.client_id
			WHERE coalesce(c.metadata ->> 'backchannel_logout_uri', c.metadata ->> 'frontchannel_logout_uri', '') <> ''
			ON CONFLICT DO NOTHING`
	// told queues a logout token for each client with a back channel that knows of
	// a session in "ended", which has its id and whose it was. When it is due and expires follows, with toldFrom.
	told = `INSERT INTO logouts (tenant_id, client_id, sid, subject, attempt, due, expires)
			SELECT $1, k.client_id, k.sid, ended.subject, 0, `
	toldFrom = ` FROM ended
			JOIN session_clients k ON k.tenant_id = $1 AND k.session_id = ended.session_id
			JOIN clients c ON c.tenant_id = $1 AND c.client_id = k.client_id
			WHERE c.metadata ->> 'backchannel_logout_uri' <> ''
			ON CONFLICT DO NOTHING`
)

// SessionClients gives the clients that want to hear of a session's end.
func (s *Store) SessionClients(ctx context.Context, t idp.TenantID, id idp.SessionID) ([]idp.SessionClient, error) {
	const query = `SELECT client_id, sid FROM session_clients WHERE tenant_id = $1 AND session_id = $2 ORDER BY client_id, sid`
	return list(ctx, s, func(row pgx.Row) (c idp.SessionClient, err error) {
		err = row.Scan(textTo(&c.ClientID), keyTo(&c.SID))
		return c, err
	}, query, named(t), named(id))
}

// DueLogouts finds logout tokens that ClaimLogout would give, oldest first.
func (s *Store) DueLogouts(ctx context.Context, now time.Time, most int) ([]idp.LogoutRef, error) {
	const query = `SELECT tenant_id, client_id, sid FROM logouts WHERE due <= $1 AND expires > $1 ORDER BY due LIMIT $2`
	return list(ctx, s, func(row pgx.Row) (r idp.LogoutRef, err error) {
		err = row.Scan(keyTo(&r.TenantID), textTo(&r.ClientID), keyTo(&r.SID))
		return r, err
	}, query, instant(now), most)
}

// ClaimLogout takes the lease of a logout token that is due and counts an
// attempt; idp.ErrNotFound if it is someone else's, done, not due, or past its time.
func (s *Store) ClaimLogout(ctx context.Context, ref idp.LogoutRef, lease time.Duration, now time.Time) (idp.ClaimedLogout, error) {
	const update = `WITH o AS (
			UPDATE logouts o SET attempt = o.attempt + 1, due = $5
			WHERE o.tenant_id = $1 AND o.client_id = $2 AND o.sid = $3 AND o.due <= $4 AND o.expires > $4
			RETURNING o.subject, o.attempt
		)
		SELECT o.subject, o.attempt, ` + tenantColumns + `, ` + clientColumns + `
		FROM o JOIN tenants t ON t.tenant_id = $1 JOIN clients c ON c.tenant_id = $1 AND c.client_id = $2`
	claimed := idp.ClaimedLogout{Ref: ref}
	var c clientRow
	into := append([]any{textTo(&claimed.Subject), numberColumn{&claimed.Attempt}}, tenantInto(&claimed.Tenant)...)
	err := s.row(ctx, append(into, c.into()...), update,
		named(ref.TenantID), string(ref.ClientID), named(ref.SID), instant(now), instant(now.Add(lease)))
	if err != nil {
		return idp.ClaimedLogout{}, err
	}
	claimed.Client, err = c.done()
	return claimed, err
}

// FinishLogout ends this attempt. idp.ErrUsed if the attempt is not this one's
// any more. Giving up appends the audit event.
func (s *Store) FinishLogout(ctx context.Context, ref idp.LogoutRef, attempt int, end idp.LogoutEnd, due, now time.Time) error {
	const (
		row    = ` WHERE tenant_id = $1 AND client_id = $2 AND sid = $3 AND attempt = $4`
		again  = `UPDATE logouts SET due = $5` + row
		remove = `DELETE FROM logouts` + row
		lost   = `WITH o AS (DELETE FROM logouts` + row + ` RETURNING client_id)
			INSERT INTO audit_events (` + eventColumns + `) SELECT $1, $5, $6, $7, NULL, o.client_id, '' FROM o`
	)
	args := []any{named(ref.TenantID), string(ref.ClientID), named(ref.SID), attempt}
	var rows int64
	var err error
	switch end {
	case idp.LogoutRetry:
		rows, err = s.exec(ctx, again, append(args, instant(due))...)
	case idp.LogoutTaken:
		rows, err = s.exec(ctx, remove, args...)
	case idp.LogoutGivenUp:
		e := event(ref.TenantID, now, idp.EventLogoutLost)
		rows, err = s.exec(ctx, lost, append(args, key(e.ID), instant(e.At), string(e.Kind))...)
	default:
		err = fmt.Errorf("end of a logout %q", end)
	}
	return exactlyOne(rows, err, idp.ErrUsed)
}
