package op

import (
	"context"
	"errors"
	"fmt"

	"postern/idp"
)

// openHint reads an ID token that comes back as a hint. An expired one is good:
// it tells who, not that they are there (OpenID Connect Core §3.1.2.1,
// RP-Initiated Logout §2). An access token is none.
func (p *Provider) openHint(ctx context.Context, hint string) (idClaims, error) {
	tenant := idp.TenantOf(ctx)
	var claims idClaims
	if err := p.open(ctx, tenant.ID, hint, typeIDToken, &claims); err != nil {
		return idClaims{}, err
	}
	if claims.Issuer != tenant.Issuer(p.publicURL) || claims.Subject == "" {
		return idClaims{}, errNoToken
	}
	return claims, nil
}

// readHint makes the hint's subject the one who must log in.
func (p *Provider) readHint(ctx context.Context, hint string, req *idp.AuthRequest) error {
	if hint == "" {
		return nil
	}
	claims, err := p.openHint(ctx, hint)
	switch {
	case errors.Is(err, errNoToken):
		return invalidRequest("id_token_hint is no ID token of this issuer").because(err)
	case err != nil:
		return fmt.Errorf("id_token_hint: %w", err)
	case !claims.Audience.has(string(req.ClientID)):
		return invalidRequest("id_token_hint was issued to another client")
	case req.Subject != "" && req.Subject != claims.Subject:
		return invalidRequest("id_token_hint and claims name different subjects")
	}
	req.Subject = claims.Subject
	return nil
}
