package main

import (
	"errors"
	"fmt"
	"slices"

	"postern/idp"
)

// clientTokens are the flags about what a client gets, and how it is made.
type clientTokens struct {
	Grants         []string `name:"grant" sep:"none" placeholder:"TYPE" help:"A grant type: authorization_code, refresh_token or client_credentials; repeat for several (default: the first two)."`
	Scopes         []string `name:"scope" sep:"none" placeholder:"SCOPE" help:"A scope of the tenant's APIs that it may ask for; repeat for several (default: all for its users, none for itself)."`
	Resource       string   `name:"default-resource" placeholder:"URI" help:"API that its access tokens are for where it names none."`
	Opaque         bool     `name:"opaque" help:"Access tokens that only introspection can read."`
	IDTokenAlg     string   `name:"id-token-alg" enum:",RS256,PS256,ES256,EdDSA" default:"" placeholder:"ALG" help:"What ID tokens are signed with: RS256, PS256, ES256 or EdDSA (default: RS256)."`
	AccessTokenAlg string   `name:"access-token-alg" enum:",RS256,PS256,ES256,EdDSA" default:"" placeholder:"ALG" help:"What access tokens are signed with (default: ES256)."`
	UserinfoAlg    string   `name:"userinfo-alg" enum:",RS256,PS256,ES256,EdDSA" default:"" placeholder:"ALG" help:"What userinfo answers are signed with (default: they are plain JSON)."`
	Pairwise       bool     `help:"A sub of its own for each person, which other sectors' clients don't see."`
}

// put writes the settings into a client's metadata.
func (c clientTokens) put(m *idp.ClientMetadata) error {
	if len(c.Grants) > 0 {
		m.GrantTypes = c.Grants
	}
	if len(m.RedirectURIs) == 0 && slices.Contains(m.GrantTypes, idp.GrantAuthorizationCode) {
		return errors.New("--redirect-uri is missing: where do its logins end?")
	}
	m.Scopes, m.DefaultResource, m.OpaqueTokens = c.Scopes, c.Resource, c.Opaque
	m.IDTokenAlg, m.AccessTokenAlg, m.UserinfoAlg = idp.Alg(c.IDTokenAlg), idp.Alg(c.AccessTokenAlg), idp.Alg(c.UserinfoAlg)
	if c.Pairwise {
		m.SubjectType = idp.SubjectPairwise
	}
	return nil
}

// check tells whether the tenant has what the client is to have of it.
func (c clientTokens) check(t idp.Tenant) error {
	if c.Resource == "" {
		return nil
	}
	if _, ok := t.FindAPI(c.Resource); !ok {
		return fmt.Errorf("tenant %s has no API %q; `postern api create` adds it", t.Slug, c.Resource)
	}
	return nil
}
