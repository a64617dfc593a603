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

// userinfoAnswer are the claims of the userinfo endpoint (OpenID Connect Core §5.3.2).
type userinfoAnswer struct {
	Subject string `json:"sub"`
	personClaims
}

// userinfo is the userinfo endpoint (OpenID Connect Core §5.3). The token comes
// in the header or in a form, never in the query (RFC 6750 §2.3, RFC 9700 §2.6).
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) error {
	if r.URL.RawQuery != "" {
		return bearerRequest("parameters belong in the header or the body, not in the query")
	}
	given, err := presentedToken(w, r)
	if err != nil {
		return err
	}
	if given.byKey {
		if given.key, err = p.prove(r, pathUserinfo, given.token); err != nil {
			return challenged(err)
		}
	}
	callOf(r.Context()).key = given.key
	callOf(r.Context()).byKey = given.byKey
	// One form for the library, which knows the word with a capital only.
	r.Header.Set("Authorization", "Bearer "+given.token)
	held := newHeldResponse()
	if err := p.parse(held, r, pathUserinfo); err != nil {
		return err
	}
	if c := callOf(r.Context()).client; c != nil && c.Metadata.UserinfoAlg != "" {
		if err := p.signUserinfo(r.Context(), *c, held); err != nil {
			return err
		}
	}
	held.release(w)
	return nil
}

// signUserinfo makes the answer a JWT for clients that registered for one
// (OpenID Connect Core §5.3.2), encrypted where they registered for that, too. Its
// type keeps it from passing for an ID token.
func (p *Provider) signUserinfo(ctx context.Context, c idp.Client, held *heldResponse) error {
	var claims map[string]any
	if err := json.Unmarshal(held.body.Bytes(), &claims); err != nil {
		return fmt.Errorf("userinfo claims: %w", err)
	}
	tenant := idp.TenantOf(ctx)
	claims["iss"], claims["aud"] = tenant.Issuer(p.publicURL), c.ID
	token, err := p.sign(ctx, tenant.ID, c.Metadata.UserinfoAlg, typeUserinfo, claims)
	if err != nil {
		return fmt.Errorf("userinfo: %w", err)
	}
	reader, err := findRecipient(ctx, p.fetcher, c, c.Metadata.OfUserinfo())
	if err != nil {
		return err
	}
	if token, err = reader.seal(token); err != nil {
		return err
	}
	held.header.Set("Content-Type", "application/jwt")
	held.body.Reset()
	held.body.WriteString(token)
	return nil
}

// tellUser gives the claims that a token may see.
func (p *Provider) tellUser(ctx context.Context, token string) (userinfoAnswer, error) {
	claims, err := p.openAccess(ctx, token)
	if errors.Is(err, errNoToken) {
		return userinfoAnswer{}, invalidToken(err)
	}
	if err != nil {
		return userinfoAnswer{}, err
	}
	if err := p.noteClient(ctx, claims.ClientID); err != nil {
		return userinfoAnswer{}, err
	}
	if !claims.hasScope("openid") {
		return userinfoAnswer{}, &refusal{
			status: http.StatusForbidden, code: "insufficient_scope", description: "the access token lacks scope openid",
			challenge: `Bearer realm="postern", error="insufficient_scope", scope="openid"`,
		}
	}
	key, err := keyOf(ctx, claims.confirmation())
	if err != nil {
		return userinfoAnswer{}, err
	}
	g, user, err := p.standing(ctx, claims, key)
	switch {
	case errors.Is(err, errNoToken):
		return userinfoAnswer{}, invalidToken(err)
	case errors.Is(err, idp.ErrReplayed):
		return userinfoAnswer{}, challenged(replayed(err))
	}
	if err != nil {
		return userinfoAnswer{}, err
	}
	return userinfoAnswer{
		Subject:      claims.Subject,
		personClaims: claimsAtUserinfo(strings.Fields(claims.Scope), askedFor(g.Request).Userinfo, user),
	}, nil
}

// noteClient settles whose pages may read the answer; a client that is gone has none.
func (p *Provider) noteClient(ctx context.Context, id idp.ClientID) error {
	c, err := p.store.FindClient(ctx, idp.TenantOf(ctx).ID, id)
	if errors.Is(err, idp.ErrNotFound) {
		return invalidToken(err)
	}
	if err != nil {
		return fmt.Errorf("find client: %w", err)
	}
	callOf(ctx).is(c)
	return nil
}
