package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/idp"
)

const (
	grantColumns = `g.tenant_id, g.grant_id, g.client_id, g.user_id, g.session_id, g.request, g.auth_time, g.acr, g.amr,
	g.code, g.code_expires, g.code_used, g.refresh, g.refresh_expires, g.bound_to, g.created_at, g.expires, g.revoked`
	// newGrantColumns are those of a grant that a login writes: it has a code and no token yet.
	newGrantColumns = `tenant_id, grant_id, client_id, user_id, session_id, request, auth_time, acr, amr,
	code, code_expires, code_used, created_at, expires, revoked, sweep_day`
	// spent notes the pushed request that a grant answers. One noted before fails
	// the statement, and the grant with it: idp.ErrReplayed.
	spent = `spent AS (
			INSERT INTO used_once (tenant_id, kind, digest, expires)
			SELECT $1, '` + idp.OncePushed + `', sha256(convert_to(granted.request ->> 'pushed', 'UTF8')),
				granted.created_at + make_interval(secs => ` + pushedKept + `)
			FROM granted WHERE granted.request ? 'pushed'
		)`
	pushedKept = "7200" // idp.PushedKept
)

func grantInto(g *idp.Grant) []any {
	return []any{
		keyTo(&g.TenantID), keyTo(&g.ID), textTo(&g.ClientID), keyTo(&g.UserID), keyTo(&g.SessionID),
		documentColumn{&g.Request},
		timeColumn{&g.AuthTime},
		textTo(&g.ACR),
		&g.AMR,
		digestColumn{&g.Code},
		timeColumn{&g.CodeExpires},
		boolColumn{&g.CodeUsed},
		digestColumn{&g.Refresh},
		timeColumn{&g.RefreshExpires},
		textTo(&g.BoundTo),
		timeColumn{&g.CreatedAt},
		timeColumn{&g.Expires},
		boolColumn{&g.Revoked},
	}
}

// CreateGrant writes a grant that stands on a session already open.
func (s *Store) CreateGrant(ctx context.Context, g idp.Grant) error {
	insert, args, err := newGrant(g)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, insert, args...)
	return err
}

// newGrant is the statement that writes a grant on a session already open.
func newGrant(g idp.Grant) (statement string, args []any, err error) {
	const insert = `WITH granted AS (
			INSERT INTO grants (` + newGrantColumns + `, refresh, refresh_expires, bound_to)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
			RETURNING session_id, client_id, request, created_at
		), ` + spent + ` ` + knowing + `s.expires FROM granted
			JOIN sessions s ON s.tenant_id = $1 AND s.session_id = granted.session_id` + knowers
	request, err := document(g.Request)
	if err != nil {
		return "", nil, err
	}
	return insert, []any{
		key(g.TenantID), key(g.ID), string(g.ClientID), key(g.UserID), key(g.SessionID),
		request, instant(g.AuthTime), g.ACR, g.AMR, digest(g.Code), instant(g.CodeExpires), g.CodeUsed,
		instant(g.CreatedAt), instant(g.Expires), g.Revoked, sweepDay(g.Expires), digest(g.Refresh), instant(g.RefreshExpires),
		g.BoundTo,
	}, nil
}

// signedIn is whether session p, or the heir it has, still signs its person in at $3.
const signedIn = `coalesce(CASE WHEN heir.session_id IS NULL THEN NOT p.revoked AND p.expires > $3
		ELSE NOT heir.revoked AND heir.expires > $3 END, false)`

// FindGrant gives a grant and its user if its tokens count at now: neither
// revoked nor expired, the user not disabled, and the session alive unless the
// grant is offline. idp.ErrNotFound otherwise.
func (s *Store) FindGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, now time.Time) (idp.Grant, idp.User, error) {
	return s.standing(ctx, findGrant, now, named(t), named(id), instant(now))
}

// UseGrant is FindGrant for who presents, along with a token, what may be
// presented once: idp.ErrReplayed if it was before. On Citus, which does not always
// plan a recursive query beside an INSERT, these are two statements.
func (s *Store) UseGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, o idp.Once, now time.Time) (idp.Grant, idp.User, error) {
	const query = `WITH once AS (
			INSERT INTO used_once (tenant_id, kind, digest, expires) VALUES ($1, $4, $5, $6)
		) ` + findGrant
	if s.distributed {
		err := s.UseOnce(ctx, t, o.Kind, o.Digest, o.Expires)
		if errors.Is(err, idp.ErrUsed) {
			return idp.Grant{}, idp.User{}, fmt.Errorf("%w: %w", idp.ErrReplayed, err)
		}
		if err != nil {
			return idp.Grant{}, idp.User{}, err
		}
		return s.FindGrant(ctx, t, id, now)
	}
	return s.standing(ctx, query, now, named(t), named(id), instant(now), o.Kind, digest(o.Digest), instant(o.Expires))
}

const findGrant = `SELECT ` + grantColumns + `, coalesce(heir.session_id, g.session_id), ` + userColumns + `, ` + signedIn + `
		FROM grants g` + userOfGrant + sessionOfGrant + `
		WHERE g.tenant_id = $1 AND g.grant_id = $2`

func (s *Store) standing(ctx context.Context, query string, now time.Time, args ...any) (idp.Grant, idp.User, error) {
	var g idp.Grant
	var u idp.User
	var alive bool
	into := append(append(grantInto(&g), keyTo(&g.SessionID)), userInto(&u)...)
	if err := s.row(ctx, append(into, boolColumn{&alive}), query, args...); err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	counts := !g.Revoked && now.Before(g.Expires) && !u.Disabled && (g.Request.Offline() || alive)
	if !counts {
		return idp.Grant{}, idp.User{}, idp.ErrNotFound
	}
	return g, u, nil
}

// RevokeGrant ends all tokens of a grant of this client; a grant that is not
// there or another client's is no error (RFC 7009 §2.2).
func (s *Store) RevokeGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, c idp.ClientID, _ time.Time) error {
	const update = `UPDATE grants SET revoked = true WHERE tenant_id = $1 AND grant_id = $2 AND client_id = $3 AND NOT revoked`
	_, err := s.exec(ctx, update, named(t), named(id), string(c))
	return err
}

const day = 24 * time.Hour

// sweepDay is the first whole day, since 1970, after a time.
func sweepDay(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Add(day-time.Microsecond).Unix() / int64(day/time.Second)
}
