package sqlite

import (
	"context"

	"postern/idp"
)

// RedeemCode consumes an authorization code if code, client, redirect URI and
// challenge are the grant's, sets the refresh token, and gives grant and user.
// Exactly one caller wins: idp.ErrNotFound (also where the person has signed
// out meanwhile), ErrMismatch, ErrExpired, ErrUsed. ErrUsed has revoked the
// grant and appended the audit event (RFC 6749 §4.1.2); other errors change
// nothing. r.Once is noted with what succeeds; ErrReplayed if it was before.
func (s *Store) RedeemCode(ctx context.Context, r idp.Redemption) (idp.Grant, idp.User, error) {
	var row grantRow
	err := s.change(ctx, func(ctx context.Context, q *statements) (err error) {
		row, err = findGrant(ctx, q, r.TenantID, r.GrantID)
		if err != nil {
			return err
		}
		row.grant, err = redeem(ctx, q, r, row)
		return err
	})
	if err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	return row.grant, row.user, nil
}

func redeem(ctx context.Context, q *statements, r idp.Redemption, row grantRow) (idp.Grant, error) {
	g := row.grant
	switch {
	case !g.Code.Equal(r.Code):
		return g, idp.ErrNotFound
	case g.ClientID != r.ClientID:
		return g, idp.ErrMismatch
	case g.CodeUsed:
		// Whatever else came with it: the right code was presented again.
		return g, revokeReused(ctx, q, g, idp.EventCodeReuse, r.Now)
	case g.Revoked, row.user.Disabled, !row.sessionAlive(r.Now):
		return g, idp.ErrNotFound
	case g.Request.RedirectURI != r.RedirectURI, g.Request.CodeChallenge != r.Challenge,
		g.Request.DPoPKey != "" && g.Request.DPoPKey != r.DPoPKey:
		return g, idp.ErrMismatch
	case !r.Now.Before(g.CodeExpires), !r.Now.Before(g.Expires):
		return g, idp.ErrExpired
	}
	if err := noteOnce(ctx, q, g.TenantID, r.Once); err != nil {
		return g, err
	}
	g.CodeUsed = true
	g.Expires = latest(g.Expires, r.Now.Add(idp.AccessTokenLife))
	if g.Request.Offline() && !r.Refresh.IsZero() {
		g.Refresh, g.RefreshExpires, g.BoundTo = r.Refresh, r.RefreshExpires, r.BindTo
		g.Expires = latest(g.Expires, g.RefreshExpires)
	}
	const update = `UPDATE grants SET code_used = 1, refresh = ?, refresh_expires = ?, bound_to = ?, expires = ?, sweep_day = ?
		WHERE tenant_id = ? AND grant_id = ? AND code_used = 0 AND revoked = 0`
	rows, err := q.exec(ctx, update, g.Refresh, micros(g.RefreshExpires), g.BoundTo, micros(g.Expires), sweepDay(g.Expires),
		g.TenantID, g.ID)
	return g, exactlyOne(rows, err, idp.ErrUsed)
}
