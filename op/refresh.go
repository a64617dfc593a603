package op

import (
	"context"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"postern/idp"
)

// exchangeRefresh rotates a refresh token (RFC 6749 §6, RFC 9700 §4.14.2). The
// next token follows from the presented one and a salt: an honest double-send
// within the grace gets the same answer, and no second family. A FAPI client's
// stays as it is: it is worth nothing without the client's key, and a lost answer
// must not lock it out (FAPI 2.0 Security Profile §5.3.2.1).
func (p *Provider) exchangeRefresh(ctx context.Context, c idp.Client, r *oidc.RefreshTokenRequest, resource []string) (tokenAnswer, error) {
	const bad = "the refresh token is not good for this client"
	presented, issued, err := p.parseRefresh(ctx, r.RefreshToken)
	if err != nil {
		return tokenAnswer{}, invalidGrant(bad).because(err)
	}
	if err := p.narrowed(ctx, presented.ID, c, r.Scopes, resource); err != nil {
		return tokenAnswer{}, err
	}
	reader, err := p.idTokenRecipient(ctx, c)
	if err != nil {
		return tokenAnswer{}, err
	}
	key, stay := callOf(ctx).key, c.FAPI()
	rotated, err := p.store.RotateRefresh(ctx, idp.Rotation{
		TenantID: idp.TenantOf(ctx).ID, GrantID: idp.GrantID(presented.ID), ClientID: c.ID,
		Presented: presented.Secret, Issued: issued, Salt: idp.NewSecret(), Now: p.clock(),
		Once: key.noted(), BoundTo: confirmation(ctx, c).Name(), Stay: stay, Life: idp.TenantOf(ctx).RefreshLife(),
	})
	if err != nil {
		return tokenAnswer{}, grantError(err, bad)
	}
	next := presented
	if !stay {
		next.Secret = presented.Secret.Successor(rotated.Salt)
	}
	// The new ID token has no nonce: nobody waits for it (OpenID Connect Core §12.2).
	return p.mint(ctx, minting{
		client: c, grant: rotated.Grant, user: rotated.User, refresh: p.refreshText(ctx, next),
		scope:    or(r.Scopes, rotated.Grant.Request.Scope),
		resource: or(resource, rotated.Grant.Request.Resource), confirmation: confirmation(ctx, c), reader: reader,
	})
}
