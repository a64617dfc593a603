package sqlite

import (
	"context"
	"time"

	"postern/idp"
)

const grantColumns = `grants.tenant_id, grants.grant_id, grants.client_id, grants.user_id, grants.session_id,
	grants.request, grants.auth_time, grants.acr, grants.amr, grants.code, grants.code_expires, grants.code_used,
	grants.refresh, grants.refresh_expires, grants.bound_to, grants.created_at, grants.expires, grants.revoked`

func grantInto(g *idp.Grant) []any {
	return []any{
		&g.TenantID, &g.ID, &g.ClientID, &g.UserID, &g.SessionID,
		documentColumn{&g.Request},
		timeColumn{&g.AuthTime},
		&g.ACR,
		documentColumn{&g.AMR},
		&g.Code,
		timeColumn{&g.CodeExpires},
		&g.CodeUsed,
		&g.Refresh,
		timeColumn{&g.RefreshExpires},
		&g.BoundTo,
		timeColumn{&g.CreatedAt},
		timeColumn{&g.Expires},
		&g.Revoked,
	}
}

// grantRow is a grant with what decides whether it counts.
type grantRow struct {
	grant    idp.Grant
	user     idp.User
	signedIn bool // its session is there and not revoked
	until    time.Time

	// Of the refresh token family, and the store's own.
	previous    idp.Digest
	salt        idp.Secret
	refreshedAt time.Time
}

func findGrant(ctx context.Context, q *statements, t idp.TenantID, id idp.GrantID) (r grantRow, err error) {
	const query = `SELECT ` + grantColumns + `, ` + userColumns + `,
			sessions.revoked IS 0, sessions.expires, grants.previous, grants.salt, grants.refreshed_at
		FROM grants
		JOIN users ON users.tenant_id = grants.tenant_id AND users.user_id = grants.user_id
		LEFT JOIN sessions ON sessions.tenant_id = grants.tenant_id AND sessions.session_id = grants.session_id
		WHERE grants.tenant_id = ? AND grants.grant_id = ?`
	into := append(grantInto(&r.grant), userInto(&r.user)...)
	into = append(into, &r.signedIn, timeColumn{&r.until}, &r.previous, secretColumn{&r.salt}, timeColumn{&r.refreshedAt})
	err = q.row(ctx, query, t, id).Scan(into...)
	return r, err
}

// sessionAlive tells whether the session that the grant came from still signs in.
func (r grantRow) sessionAlive(now time.Time) bool { return r.signedIn && now.Before(r.until) }

// counts tells whether the grant's tokens count.
func (r grantRow) counts(now time.Time) bool {
	return !r.grant.Revoked && now.Before(r.grant.Expires) && !r.user.Disabled &&
		(r.grant.Request.Offline() || r.sessionAlive(now))
}

// CreateGrant writes a grant that stands on a session already open.
func (s *Store) CreateGrant(ctx context.Context, g idp.Grant) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		return insertGrant(ctx, q, g)
	})
}

func insertGrant(ctx context.Context, q *statements, g idp.Grant) error {
	const insert = `INSERT INTO grants (tenant_id, grant_id, client_id, user_id, session_id, request, auth_time, acr, amr,
			code, code_expires, code_used, refresh, refresh_expires, bound_to, created_at, expires, revoked, sweep_day)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	_, err := q.exec(ctx, insert, g.TenantID, g.ID, g.ClientID, g.UserID, g.SessionID,
		document{g.Request}, micros(g.AuthTime), g.ACR, document{g.AMR},
		g.Code, micros(g.CodeExpires), g.CodeUsed, g.Refresh, micros(g.RefreshExpires), g.BoundTo,
		micros(g.CreatedAt), micros(g.Expires), g.Revoked, sweepDay(g.Expires))
	if err != nil {
		return err
	}
	if err := noteOnce(ctx, q, g.TenantID, g.Spends()); err != nil {
		return err
	}
	return noteClient(ctx, q, g)
}

// noteOnce notes what came with a step; ErrReplayed, which undoes the step, if
// it was there before.
func noteOnce(ctx context.Context, q *statements, t idp.TenantID, o idp.Once) error {
	if o.IsZero() {
		return nil
	}
	rows, err := q.exec(ctx, insertOnce, t, o.Kind, o.Digest, micros(o.Expires))
	return exactlyOne(rows, err, idp.ErrReplayed)
}

// FindGrant gives a grant and its user if its tokens count at now: neither
// revoked nor expired, the user not disabled, and the session alive unless the
// grant is offline. idp.ErrNotFound otherwise.
func (s *Store) FindGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, now time.Time) (idp.Grant, idp.User, error) {
	r, err := findGrant(ctx, s.read, t, id)
	if err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	if !r.counts(now) {
		return idp.Grant{}, idp.User{}, idp.ErrNotFound
	}
	return r.grant, r.user, nil
}

// UseGrant is FindGrant for who presents, along with a token, what may be
// presented once: idp.ErrReplayed if it was before.
func (s *Store) UseGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, o idp.Once, now time.Time) (idp.Grant, idp.User, error) {
	err := s.change(ctx, func(ctx context.Context, q *statements) error { return noteOnce(ctx, q, t, o) })
	if err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	return s.FindGrant(ctx, t, id, now)
}

// RevokeGrant ends all tokens of a grant of this client; a grant that is not
// there or another client's is no error (RFC 7009 §2.2).
func (s *Store) RevokeGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, c idp.ClientID, _ time.Time) error {
	const update = `UPDATE grants SET revoked = 1 WHERE tenant_id = ? AND grant_id = ? AND client_id = ? AND revoked = 0`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, update, t, id, c)
		return err
	})
}

// revokeReused ends a grant of which something was presented twice, so that
// whoever stole it loses it too, and notes that once.
func revokeReused(ctx context.Context, q *statements, g idp.Grant, kind idp.EventKind, now time.Time) error {
	const update = `UPDATE grants SET revoked = 1 WHERE tenant_id = ? AND grant_id = ? AND revoked = 0`
	rows, err := q.exec(ctx, update, g.TenantID, g.ID)
	if err != nil {
		return err
	}
	if rows == 1 {
		e := event(g.TenantID, now, kind)
		e.UserID, e.ClientID = g.UserID, g.ClientID
		if err := note(ctx, q, e); err != nil {
			return err
		}
	}
	return keep(idp.ErrUsed)
}

const day = 24 * time.Hour

// sweepDay is the first whole day, since 1970, after a time.
func sweepDay(t time.Time) int64 {
	return t.Add(day-time.Microsecond).Unix() / int64(day/time.Second)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(times ...time.Time) time.Time {
	var last time.Time
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}
