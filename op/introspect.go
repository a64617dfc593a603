package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"postern/idp"
)

// introspection is what a client learns of a token (RFC 7662 §2.2). One that is
// not active tells nothing else.
type introspection struct {
	Active    bool         `json:"active"`
	Scope     string       `json:"scope,omitempty"`
	ClientID  idp.ClientID `json:"client_id,omitempty"`
	TokenType string       `json:"token_type,omitempty"`
	Expires   int64        `json:"exp,omitempty"`
	IssuedAt  int64        `json:"iat,omitempty"`
	AuthTime  int64        `json:"auth_time,omitempty"`
	Subject   string       `json:"sub,omitempty"`
	Audience  audience     `json:"aud,omitempty"`
	Issuer    string       `json:"iss,omitempty"`
	ID        string       `json:"jti,omitempty"`
	ACR       string       `json:"acr,omitempty"`

	Confirmation *idp.Confirmation `json:"cnf,omitempty"` // RFC 8705 §3.2, RFC 9449 §6.2
	Actor        *actor            `json:"act,omitempty"` // RFC 8693 §4.1
}

// introspect is the introspection endpoint (RFC 7662), for clients with a secret.
func (p *Provider) introspect(w http.ResponseWriter, r *http.Request) error {
	if err := checkCall(w, r); err != nil {
		return err
	}
	held := newHeldResponse()
	if err := p.parse(held, r, pathIntrospect); err != nil {
		return err
	}
	if c := callOf(r.Context()).client; c != nil && strings.Contains(r.Header.Get("Accept"), mediaIntrospection) {
		if err := p.signIntrospection(r.Context(), *c, held); err != nil {
			return err
		}
	}
	held.release(w)
	return nil
}

// mediaIntrospection is how a client asks for a signed answer (RFC 9701 §4).
const mediaIntrospection = "application/token-introspection+jwt"

// signIntrospection makes the answer a JWT for who asked (RFC 9701 §5). Its type
// and the member that holds everything keep it from passing for a token.
func (p *Provider) signIntrospection(ctx context.Context, c idp.Client, held *heldResponse) error {
	tenant := idp.TenantOf(ctx)
	token, err := p.sign(ctx, tenant.ID, c.IDTokenAlg(), typeIntrospection, struct {
		Issuer   string          `json:"iss"`
		Audience idp.ClientID    `json:"aud"`
		IssuedAt int64           `json:"iat"`
		Token    json.RawMessage `json:"token_introspection"`
	}{tenant.Issuer(p.publicURL), c.ID, p.clock().Unix(), held.body.Bytes()})
	if err != nil {
		return fmt.Errorf("introspection: %w", err)
	}
	held.header.Set("Content-Type", mediaIntrospection)
	held.body.Reset()
	held.body.WriteString(token)
	return nil
}

// tellToken tells of an access token to any client with a secret: a resource's
// server has no other name here. Of a refresh token, only to its own client.
func (p *Provider) tellToken(ctx context.Context, c idp.Client, token string) (introspection, error) {
	if c.Public() {
		return introspection{}, invalidClient("this endpoint is for clients with a secret")
	}
	if refresh, _, err := p.parseRefresh(ctx, token); err == nil {
		return p.tellRefresh(ctx, c, refresh)
	}
	claims, err := p.openAccess(ctx, token)
	if err == nil {
		_, _, err = p.standing(ctx, claims, nil)
	}
	if errors.Is(err, errNoToken) {
		return introspection{}, nil
	}
	if err != nil {
		return introspection{}, err
	}
	return introspection{
		Active: true, Scope: claims.Scope, ClientID: claims.ClientID, TokenType: tokenType(claims.confirmation()),
		Expires: claims.Expires, IssuedAt: claims.IssuedAt, AuthTime: claims.AuthTime,
		Subject: claims.Subject, Audience: claims.Audience, Issuer: claims.Issuer, ID: claims.ID, ACR: claims.ACR,
		Confirmation: claims.Confirmation, Actor: claims.Actor,
	}, nil
}

func (p *Provider) tellRefresh(ctx context.Context, c idp.Client, refresh idp.Credential) (introspection, error) {
	tenant := idp.TenantOf(ctx)
	g, user, err := p.store.FindGrant(ctx, tenant.ID, idp.GrantID(refresh.ID), p.clock())
	if errors.Is(err, idp.ErrNotFound) {
		return introspection{}, nil
	}
	if err != nil {
		return introspection{}, fmt.Errorf("find grant: %w", err)
	}
	if !g.Refresh.Equal(refresh.Secret.Digest()) || g.ClientID != c.ID || !p.clock().Before(g.RefreshExpires) {
		return introspection{}, nil
	}
	return introspection{
		Active: true, Scope: strings.Join(g.Request.Scope, " "), ClientID: g.ClientID,
		Expires: g.RefreshExpires.Unix(), AuthTime: g.AuthTime.Unix(), Subject: user.SubjectAt(c, p.sealer),
		Issuer: tenant.Issuer(p.publicURL), ACR: g.ACR,
	}, nil
}
