package postgres

import (
	"context"

	"postern/idp"
)

// rotating is what a rotation read of the grant, and whether it changed it.
type rotating struct {
	revoked, family, own, inTime bool
	changed                      bool
	grant                        idp.Grant
	user                         idp.User
	salt                         idp.Secret
}

func (a *rotating) into() []any {
	into := []any{
		boolColumn{&a.revoked},
		boolColumn{&a.family},
		boolColumn{&a.own},
		boolColumn{&a.inTime},
		boolColumn{&a.changed},
		secretColumn{&a.salt},
	}
	into = append(into, grantInto(&a.grant)...)
	return append(into, userInto(&a.user)...)
}

// RotateRefresh replaces the current refresh token by its successor, or
// answers the previous one again within idp.RefreshGrace. idp.ErrNotFound
// (also revoked grants, and tokens that nobody issued), ErrMismatch (another
// client's, or bound to another key), ErrExpired, ErrUsed: an older token that
// was issued, which has revoked the grant and appended the audit event. r.Once is
// noted with what succeeds; ErrReplayed if it was before.
//
// All three are one UPDATE, decided on the newest row: of two that present the
// current token at once, the second finds it to be the previous one, and gets
// the salt that the first stored.
func (s *Store) RotateRefresh(ctx context.Context, r idp.Rotation) (idp.Rotated, error) {
	const (
		current = `sha256(g.refresh || $4) = $5`
		again   = `coalesce(sha256(g.previous || $4) = $5 AND g.refreshed_at > $11, false)`
		update  = `WITH u AS (
			SELECT u.*, g.revoked, g.refresh IS NOT NULL AS family, g.client_id = $6 AND g.bound_to IN ('', $14) AS own,
				least(g.refresh_expires, g.created_at + $19::interval) > $3 AS in_time, g.created_at + $19::interval AS ends
			FROM grants g` + userOfGrant + `
			WHERE g.tenant_id = $1 AND g.grant_id = $2
		), g AS (
			UPDATE grants g SET
				refresh = CASE WHEN ` + current + ` THEN $7 ELSE g.refresh END,
				previous = CASE WHEN ` + current + ` THEN g.refresh ELSE g.previous END,
				salt = CASE WHEN ` + current + ` THEN $8 ELSE g.salt END,
				refreshed_at = CASE WHEN ` + current + ` THEN $3 ELSE g.refreshed_at END,
				refresh_expires = CASE WHEN ` + current + ` THEN least($9, u.ends) ELSE g.refresh_expires END,
				expires = CASE WHEN ` + current + ` THEN greatest(g.expires, $9) ELSE g.expires END,
				sweep_day = CASE WHEN ` + current + ` THEN greatest(g.sweep_day, $10::int) ELSE g.sweep_day END,
				revoked = NOT (` + current + ` OR ` + again + `)
			FROM u
			WHERE g.tenant_id = $1 AND g.grant_id = $2 AND NOT g.revoked AND g.refresh IS NOT NULL
				AND least(g.refresh_expires, u.ends) > $3 AND u.own AND NOT u.disabled
				AND (` + current + ` OR ` + again + ` OR $18)
			RETURNING g.salt, ` + grantColumns + `
		), noted AS (
			INSERT INTO audit_events (` + eventColumns + `)
			SELECT $1, $12, $3, $13, g.user_id, g.client_id, '' FROM g WHERE g.revoked
		), once AS (
			INSERT INTO used_once (tenant_id, kind, digest, expires)
			SELECT $1, $15, $16, $17 FROM g WHERE NOT g.revoked AND $16::bytea IS NOT NULL
		)
		SELECT u.revoked, u.family, u.own, u.in_time, g.grant_id IS NOT NULL, g.salt, ` + grantColumns + `, ` + userColumns + `
		FROM u LEFT JOIN g ON true`
	)
	presented, next := blind(r.Presented.Digest()), r.Presented.Successor(r.Salt).Digest()
	if r.Stay {
		next = r.Presented.Digest()
	}
	until, reuse := r.Now.Add(idp.RefreshTokenLife), event(r.TenantID, r.Now, idp.EventTokenReuse)
	var a rotating
	err := s.row(ctx, a.into(), update, named(r.TenantID), named(r.GrantID), instant(r.Now), presented.nonce, presented.want,
		string(r.ClientID), digest(next), r.Salt.Bytes(), instant(until), sweepDay(until),
		instant(r.Now.Add(-idp.RefreshGrace)), key(reuse.ID), string(reuse.Kind),
		r.BoundTo, r.Once.Kind, digest(r.Once.Digest), instant(r.Once.Expires), r.Issued, r.Life)
	if err == nil {
		err = a.refusal()
	}
	if err != nil {
		return idp.Rotated{}, err
	}
	return idp.Rotated{Grant: a.grant, User: a.user, Salt: a.salt}, nil
}

func (a *rotating) refusal() error {
	switch {
	case a.changed && !a.grant.Revoked:
		return nil
	case a.changed:
		return idp.ErrUsed
	case a.revoked, !a.family, a.user.Disabled:
		return idp.ErrNotFound
	case !a.own:
		return idp.ErrMismatch
	case !a.inTime:
		return idp.ErrExpired
	default:
		return idp.ErrNotFound // nobody issued it, or someone has revoked the grant meanwhile
	}
}
