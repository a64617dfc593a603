package op

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"postern/idp"
)

const (
	// typeOfAccess is what may be exchanged, and what is given for it (RFC 8693 §3).
	typeOfAccess = oidc.AccessTokenType
	// maxActors bounds who acts for whom for whom: each makes the token longer.
	maxActors = 8
)

// actor is who acts for a token's subject, and for whom in turn they do (RFC
// 8693 §4.1).
type actor struct {
	Issuer  string `json:"iss,omitempty"`
	Subject string `json:"sub"`
	Before  *actor `json:"act,omitempty"`
}

func (a *actor) chain() int {
	if a == nil {
		return 0
	}
	return 1 + a.Before.chain()
}

// badToken is what a subject or actor token that does not count is answered with
// (RFC 8693 §2.2.2). What exactly is wrong is for the log alone.
func badToken(which string, cause error) *refusal {
	return invalidRequest("%s is not good for this client", which).because(cause)
}

// exchangeToken gives a token for one that somebody else, or the client itself,
// was given (RFC 8693): for the APIs that the client's policy names, with no more
// scope, no longer a life, and the same grant behind it.
func (p *Provider) exchangeToken(ctx context.Context, c idp.Client, r *oidc.TokenExchangeRequest, resource, audience []string) (tokenAnswer, error) {
	if !c.AllowsGrant(idp.GrantTokenExchange) || len(c.Metadata.For) == 0 {
		return tokenAnswer{}, refuse("unauthorized_client", "this client may not exchange tokens")
	}
	if err := checkTypes(r); err != nil {
		return tokenAnswer{}, err
	}
	subject, err := p.presentedBy(ctx, c, r.SubjectToken)
	if err != nil {
		return tokenAnswer{}, exchangeError("subject_token", err)
	}
	acts, until, err := p.actorOf(ctx, c, r.ActorToken, subject)
	if err != nil {
		return tokenAnswer{}, err
	}
	to, err := exchangeTarget(idp.TenantOf(ctx), c, named(resource, audience))
	if err != nil {
		return tokenAnswer{}, err
	}
	scope, err := to.narrowed(c, strings.Fields(subject.Scope), r.Scopes)
	if err != nil {
		return tokenAnswer{}, err
	}
	if to.life = min(to.life, until.Sub(p.clock())); to.life <= 0 {
		return tokenAnswer{}, badToken("subject_token", idp.ErrExpired)
	}
	return p.mintExchanged(ctx, c, to, subject, acts, scope)
}

// checkTypes holds a request to what is exchanged here: access tokens. An ID
// token says who somebody is and stands on no grant; a refresh token is its
// client's alone.
func checkTypes(r *oidc.TokenExchangeRequest) error {
	switch {
	case r.SubjectTokenType != typeOfAccess:
		return invalidRequest("subject_token_type must be %s", typeOfAccess)
	case r.RequestedTokenType != "" && r.RequestedTokenType != typeOfAccess:
		return invalidRequest("requested_token_type must be %s", typeOfAccess)
	case (r.ActorToken == "") != (r.ActorTokenType == ""):
		return invalidRequest("actor_token and actor_token_type come together")
	case r.ActorToken != "" && r.ActorTokenType != typeOfAccess:
		return invalidRequest("actor_token_type must be %s", typeOfAccess)
	default:
		return nil
	}
}

// presentedBy opens the token that a client wants to exchange: a person's, of
// this tenant, that was issued to the client or for whom its policy names. One
// that is bound to a key counts by that key alone, here as everywhere: it is of
// no use to whoever came by it, and what is given for it is bound to the key, too.
func (p *Provider) presentedBy(ctx context.Context, c idp.Client, token string) (accessClaims, error) {
	claims, err := p.openAccess(ctx, token)
	switch {
	case err != nil:
		return claims, err
	case claims.own() || !c.MayPresent(claims.ClientID, claims.Audience):
		return claims, errNoToken
	case !provenHere(ctx, claims.confirmation()):
		return claims, errors.Join(errNoToken, errors.New("without the key that the token is bound to"))
	default:
		return claims, nil
	}
}

// provenHere tells whether the request came by the key that a token is bound to.
func provenHere(ctx context.Context, c idp.Confirmation) bool {
	return (c.JKT == "" || c.JKT == callOf(ctx).key.confirmation().JKT) && (c.X5T == "" || c.X5T == certificateThumbprint(ctx))
}

// actorOf gives who acts for the subject, after those who did before, and until
// when both tokens are good. That is whom the actor token names, which must be
// the client's own or issued to it, or else the client. A subject token that says
// who may act is held to it (RFC 8693 §4.4), also where the result leaves out who
// does.
func (p *Provider) actorOf(ctx context.Context, c idp.Client, token string, subject accessClaims) (*actor, time.Time, error) {
	acts, until := &actor{Subject: string(c.ID), Before: subject.Actor}, subject.Expires
	if token != "" {
		claims, err := p.openAccess(ctx, token)
		if err == nil && (claims.ClientID != c.ID || !provenHere(ctx, claims.confirmation())) {
			err = errNoToken
		}
		if err == nil {
			_, _, err = p.standing(ctx, claims, nil)
		}
		if err != nil {
			return nil, time.Time{}, exchangeError("actor_token", err)
		}
		acts.Subject, until = claims.Subject, min(until, claims.Expires)
	}
	switch may := subject.MayAct; {
	case may != nil && (may.Subject != acts.Subject || may.Issuer != "" && may.Issuer != subject.Issuer):
		return nil, time.Time{}, badToken("subject_token", errors.New("somebody else may act"))
	case token == "" && c.Metadata.Impersonates():
		acts = subject.Actor // what others did before stays told
	case acts.chain() > maxActors:
		return nil, time.Time{}, badToken("subject_token", errors.New("too many act for one another"))
	}
	return acts, time.Unix(until, 0), nil
}

// named are the resources that a request names, by either parameter: an API has
// one name here.
func named(resource, audience []string) []string {
	out := slices.DeleteFunc(slices.Concat(resource, audience), func(one string) bool { return one == "" })
	slices.Sort(out)
	return slices.Compact(out)
}

// exchangeTarget is what the token will be for: the resources asked for, or the
// client's default, all of which its policy has to name.
func exchangeTarget(t idp.Tenant, c idp.Client, asked []string) (target, error) {
	asked = or(asked, c.DefaultResource())
	if len(asked) == 0 {
		return target{}, invalidTarget("name a resource or an audience")
	}
	if !c.MayExchange(asked) {
		return target{}, invalidTarget("this client may not exchange tokens for that")
	}
	return targetOf(t, c, asked)
}

// narrowed gives the scope of a token that is exchanged: of what the subject
// token has, what means something there. The provider's own scopes, by which
// userinfo tells of the person, go along only where they are asked for.
func (t target) narrowed(c idp.Client, has, asked []string) ([]string, error) {
	asked = slices.DeleteFunc(slices.Clone(asked), func(one string) bool { return one == "" })
	if !within(asked, has) {
		return nil, refuse("invalid_scope", "scope goes beyond that of the subject token")
	}
	out := slices.DeleteFunc(slices.Clone(or(asked, has)), func(one string) bool {
		ours := slices.Contains(scopes, one)
		return ours && (len(asked) == 0 || one == "offline_access") || !ours && (!slices.Contains(t.scopes, one) || !c.AllowsScope(one))
	})
	if len(out) == 0 && len(asked) > 0 {
		return nil, refuse("invalid_scope", "this client has none of the scopes at this resource")
	}
	return out, nil
}

// mintExchanged writes the audit event, if the subject token still stands, and
// makes the new one.
func (p *Provider) mintExchanged(ctx context.Context, c idp.Client, to target, subject accessClaims, acts *actor, scope []string) (tokenAnswer, error) {
	tenant := idp.TenantOf(ctx)
	g, user, err := p.standsOn(ctx, subject, func(id idp.GrantID) (idp.Grant, idp.User, error) {
		return p.store.ExchangeGrant(ctx, idp.Exchange{
			TenantID: tenant.ID, GrantID: id, ClientID: c.ID, Once: callOf(ctx).key.noted(), Now: p.clock(),
			Detail: fmt.Sprintf("a token of %s, for %s", subject.ClientID, strings.Join(to.audience, " ")),
		})
	})
	if err != nil {
		return tokenAnswer{}, exchangeError("subject_token", err)
	}
	bound := confirmation(ctx, c)
	answer := tokenAnswer{
		TokenType: tokenType(bound), ExpiresIn: int64(to.life / time.Second), Scope: strings.Join(scope, " "), IssuedType: string(typeOfAccess),
	}
	answer.AccessToken, err = p.accessToken(ctx, to, accessClaims{
		Subject: user.SubjectAt(c, p.sealer), ClientID: c.ID, Scope: answer.Scope,
		AuthTime: g.AuthTime.Unix(), ACR: g.ACR, Session: g.SessionID,
		Sealed:       p.sealer.Seal(tenant.ID, purposeGrant, []byte(string(g.ID)+standSeparator+string(g.ClientID))),
		Confirmation: confirmed(bound), Actor: acts, MayAct: subject.MayAct,
	})
	return answer, err
}

// standSeparator stands between the ids of a grant and of its client, in what is
// sealed into an exchanged token. Neither holds one.
const standSeparator = " "

// parseStand reads what a token stands on: a grant and, of an exchanged one, the
// client that it was given to.
func parseStand(sealed string) (idp.GrantID, idp.ClientID) {
	id, owner, _ := strings.Cut(sealed, standSeparator)
	return idp.GrantID(id), idp.ClientID(owner)
}

// exchangeError maps what became of a subject or actor token.
func exchangeError(which string, err error) error {
	switch {
	case errors.Is(err, errNoToken):
		return badToken(which, err)
	case errors.Is(err, idp.ErrReplayed):
		return replayed(err)
	default:
		return err
	}
}
