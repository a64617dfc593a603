package sqlite

import (
	"context"

	"postern/idp"
)

// RotateRefresh replaces the current refresh token by its successor, or
// answers the previous one again within idp.RefreshGrace. idp.ErrNotFound
// (also revoked grants, and tokens that nobody issued), ErrMismatch (another
// client's, or bound to another key), ErrExpired, ErrUsed: an older token that
// was issued, which has revoked the grant and appended the audit event. r.Once is
// noted with what succeeds; ErrReplayed if it was before.
func (s *Store) RotateRefresh(ctx context.Context, r idp.Rotation) (idp.Rotated, error) {
	var done idp.Rotated
	err := s.change(ctx, func(ctx context.Context, q *statements) error {
		row, err := findGrant(ctx, q, r.TenantID, r.GrantID)
		if err != nil {
			return err
		}
		done, err = rotate(ctx, q, r, row)
		return err
	})
	if err != nil {
		return idp.Rotated{}, err
	}
	return done, nil
}

func rotate(ctx context.Context, q *statements, r idp.Rotation, row grantRow) (idp.Rotated, error) {
	g, presented := row.grant, r.Presented.Digest()
	switch {
	case g.Revoked, g.Refresh.IsZero(), row.user.Disabled:
		return idp.Rotated{}, idp.ErrNotFound
	case g.ClientID != r.ClientID, g.BoundTo != "" && g.BoundTo != r.BoundTo:
		return idp.Rotated{}, idp.ErrMismatch
	case !r.Now.Before(earliest(g.RefreshExpires, g.CreatedAt.Add(r.Life))):
		return idp.Rotated{}, idp.ErrExpired
	case g.Refresh.Equal(presented):
		if err := noteOnce(ctx, q, g.TenantID, r.Once); err != nil {
			return idp.Rotated{}, err
		}
		g, err := succeed(ctx, q, r, g)
		return idp.Rotated{Grant: g, User: row.user, Salt: r.Salt}, err
	case row.previous.Equal(presented) && r.Now.Before(row.refreshedAt.Add(idp.RefreshGrace)):
		return idp.Rotated{Grant: g, User: row.user, Salt: row.salt}, noteOnce(ctx, q, g.TenantID, r.Once)
	case !r.Issued:
		return idp.Rotated{}, idp.ErrNotFound
	default:
		return idp.Rotated{}, revokeReused(ctx, q, g, idp.EventTokenReuse, r.Now)
	}
}

// succeed moves the family on by one token. The row stays in place but once a day.
func succeed(ctx context.Context, q *statements, r idp.Rotation, g idp.Grant) (idp.Grant, error) {
	const update = `UPDATE grants SET refresh = ?, previous = ?, salt = ?, refreshed_at = ?, refresh_expires = ?,
			expires = ?, sweep_day = ?
		WHERE tenant_id = ? AND grant_id = ? AND refresh = ? AND revoked = 0`
	current := g.Refresh
	if !r.Stay {
		g.Refresh = r.Presented.Successor(r.Salt).Digest()
	}
	g.RefreshExpires = earliest(r.Now.Add(idp.RefreshTokenLife), g.CreatedAt.Add(r.Life))
	g.Expires = latest(g.Expires, g.RefreshExpires)
	rows, err := q.exec(ctx, update, g.Refresh, current, r.Salt.Bytes(), micros(r.Now), micros(g.RefreshExpires),
		micros(g.Expires), sweepDay(g.Expires), g.TenantID, g.ID, current)
	return g, exactlyOne(rows, err, idp.ErrUsed)
}
