package main

import (
	"errors"
	"fmt"
	"slices"

	"postern/idp"
)

// clientTokens are the flags about what a client gets, and how it is made.
type clientTokens struct {
	Grants         []string `name:"grant" sep:"none" placeholder:"TYPE" help:"A grant type: authorization_code, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code or urn:ietf:params:oauth:grant-type:token-exchange; repeat for several (default: the first two)."`
	Scopes         []string `name:"scope" sep:"none" placeholder:"SCOPE" help:"A scope of the tenant's APIs that it may ask for; repeat for several (default: all for its users, none for itself)."`
	Resource       string   `name:"default-resource" placeholder:"URI" help:"API that its access tokens are for where it names none."`
	Opaque         bool     `name:"opaque" help:"Access tokens that only introspection can read."`
	IDTokenAlg     string   `name:"id-token-alg" enum:",RS256,PS256,ES256,EdDSA" default:"" placeholder:"ALG" help:"What ID tokens are signed with: RS256, PS256, ES256 or EdDSA (default: RS256)."`
	AccessTokenAlg string   `name:"access-token-alg" enum:",RS256,PS256,ES256,EdDSA" default:"" placeholder:"ALG" help:"What access tokens are signed with (default: ES256)."`
	UserinfoAlg    string   `name:"userinfo-alg" enum:",RS256,PS256,ES256,EdDSA" default:"" placeholder:"ALG" help:"What userinfo answers are signed with (default: they are plain JSON)."`
	ExchangeFrom   []string `name:"exchange-from" sep:"none" placeholder:"AUDIENCE" help:"With the grant type of token exchange: an API or a client whose tokens it may present, beside its own; repeat for several."`
	ExchangeFor    []string `name:"exchange-for" sep:"none" placeholder:"URI" help:"An API that it may get tokens for in exchange; repeat for several (default: none, so it may exchange nothing)."`
	ExchangeMode   string   `name:"exchange-mode" enum:",delegation,impersonation" default:"" placeholder:"MODE" help:"delegation, where exchanged tokens tell who acts for the person, or impersonation (default: delegation)."`
	IDTokenKeyAlg  string   `name:"id-token-encryption-alg" enum:",RSA-OAEP-256,ECDH-ES,ECDH-ES+A128KW,ECDH-ES+A256KW" default:"" placeholder:"ALG" help:"Encrypt its ID tokens for its own key (--jwks-file, --jwks-uri) by RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW or ECDH-ES+A256KW (default: they are signed alone)."`
	IDTokenEnc     string   `name:"id-token-encryption-enc" enum:",A128CBC-HS256,A256CBC-HS512,A128GCM,A256GCM" default:"" placeholder:"ENC" help:"What they are encrypted with: A128CBC-HS256, A256CBC-HS512, A128GCM or A256GCM (default: the first)."`
	UserinfoKeyAlg string   `name:"userinfo-encryption-alg" enum:",RSA-OAEP-256,ECDH-ES,ECDH-ES+A128KW,ECDH-ES+A256KW" default:"" placeholder:"ALG" help:"Encrypt userinfo answers likewise; they need --userinfo-alg."`
	UserinfoEnc    string   `name:"userinfo-encryption-enc" enum:",A128CBC-HS256,A256CBC-HS512,A128GCM,A256GCM" default:"" placeholder:"ENC" help:"What userinfo answers are encrypted with (default: A128CBC-HS256)."`
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
	m.ExchangePolicy = idp.ExchangePolicy{From: c.ExchangeFrom, For: c.ExchangeFor, Mode: idp.ExchangeMode(c.ExchangeMode)}
	m.ResponseEncryption = idp.ResponseEncryption{
		IDTokenKeyAlg: idp.KeyAlg(c.IDTokenKeyAlg), IDTokenEnc: idp.Enc(c.IDTokenEnc),
		UserinfoKeyAlg: idp.KeyAlg(c.UserinfoKeyAlg), UserinfoEnc: idp.Enc(c.UserinfoEnc),
	}
	if c.Pairwise {
		m.SubjectType = idp.SubjectPairwise
	}
	return nil
}

// check tells whether the tenant has what the client is to have of it.
func (c clientTokens) check(t idp.Tenant) error {
	named := slices.DeleteFunc(append(slices.Clone(c.ExchangeFor), c.Resource), func(uri string) bool { return uri == "" })
	for _, resource := range named {
		if _, ok := t.FindAPI(resource); !ok {
			return fmt.Errorf("tenant %s has no API %q; `postern api create` adds it", t.Slug, resource)
		}
	}
	return nil
}
