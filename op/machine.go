package op

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"postern/idp"
)

// exchangeCredentials gives a client a token of its own (RFC 6749 §4.4). It has
// authenticated, for a public one cannot have this grant type. There is no
// refresh token (§4.4.3), no row, and nobody's sub but its own.
func (p *Provider) exchangeCredentials(ctx context.Context, c idp.Client, r *oidc.ClientCredentialsRequest, resource []string) (tokenAnswer, error) {
	if c.Public() {
		return tokenAnswer{}, invalidClient("this grant is for clients that prove who they are")
	}
	if !c.AllowsGrant(idp.GrantClientCredentials) {
		return tokenAnswer{}, refuse("unauthorized_client", "this client may not use client credentials")
	}
	to, err := targetOf(idp.TenantOf(ctx), c, or(resource, c.DefaultResource()))
	if err != nil {
		return tokenAnswer{}, err
	}
	scope := slices.DeleteFunc(slices.Clone(to.scopes), func(one string) bool {
		return !slices.Contains(c.Metadata.Scopes, one) || len(r.Scope) > 0 && !slices.Contains(r.Scope, one)
	})
	if len(scope) == 0 && len(r.Scope) > 0 {
		return tokenAnswer{}, refuse("invalid_scope", "this client has none of the scopes at this resource")
	}
	slices.Sort(scope)
	key := callOf(ctx).key
	if err := p.noteProof(ctx, key); err != nil {
		return tokenAnswer{}, err
	}
	answer := tokenAnswer{TokenType: tokenType(confirmation(ctx, c)), ExpiresIn: int64(to.life / time.Second), Scope: strings.Join(slices.Compact(scope), " ")}
	answer.AccessToken, err = p.accessToken(ctx, to, accessClaims{
		Subject: string(c.ID), ClientID: c.ID, Scope: answer.Scope, Confirmation: confirmed(confirmation(ctx, c)),
	})
	return answer, err
}
