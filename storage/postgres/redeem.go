package postgres

import (
	"context"

	"postern/idp"
)

// redeeming is what a redemption read of the grant, and whether it changed it.
type redeeming struct {
	rightCode, own, used, revoked, disabled, signedIn, fits, inTime bool
	changed                                                         bool
	grant                                                           idp.Grant
	user                                                            idp.User
}

func (a *redeeming) into() []any {
	into := []any{
		boolColumn{&a.rightCode},
		boolColumn{&a.own},
		boolColumn{&a.used},
		boolColumn{&a.revoked},
		boolColumn{&a.disabled},
		boolColumn{&a.signedIn},
		boolColumn{&a.fits},
		boolColumn{&a.inTime},
		boolColumn{&a.changed},
	}
	into = append(append(into, grantInto(&a.grant)...), keyTo(&a.grant.SessionID))
	return append(into, userInto(&a.user)...)
}

// RedeemCode consumes an authorization code if code, client, redirect URI and
// challenge are the grant's, sets the refresh token, and gives grant and user.
// Exactly one caller wins: idp.ErrNotFound (also where the person has signed
// out meanwhile), ErrMismatch, ErrExpired, ErrUsed. ErrUsed has revoked the
// grant and appended the audit event (RFC 6749 §4.1.2); other errors change
// nothing. r.Once is noted with what succeeds; ErrReplayed if it was before.
//
// The winner and whoever presents the right code again make the same UPDATE:
// it revokes the grant if, on the newest row, the code was used before.
func (s *Store) RedeemCode(ctx context.Context, r idp.Redemption) (idp.Grant, idp.User, error) {
	const update = `WITH u AS (
			SELECT u.*, coalesce(sha256(g.code || $4) = $5, false) AS right_code, g.client_id = $6 AS own,
				g.code_used, g.revoked, ` + signedIn + ` AS signed_in,
				g.request ->> 'redirect_uri' = $7 AND coalesce(g.request ->> 'code_challenge', '') = $8
					AND coalesce(g.request ->> 'dpop_jkt', '') IN ('', $16) AS fits,
				g.code_expires > $3 AND g.expires > $3 AS in_time,
				g.request -> 'scope' ? 'offline_access' AND $9::bytea IS NOT NULL AS offline,
				coalesce(heir.session_id, g.session_id) AS session_id
			FROM grants g` + userOfGrant + sessionOfGrant + `
			WHERE g.tenant_id = $1 AND g.grant_id = $2
		), g AS (
			UPDATE grants g SET code_used = true, revoked = g.code_used,
				refresh = CASE WHEN u.offline AND NOT g.code_used THEN $9 ELSE g.refresh END,
				refresh_expires = CASE WHEN u.offline AND NOT g.code_used THEN $10 ELSE g.refresh_expires END,
				bound_to = CASE WHEN u.offline AND NOT g.code_used THEN $17 ELSE g.bound_to END,
				expires = greatest(g.expires, CASE WHEN u.offline THEN $10 ELSE $11 END),
				sweep_day = greatest(g.sweep_day, CASE WHEN u.offline THEN $12::int ELSE $13::int END)
			FROM u
			WHERE g.tenant_id = $1 AND g.grant_id = $2 AND NOT g.revoked AND u.right_code AND u.own
				AND (g.code_used OR (u.signed_in AND NOT u.disabled AND u.fits AND u.in_time))
			RETURNING ` + grantColumns + `
		), noted AS (
			INSERT INTO audit_events (` + eventColumns + `)
			SELECT $1, $14, $3, $15, g.user_id, g.client_id, '' FROM g WHERE g.revoked
		), once AS (
			INSERT INTO used_once (tenant_id, kind, digest, expires)
			SELECT $1, $18, $19, $20 FROM g WHERE NOT g.revoked AND $19::bytea IS NOT NULL
		)
		SELECT u.right_code, u.own, u.code_used, u.revoked, u.disabled, u.signed_in, u.fits, u.in_time,
			g.grant_id IS NOT NULL, ` + grantColumns + `, u.session_id, ` + userColumns + `
		FROM u LEFT JOIN g ON true`
	code, reuse := blind(r.Code), event(r.TenantID, r.Now, idp.EventCodeReuse)
	accessUntil := r.Now.Add(idp.AccessTokenLife)
	var a redeeming
	err := s.row(ctx, a.into(), update, named(r.TenantID), named(r.GrantID), instant(r.Now), code.nonce, code.want,
		string(r.ClientID), r.RedirectURI, r.Challenge, digest(r.Refresh),
		instant(r.RefreshExpires), instant(accessUntil), sweepDay(r.RefreshExpires), sweepDay(accessUntil),
		key(reuse.ID), string(reuse.Kind), r.DPoPKey, r.BindTo, r.Once.Kind, digest(r.Once.Digest), instant(r.Once.Expires))
	if err == nil {
		err = a.refusal()
	}
	if err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	return a.grant, a.user, nil
}

func (a *redeeming) refusal() error {
	switch {
	case a.changed && !a.grant.Revoked:
		return nil
	case !a.rightCode:
		return idp.ErrNotFound
	case !a.own:
		return idp.ErrMismatch
	case a.changed, a.used:
		// Whatever else came with it: the right code was presented again.
		return idp.ErrUsed
	case a.revoked, a.disabled, !a.signedIn:
		return idp.ErrNotFound
	case !a.fits:
		return idp.ErrMismatch
	case !a.inTime:
		return idp.ErrExpired
	default:
		return idp.ErrUsed // others were faster, and one of them has revoked it
	}
}
