package op

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/idp"
)

// tokenAnswer is what the token endpoint gives (RFC 6749 §5.1).
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
	IDToken      string `json:"id_token,omitempty"`
	IssuedType   string `json:"issued_token_type,omitempty"` // RFC 8693 §2.2.1
}

// minting is what tokens are made of.
type minting struct {
	client   idp.Client
	grant    idp.Grant
	user     idp.User
	scope    []string
	resource []string
	nonce    string
	refresh  string
	// reader is whom the ID token is encrypted for, if anybody.
	reader *recipient

	confirmation idp.Confirmation
}

// tokenType is how a token is presented (RFC 6750, RFC 9449 §5). One bound to a
// certificate is presented as a bearer's.
func tokenType(c idp.Confirmation) string {
	if c.JKT != "" {
		return "DPoP"
	}
	return "Bearer"
}

// confirmed is a confirmation as a claim: left out where there is none.
func confirmed(c idp.Confirmation) *idp.Confirmation {
	if c == (idp.Confirmation{}) {
		return nil
	}
	return &c
}

// mint makes the tokens of a grant, each signed once.
func (p *Provider) mint(ctx context.Context, m minting) (tokenAnswer, error) {
	tenant := idp.TenantOf(ctx)
	to, err := targetOf(tenant, m.client, m.resource)
	if err != nil {
		return tokenAnswer{}, err
	}
	m.scope = to.within(m.scope)
	scope := strings.Join(m.scope, " ")
	token, err := p.accessToken(ctx, to, accessClaims{
		Subject: m.user.SubjectAt(m.client, p.sealer), ClientID: m.client.ID, Scope: scope,
		AuthTime: m.grant.AuthTime.Unix(), ACR: m.grant.ACR, Session: m.grant.SessionID,
		Sealed: p.sealer.Seal(tenant.ID, purposeGrant, []byte(m.grant.ID)), Confirmation: confirmed(m.confirmation),
	})
	if err != nil {
		return tokenAnswer{}, err
	}
	answer := tokenAnswer{
		AccessToken: token, TokenType: tokenType(m.confirmation), ExpiresIn: int64(to.life / time.Second),
		RefreshToken: m.refresh, Scope: scope,
	}
	if slices.Contains(m.scope, "openid") {
		answer.IDToken, err = p.idToken(ctx, m, token)
	}
	return answer, err
}
