package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/idp"
)

// purposeGrant is what grant ids in access tokens are sealed for.
const purposeGrant = "access-token-grant"

// accessClaims are those of an access token (RFC 9068 §2.2). gid names the
// grant: by it a token is revoked without a row of its own. It is sealed, for a
// resource server has no use for the name that refresh tokens are looked up by.
type accessClaims struct {
	Issuer   string        `json:"iss"`
	Subject  string        `json:"sub"`
	Audience audience      `json:"aud"`
	ClientID idp.ClientID  `json:"client_id"`
	Scope    string        `json:"scope"`
	Expires  int64         `json:"exp"`
	IssuedAt int64         `json:"iat"`
	ID       string        `json:"jti"`
	AuthTime int64         `json:"auth_time,omitempty"`
	ACR      string        `json:"acr,omitempty"`
	Session  idp.SessionID `json:"sid,omitempty"`
	Sealed   string        `json:"gid,omitempty"`
	GrantID  idp.GrantID   `json:"-"`
	// Owner is the client that the grant was given to, where the token is another's
	// by exchange.
	Owner idp.ClientID `json:"-"`

	Confirmation *idp.Confirmation `json:"cnf,omitempty"`
	Actor        *actor            `json:"act,omitempty"`     // RFC 8693 §4.1
	MayAct       *actor            `json:"may_act,omitempty"` // RFC 8693 §4.4
}

// owner is the client that the grant was given to.
func (c accessClaims) owner() idp.ClientID {
	if c.Owner != "" {
		return c.Owner
	}
	return c.ClientID
}

// confirmation is the key that has to come with the token, if any.
func (c accessClaims) confirmation() idp.Confirmation {
	if c.Confirmation == nil {
		return idp.Confirmation{}
	}
	return *c.Confirmation
}

// own tells a client's own token: it stands on no grant, only on the client.
func (c accessClaims) own() bool { return c.Sealed == "" && c.Subject == string(c.ClientID) }

func (c accessClaims) hasScope(scope string) bool {
	return slices.Contains(strings.Fields(c.Scope), scope)
}

// purposeAccess is what opaque access tokens are sealed for: the claims that a
// JWT would have. So they cost no row either.
const purposeAccess = "access-token"

// target is what an access token is for, and how it is made for that.
type target struct {
	audience audience
	alg      idp.Alg
	life     time.Duration
	opaque   bool
	scopes   []string // of the APIs
}

// targetOf gives what a token of these resources is (RFC 8707 §2.2): of several
// APIs the first names the algorithm, and the strictest the rest. Without one it
// is the client's own.
func targetOf(t idp.Tenant, c idp.Client, resource []string) (target, error) {
	if len(resource) == 0 {
		return target{
			audience: audience{string(c.ID)}, alg: c.AccessTokenAlg(), life: idp.AccessTokenLife,
			opaque: c.Metadata.OpaqueTokens,
		}, nil
	}
	out := target{audience: resource, life: idp.MaxAccessTokenLife}
	for _, name := range resource {
		api, ok := t.FindAPI(name)
		if !ok {
			return target{}, invalidTarget("resource is not known here: %s", printable(name))
		}
		if out.alg == "" {
			out.alg = api.AccessTokenAlg
		}
		out.life, out.opaque = min(out.life, api.Life()), out.opaque || api.Opaque
		out.scopes = append(out.scopes, api.Scopes...)
	}
	if out.alg == "" {
		out.alg = c.AccessTokenAlg()
	}
	return out, nil
}

func invalidTarget(format string, args ...any) *refusal {
	return refuse("invalid_target", format, args...)
}

// within keeps those scopes that mean something there: the provider's own, and
// the APIs'.
func (t target) within(asked []string) []string {
	var out []string
	for _, scope := range asked {
		if slices.Contains(scopes, scope) || slices.Contains(t.scopes, scope) {
			out = append(out, scope)
		}
	}
	return out
}

// accessToken makes the token, signed or sealed once.
func (p *Provider) accessToken(ctx context.Context, to target, claims accessClaims) (string, error) {
	tenant, now := idp.TenantOf(ctx), p.clock()
	claims.Issuer, claims.Audience, claims.ID = tenant.Issuer(p.publicURL), to.audience, idp.NewID(now)
	claims.IssuedAt, claims.Expires = now.Unix(), now.Add(to.life).Unix()
	if !to.opaque {
		token, err := p.sign(ctx, tenant.ID, to.alg, typeAccessToken, claims)
		if err != nil {
			return "", fmt.Errorf("access token: %w", err)
		}
		return token, nil
	}
	plain, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("access token: %w", err)
	}
	return p.sealer.Seal(tenant.ID, purposeAccess, plain), nil
}

// openAccess verifies an access token of this issuer, short of what it stands on.
func (p *Provider) openAccess(ctx context.Context, token string) (accessClaims, error) {
	tenant := idp.TenantOf(ctx)
	claims, err := p.readAccess(ctx, tenant.ID, token)
	if err != nil {
		return accessClaims{}, err
	}
	if claims.Issuer != tenant.Issuer(p.publicURL) || p.clock().Unix() >= claims.Expires {
		return accessClaims{}, errNoToken
	}
	if claims.own() {
		return claims, nil
	}
	grant, err := p.sealer.Open(tenant.ID, purposeGrant, claims.Sealed)
	if err != nil {
		return accessClaims{}, errors.Join(errNoToken, err)
	}
	claims.GrantID, claims.Owner = parseStand(string(grant))
	return claims, nil
}

// readAccess tells the two kinds apart by the dot that only a JWT has.
func (p *Provider) readAccess(ctx context.Context, t idp.TenantID, token string) (claims accessClaims, err error) {
	if strings.Contains(token, ".") {
		return claims, p.open(ctx, t, token, typeAccessToken, &claims)
	}
	if len(token) > maxToken {
		return claims, errNoToken
	}
	plain, err := p.sealer.Open(t, purposeAccess, token)
	if err != nil {
		return claims, errors.Join(errNoToken, err)
	}
	if err := json.Unmarshal(plain, &claims); err != nil {
		return claims, errors.Join(errNoToken, err)
	}
	return claims, nil
}

// standing gives what an access token stands on, or errNoToken where that is
// gone: revoked, signed out, disabled.
//
// A proof that came along is noted with it; ErrReplayed if it was seen before.
func (p *Provider) standing(ctx context.Context, claims accessClaims, key *proof) (idp.Grant, idp.User, error) {
	if claims.own() {
		return idp.Grant{}, idp.User{}, p.standsAlone(ctx, claims, key)
	}
	return p.standsOn(ctx, claims, func(id idp.GrantID) (idp.Grant, idp.User, error) { return p.grantOf(ctx, id, key) })
}

// standsOn is standing for a person's token, whose grant is found, in one step
// of the store, by what the caller does with it.
func (p *Provider) standsOn(ctx context.Context, claims accessClaims, find func(idp.GrantID) (idp.Grant, idp.User, error)) (idp.Grant, idp.User, error) {
	c, err := p.clientOfToken(ctx, claims)
	if err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	if claims.Owner != "" && !c.MayExchange(claims.Audience) {
		return idp.Grant{}, idp.User{}, errNoToken
	}
	g, user, err := find(claims.GrantID)
	if errors.Is(err, idp.ErrNotFound) {
		return idp.Grant{}, idp.User{}, errors.Join(errNoToken, err)
	}
	if err != nil {
		return idp.Grant{}, idp.User{}, fmt.Errorf("find grant: %w", err)
	}
	if g.ClientID != claims.owner() || user.SubjectAt(c, p.sealer) != claims.Subject {
		return idp.Grant{}, idp.User{}, errNoToken
	}
	return g, user, nil
}

// standsAlone is standing for a client's own token.
func (p *Provider) standsAlone(ctx context.Context, claims accessClaims, key *proof) error {
	c, err := p.clientOfToken(ctx, claims)
	switch {
	case err != nil:
		return err
	case !c.AllowsGrant(idp.GrantClientCredentials):
		return errNoToken
	default:
		return p.noteProof(ctx, key)
	}
}

// clientOfToken gives the client that a token was issued to; errNoToken if it is gone.
func (p *Provider) clientOfToken(ctx context.Context, claims accessClaims) (idp.Client, error) {
	c, err := p.store.FindClient(ctx, idp.TenantOf(ctx).ID, claims.ClientID)
	if errors.Is(err, idp.ErrNotFound) {
		return idp.Client{}, errors.Join(errNoToken, err)
	}
	if err != nil {
		return idp.Client{}, fmt.Errorf("find client: %w", err)
	}
	return c, nil
}

func (p *Provider) grantOf(ctx context.Context, id idp.GrantID, key *proof) (idp.Grant, idp.User, error) {
	tenant, now := idp.TenantOf(ctx).ID, p.clock()
	if key == nil {
		return p.store.FindGrant(ctx, tenant, id, now)
	}
	return p.store.UseGrant(ctx, tenant, id, key.once, now)
}
