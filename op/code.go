package op

import (
	"context"
	"crypto/sha256"
	"encoding/base64"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"postern/idp"
)

// exchangeCode redeems an authorization code (RFC 6749 §4.1.3). The client has
// proven itself; code, client, redirect URI and verifier are compared and the
// code is spent in one step of the store, so of many attempts one wins.
func (p *Provider) exchangeCode(ctx context.Context, c idp.Client, r *oidc.AccessTokenRequest, resource []string) (tokenAnswer, error) {
	const bad = "the code is not good for this request"
	code, err := idp.ParseCredential(r.Code)
	if err != nil {
		return tokenAnswer{}, invalidGrant(bad).because(err)
	}
	challenge := ""
	if r.CodeVerifier != "" {
		if !pkceText(r.CodeVerifier) {
			return tokenAnswer{}, invalidGrant("code_verifier must be 43 to 128 unreserved characters")
		}
		challenge = s256(r.CodeVerifier)
	}
	if err := p.narrowed(ctx, code.ID, c, nil, resource); err != nil {
		return tokenAnswer{}, err
	}
	reader, err := p.idTokenRecipient(ctx, c)
	if err != nil {
		return tokenAnswer{}, err
	}
	refresh, key := idp.NewCredential(code.ID), callOf(ctx).key
	redemption := idp.Redemption{
		TenantID: idp.TenantOf(ctx).ID, GrantID: idp.GrantID(code.ID), Code: code.Secret.Digest(),
		ClientID: c.ID, RedirectURI: r.RedirectURI, Challenge: challenge, Now: p.clock(),
		Once: key.noted(), DPoPKey: key.confirmation().JKT, BindTo: boundTo(c, confirmation(ctx, c)),
	}
	offline := c.AllowsGrant(idp.GrantRefreshToken)
	if offline {
		redemption.Refresh, redemption.RefreshExpires = refresh.Secret.Digest(), idp.TenantOf(ctx).FirstRefreshExpires(redemption.Now)
	}
	g, user, err := p.store.RedeemCode(ctx, redemption)
	if err != nil {
		return tokenAnswer{}, grantError(err, bad)
	}
	m := minting{
		client: c, grant: g, user: user, scope: g.Request.Scope,
		resource: or(resource, g.Request.Resource), nonce: g.Request.Nonce,
		confirmation: confirmation(ctx, c), reader: reader,
	}
	if offline && g.Request.Offline() {
		m.refresh = p.refreshText(ctx, refresh)
	}
	return p.mint(ctx, m)
}

// boundTo names what a client's refresh tokens are bound to: a public one's to
// its key, others' by how the client authenticates (RFC 9449 §5, RFC 8705 §4).
func boundTo(c idp.Client, to idp.Confirmation) string {
	if !c.Public() {
		return ""
	}
	return to.Name()
}

// s256 makes the challenge of a verifier (RFC 7636 §4.2).
func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
