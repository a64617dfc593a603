package op

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/idp"
)

// purposeGrant is what grant ids in access tokens are sealed for.
const purposeGrant = "access-token-grant"

// accessClaims are those of an access token (RFC 9068 §2.2). gid names the
// grant: by it a token is revoked without a row of its own. It is sealed, for
// who knows a grant's id can present a made-up refresh token of it and have the
// real one revoked as stolen; a resource server must not be able to.
type accessClaims struct {
	Issuer   string        `json:"iss"`
	Subject  string        `json:"sub"`
	Audience audience      `json:"aud"`
	ClientID idp.ClientID  `json:"client_id"`
	Scope    string        `json:"scope"`
	Expires  int64         `json:"exp"`
	IssuedAt int64         `json:"iat"`
	ID       string        `json:"jti"`
	AuthTime int64         `json:"auth_time"`
	ACR      string        `json:"acr,omitempty"`
	Session  idp.SessionID `json:"sid,omitempty"`
	Sealed   string        `json:"gid"`
	GrantID  idp.GrantID   `json:"-"`
}

func (c accessClaims) hasScope(scope string) bool {
	return slices.Contains(strings.Fields(c.Scope), scope)
}

// idClaims are those of an ID token (OpenID Connect Core §2, §3.1.3.6).
type idClaims struct {
	Issuer     string        `json:"iss"`
	Subject    string        `json:"sub"`
	Audience   audience      `json:"aud"`
	Expires    int64         `json:"exp"`
	IssuedAt   int64         `json:"iat"`
	AuthTime   int64         `json:"auth_time"`
	Nonce      string        `json:"nonce,omitempty"`
	ACR        string        `json:"acr,omitempty"`
	AMR        []string      `json:"amr,omitempty"`
	Session    idp.SessionID `json:"sid,omitempty"`
	AccessHash string        `json:"at_hash"`
	emailClaims
}

// tokenAnswer is what the token endpoint gives (RFC 6749 §5.1).
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
	IDToken      string `json:"id_token,omitempty"`
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
}

// mint makes the tokens of a grant, each signed once.
func (p *Provider) mint(ctx context.Context, m minting) (tokenAnswer, error) {
	tenant := idp.TenantOf(ctx)
	issuer, now := tenant.Issuer(p.publicURL), p.clock()
	access := accessClaims{
		Issuer: issuer, Subject: m.user.Subject, Audience: m.resource, ClientID: m.client.ID,
		Scope: strings.Join(m.scope, " "), Expires: now.Add(idp.AccessTokenLife).Unix(), IssuedAt: now.Unix(),
		ID: idp.NewID(now), AuthTime: m.grant.AuthTime.Unix(), ACR: m.grant.ACR,
		Session: m.grant.SessionID, Sealed: p.sealer.Seal(tenant.ID, purposeGrant, []byte(m.grant.ID)),
	}
	if len(access.Audience) == 0 {
		access.Audience = audience{string(m.client.ID)}
	}
	token, err := p.sign(ctx, tenant.ID, m.client.AccessTokenAlg(), typeAccessToken, access)
	if err != nil {
		return tokenAnswer{}, fmt.Errorf("access token: %w", err)
	}
	answer := tokenAnswer{
		AccessToken: token, TokenType: "Bearer", ExpiresIn: int64(idp.AccessTokenLife / time.Second),
		RefreshToken: m.refresh, Scope: access.Scope,
	}
	if !slices.Contains(m.scope, "openid") {
		return answer, nil
	}
	answer.IDToken, err = p.sign(ctx, tenant.ID, m.client.IDTokenAlg(), typeIDToken, idClaims{
		Issuer: issuer, Subject: m.user.Subject, Audience: audience{string(m.client.ID)},
		Expires: now.Add(idp.IDTokenLife).Unix(), IssuedAt: now.Unix(), AuthTime: m.grant.AuthTime.Unix(),
		Nonce: m.nonce, ACR: m.grant.ACR, AMR: m.grant.AMR, Session: m.grant.SessionID,
		AccessHash:  leftHalf(token),
		emailClaims: emailFor(m.scope, askedFor(m.grant.Request).IDToken, m.user),
	})
	if err != nil {
		return tokenAnswer{}, fmt.Errorf("id token: %w", err)
	}
	return answer, nil
}

// leftHalf is at_hash: half of the hash that the signature's algorithm has,
// which is SHA-256 for both (OpenID Connect Core §3.1.3.6).
func leftHalf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
