package sqlite

import (
	"context"

	"postern/idp"
)

// ExchangeGrant is FindGrant for who exchanges a token of the grant for another,
// with the audit event of that. e.Once is noted with what succeeds; ErrReplayed
// if it was before.
func (s *Store) ExchangeGrant(ctx context.Context, e idp.Exchange) (g idp.Grant, u idp.User, err error) {
	err = s.change(ctx, func(ctx context.Context, q *statements) error {
		r, err := findGrant(ctx, q, e.TenantID, e.GrantID)
		if err != nil {
			return err
		}
		if !r.counts(e.Now) {
			return idp.ErrNotFound
		}
		if err := noteOnce(ctx, q, e.TenantID, e.Once); err != nil {
			return err
		}
		g, u = r.grant, r.user
		made := event(e.TenantID, e.Now, idp.EventExchanged)
		made.UserID, made.ClientID, made.Detail = u.ID, e.ClientID, e.Detail
		return note(ctx, q, made)
	})
	if err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	return g, u, nil
}
