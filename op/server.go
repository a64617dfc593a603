package op

import (
	"context"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	zitadel "github.com/zitadel/oidc/v3/pkg/op"

	"postern/idp"
)

// server is what the library calls once it has parsed a request. What is not
// here, such as the JWT bearer grant, it answers with unsupported_grant_type.
type server struct {
	zitadel.UnimplementedServer
	*Provider
}

// VerifyClient authenticates who calls the token and revocation endpoints.
func (s *server) VerifyClient(ctx context.Context, r *zitadel.Request[zitadel.ClientCredentials]) (zitadel.Client, error) {
	c, err := s.authenticate(ctx, r.Header, r.Data)
	if err != nil {
		return nil, callOf(ctx).fails(err)
	}
	callOf(ctx).is(c)
	if r.Form.Has("grant_type") { // it is tokens that are asked for, not their end
		if err := bound(ctx, c, callOf(ctx).key); err != nil {
			return nil, callOf(ctx).fails(err)
		}
	}
	return client{c}, nil
}

// answered is the library's form of a result; errors stay on our side.
func answered(ctx context.Context, data any, err error) (*zitadel.Response, error) {
	if err != nil {
		return nil, callOf(ctx).fails(err)
	}
	return zitadel.NewResponse(data), nil
}

// CodeExchange is grant_type=authorization_code.
func (s *server) CodeExchange(ctx context.Context, r *zitadel.ClientRequest[oidc.AccessTokenRequest]) (*zitadel.Response, error) {
	answer, err := s.exchangeCode(ctx, clientOf(r.Client), r.Data, r.PostForm["resource"])
	return answered(ctx, answer, err)
}

// RefreshToken is grant_type=refresh_token.
func (s *server) RefreshToken(ctx context.Context, r *zitadel.ClientRequest[oidc.RefreshTokenRequest]) (*zitadel.Response, error) {
	answer, err := s.exchangeRefresh(ctx, clientOf(r.Client), r.Data, r.PostForm["resource"])
	return answered(ctx, answer, err)
}

// ClientCredentialsExchange is grant_type=client_credentials.
func (s *server) ClientCredentialsExchange(ctx context.Context, r *zitadel.ClientRequest[oidc.ClientCredentialsRequest]) (*zitadel.Response, error) {
	answer, err := s.exchangeCredentials(ctx, clientOf(r.Client), r.Data, r.PostForm["resource"])
	return answered(ctx, answer, err)
}

// DeviceToken is grant_type=urn:ietf:params:oauth:grant-type:device_code.
func (s *server) DeviceToken(ctx context.Context, r *zitadel.ClientRequest[oidc.DeviceAccessTokenRequest]) (*zitadel.Response, error) {
	answer, err := s.exchangeDevice(ctx, clientOf(r.Client), r.Data)
	return answered(ctx, answer, err)
}

// TokenExchange is grant_type=urn:ietf:params:oauth:grant-type:token-exchange.
func (s *server) TokenExchange(ctx context.Context, r *zitadel.ClientRequest[oidc.TokenExchangeRequest]) (*zitadel.Response, error) {
	answer, err := s.exchangeToken(ctx, clientOf(r.Client), r.Data, r.PostForm["resource"], r.PostForm["audience"])
	return answered(ctx, answer, err)
}

// UserInfo is the userinfo endpoint.
func (s *server) UserInfo(ctx context.Context, r *zitadel.Request[oidc.UserInfoRequest]) (*zitadel.Response, error) {
	answer, err := s.tellUser(ctx, r.Data.AccessToken)
	return answered(ctx, answer, err)
}

// Introspect is the introspection endpoint.
func (s *server) Introspect(ctx context.Context, r *zitadel.Request[zitadel.IntrospectionRequest]) (*zitadel.Response, error) {
	c, err := s.authenticate(ctx, r.Header, r.Data.ClientCredentials)
	if err != nil {
		return nil, callOf(ctx).fails(err)
	}
	callOf(ctx).is(c)
	answer, err := s.tellToken(ctx, c, r.Data.Token)
	return answered(ctx, answer, err)
}

// Revocation is the revocation endpoint; its answer has no body.
func (s *server) Revocation(ctx context.Context, r *zitadel.ClientRequest[oidc.RevocationRequest]) (*zitadel.Response, error) {
	return answered(ctx, nil, s.endToken(ctx, clientOf(r.Client), r.Data.Token))
}

// client is a client as the library wants to see it. It asks for the grant
// types; what else it could ask is decided on our side.
type client struct{ idp.Client }

func clientOf(c zitadel.Client) idp.Client {
	ours, ok := c.(client)
	if !ok {
		panic("op: the library passed on a client that is not ours")
	}
	return ours.Client
}

// GetID implements op.Client.
func (c client) GetID() string { return string(c.ID) }

// GrantTypes implements op.Client.
func (c client) GrantTypes() []oidc.GrantType {
	out := make([]oidc.GrantType, 0, len(c.Metadata.GrantTypes))
	for _, grantType := range c.Metadata.GrantTypes {
		out = append(out, oidc.GrantType(grantType))
	}
	return out
}

// AuthMethod implements op.Client.
func (c client) AuthMethod() oidc.AuthMethod { return oidc.AuthMethod(c.Metadata.AuthMethods[0]) }

// RedirectURIs implements op.Client.
func (c client) RedirectURIs() []string { return c.Metadata.RedirectURIs }

// PostLogoutRedirectURIs implements op.Client.
func (c client) PostLogoutRedirectURIs() []string { return c.Metadata.PostLogoutRedirectURIs }

// ApplicationType implements op.Client.
func (client) ApplicationType() zitadel.ApplicationType { return zitadel.ApplicationTypeWeb }

// ResponseTypes implements op.Client.
func (client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

// LoginURL implements op.Client; the library's authorize endpoint is not used.
func (client) LoginURL(string) string { return "" }

// AccessTokenType implements op.Client.
func (client) AccessTokenType() zitadel.AccessTokenType { return zitadel.AccessTokenTypeJWT }

// IDTokenLifetime implements op.Client.
func (client) IDTokenLifetime() time.Duration { return idp.IDTokenLife }

// DevMode implements op.Client.
func (client) DevMode() bool { return false }

// RestrictAdditionalIdTokenScopes implements op.Client.
func (client) RestrictAdditionalIdTokenScopes() func([]string) []string { //nolint:revive // the library's name
	return func(scopes []string) []string { return scopes }
}

// RestrictAdditionalAccessTokenScopes implements op.Client.
func (client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

// IsScopeAllowed implements op.Client.
func (client) IsScopeAllowed(string) bool { return false }

// IDTokenUserinfoClaimsAssertion implements op.Client.
func (client) IDTokenUserinfoClaimsAssertion() bool { return false }

// ClockSkew implements op.Client.
func (client) ClockSkew() time.Duration { return 0 }
