package op

import (
	"encoding/json"
	"maps"
	"slices"

	"postern/idp"
)

// claimsRequest is the claims parameter (OpenID Connect Core §5.5).
type claimsRequest struct {
	IDToken  map[string]*claimRequest `json:"id_token"`
	Userinfo map[string]*claimRequest `json:"userinfo"`
}

type claimRequest struct {
	Essential bool  `json:"essential"`
	Value     any   `json:"value"`
	Values    []any `json:"values"`
}

// texts are the values asked for.
func (c *claimRequest) texts() []string {
	if c == nil {
		return nil
	}
	var out []string
	for _, value := range append([]any{c.Value}, c.Values...) {
		if text, ok := value.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// claims reads the claims parameter. An essential acr that nobody can get here
// is an error at once; any other claim that is not to be had is left out.
func (d *reading) claims() error {
	text := d.form.Get("claims")
	if text == "" {
		return nil
	}
	var asked claimsRequest
	if err := json.Unmarshal([]byte(text), &asked); err != nil {
		return invalidRequest("claims is not what OpenID Connect Core section 5.5 describes").because(err)
	}
	if err := d.acr(asked.IDToken["acr"]); err != nil {
		return err
	}
	for _, claims := range []map[string]*claimRequest{asked.IDToken, asked.Userinfo} {
		for _, subject := range claims["sub"].texts() {
			if d.req.Subject != "" && d.req.Subject != subject {
				return invalidRequest("claims names two subjects")
			}
			d.req.Subject = subject
		}
	}
	// The consent page speaks of scopes: what goes beyond them is for clients that
	// need no consent.
	if !d.client.Metadata.ThirdParty {
		d.req.Claims = text
	}
	return nil
}

func (d *reading) acr(asked *claimRequest) error {
	wanted := asked.texts()
	if asked == nil || len(wanted) == 0 {
		return nil
	}
	if !asked.Essential {
		d.req.ACRValues = append(d.req.ACRValues, wanted...)
		return nil
	}
	if !slices.Contains(wanted, idp.ACRLink) && !slices.Contains(wanted, idp.ACRRelay) {
		return refuse("unmet_authentication_requirements", "no login here reaches the acr that is essential")
	}
	d.req.EssentialACR = wanted
	return nil
}

// askedFor is the claims parameter of a request that was validated.
func askedFor(req idp.AuthRequest) claimsRequest {
	var asked claimsRequest
	if req.Claims != "" && json.Unmarshal([]byte(req.Claims), &asked) != nil {
		return claimsRequest{}
	}
	return asked
}

// personClaims are what is told of a person: address and profile, as far as
// scopes and the claims parameter name them. What is not to be told is zero.
type personClaims struct {
	idp.Profile
	Email    *idp.Address `json:"email,omitempty"`
	Verified *bool        `json:"email_verified,omitempty"`
}

// claimsInToken is what the ID token tells: the address with scope email, where
// many client libraries look for it, and what the claims parameter names.
func claimsInToken(scope []string, asked map[string]*claimRequest, user idp.User) personClaims {
	var claims personClaims
	_, email := asked["email"]
	_, verified := asked["email_verified"]
	inScope := slices.Contains(scope, "email")
	if inScope || email {
		claims.Email = &user.Address
	}
	if inScope || verified {
		claims.Verified = &user.Verified
	}
	claims.Profile = user.Profile.Only(slices.Collect(maps.Keys(asked)))
	return claims
}

// claimsAtUserinfo is what userinfo tells, which is where the scopes' claims are
// (OpenID Connect Core §5.4).
func claimsAtUserinfo(scope []string, asked map[string]*claimRequest, user idp.User) personClaims {
	claims := claimsInToken(scope, asked, user)
	claims.Profile = user.Profile.Only(slices.AppendSeq(idp.ClaimsOfScope(scope), maps.Keys(asked)))
	return claims
}
