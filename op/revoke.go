package op

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"postern/idp"
)

// revoke is the revocation endpoint (RFC 7009).
func (p *Provider) revoke(w http.ResponseWriter, r *http.Request) error {
	if err := checkCall(w, r); err != nil {
		return err
	}
	return p.parse(w, r, pathRevoke)
}

// endToken revokes the grant behind a token, and so all its tokens. A token that
// is unknown, spent or another client's is no error (RFC 7009 §2.2).
func (p *Provider) endToken(ctx context.Context, c idp.Client, token string) error {
	id, err := p.grantBehind(ctx, c, token)
	if errors.Is(err, errNoToken) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := p.store.RevokeGrant(ctx, idp.TenantOf(ctx).ID, id, c.ID, p.clock()); err != nil {
		return fmt.Errorf("revoke grant: %w", err)
	}
	return nil
}

func (p *Provider) grantBehind(ctx context.Context, c idp.Client, token string) (idp.GrantID, error) {
	refresh, _, err := p.parseRefresh(ctx, token)
	if err != nil {
		return p.grantOfAccess(ctx, c, token)
	}
	// The name alone is no secret: the token itself must be the grant's.
	g, _, err := p.store.FindGrant(ctx, idp.TenantOf(ctx).ID, idp.GrantID(refresh.ID), p.clock())
	if errors.Is(err, idp.ErrNotFound) {
		return "", errors.Join(errNoToken, err)
	}
	if err != nil {
		return "", fmt.Errorf("find grant: %w", err)
	}
	if !g.Refresh.Equal(refresh.Secret.Digest()) {
		return "", errNoToken
	}
	return g.ID, nil
}

// grantOfAccess is grantBehind for an access token. One that was exchanged stands
// on the grant of another client, which its own must not end: that it cannot be
// revoked, its own is told (RFC 7009 §2.2.1).
func (p *Provider) grantOfAccess(ctx context.Context, c idp.Client, token string) (idp.GrantID, error) {
	claims, err := p.openAccess(ctx, token)
	switch {
	case err != nil:
		return "", err
	case claims.ClientID != c.ID:
		return "", errNoToken
	case claims.owner() != c.ID:
		return "", refuse("unsupported_token_type", "an exchanged token ends with the token that it was exchanged for")
	default:
		return claims.GrantID, nil
	}
}
