package idp_test

import (
	"encoding/json"
	"strings"
	"testing"

	"postern/idp"
)

func keyClient() idp.Client {
	return idp.Client{ID: "app", Metadata: idp.ClientMetadata{
		Name: "App", AuthMethods: []idp.AuthMethod{idp.AuthPrivateKey}, GrantTypes: []string{idp.GrantAuthorizationCode},
		RedirectURIs: []string{"https://app.example/cb"}, JWKS: json.RawMessage(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`),
	}}
}

func TestClientsThatSignAreHeldToPublicKeysInOnePlace(t *testing.T) {
	if err := keyClient().Validate(); err != nil {
		t.Fatal(err)
	}
	elsewhere := keyClient()
	elsewhere.Metadata.JWKS, elsewhere.Metadata.JWKSURI = nil, "https://app.example/jwks"
	if err := elsewhere.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*idp.Client){
		"no keys":              func(c *idp.Client) { c.Metadata.JWKS = nil },
		"keys in two places":   func(c *idp.Client) { c.Metadata.JWKSURI = "https://app.example/jwks" },
		"a set without keys":   func(c *idp.Client) { c.Metadata.JWKS = json.RawMessage(`{"keys":[]}`) },
		"no set":               func(c *idp.Client) { c.Metadata.JWKS = json.RawMessage(`[]`) },
		"a key without a type": func(c *idp.Client) { c.Metadata.JWKS = json.RawMessage(`{"keys":[{}]}`) },
		"a private key":        func(c *idp.Client) { c.Metadata.JWKS = json.RawMessage(`{"keys":[{"kty":"OKP","d":"AA"}]}`) },
		"a symmetric key":      func(c *idp.Client) { c.Metadata.JWKS = json.RawMessage(`{"keys":[{"kty":"oct","k":"AA"}]}`) },
		"too many keys": func(c *idp.Client) {
			c.Metadata.JWKS = json.RawMessage(`{"keys":[` + strings.Repeat(`{"kty":"EC"},`, 20) + `{"kty":"EC"}]}`)
		},
		"a set too long": func(c *idp.Client) {
			c.Metadata.JWKS = json.RawMessage(`{"keys":[{"kty":"` + strings.Repeat("x", idp.MaxJWKS) + `"}]}`)
		},
		"keys over http":       func(c *idp.Client) { c.Metadata.JWKS, c.Metadata.JWKSURI = nil, "http://app.example/jwks" },
		"a secret beside keys": func(c *idp.Client) { c.Secrets = []idp.Digest{idp.NewSecret().Digest()} },
		"an unknown algorithm": func(c *idp.Client) { c.Metadata.AssertionAlg = "HS256" },
		"no signature":         func(c *idp.Client) { c.Metadata.AssertionAlg = idp.AlgNone },
		"an unknown profile":   func(c *idp.Client) { c.Metadata.Profile = "fapi3" },
		"half a profile":       func(c *idp.Client) { c.Metadata.Profile, c.Metadata.DPoPBoundTokens = idp.ProfileFAPI2, true },
		"an unknown kind":      func(c *idp.Client) { c.Metadata.ApplicationType = "toaster" },
		"hybrid":               func(c *idp.Client) { c.Metadata.ResponseTypes = []string{"code id_token"} },
	} {
		c := keyClient()
		spoil(&c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
