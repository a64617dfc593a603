package idp_test

import (
	"testing"

	"postern/idp"
)

func TestAProfileForbidsWhatItForbids(t *testing.T) {
	set := []byte(`{"keys":[{"kty":"EC"}]}`)
	good := func(profile idp.SecurityProfile) idp.ClientMetadata {
		return idp.ClientMetadata{
			Name: "App", AuthMethods: []idp.AuthMethod{idp.AuthPrivateKey}, GrantTypes: []string{idp.GrantAuthorizationCode},
			RedirectURIs: []string{"https://app.example/cb"}, JWKS: set, Profile: profile,
			RequirePushedRequests: true, DPoPBoundTokens: true, RequireSignedRequests: profile == idp.ProfileFAPI2Signed,
		}
	}
	for name, change := range map[string]func(*idp.Client){
		"as it should be":         nil,
		"an unknown profile":      func(c *idp.Client) { c.Metadata.Profile = "fapi1" },
		"requests unpushed":       func(c *idp.Client) { c.Metadata.RequirePushedRequests = false },
		"tokens unbound":          func(c *idp.Client) { c.Metadata.DPoPBoundTokens = false },
		"a public client":         func(c *idp.Client) { c.Metadata.AuthMethods = []idp.AuthMethod{idp.AuthNone} },
		"no PKCE":                 func(c *idp.Client) { c.Metadata.PKCE = idp.PKCEOptional },
		"RS256 for ID tokens":     func(c *idp.Client) { c.Metadata.IDTokenAlg = idp.RS256 },
		"RS256 for access tokens": func(c *idp.Client) { c.Metadata.AccessTokenAlg = idp.RS256 },
		"RS256 for answers":       func(c *idp.Client) { c.Metadata.ResponseAlg = idp.RS256 },
		"RS256 for requests":      func(c *idp.Client) { c.Metadata.RequestObjectAlg = idp.RS256 },
		"unsigned objects":        func(c *idp.Client) { c.Metadata.RequestObjectAlg = idp.AlgNone },
		"RS256 for assertions":    func(c *idp.Client) { c.Metadata.AssertionAlg = idp.RS256 },
		"a return in the clear":   func(c *idp.Client) { c.Metadata.RedirectURIs = []string{"http://localhost:3000/cb"} },
		"a secret": func(c *idp.Client) {
			c.Metadata.AuthMethods = []idp.AuthMethod{idp.AuthBasic}
			c.Secrets = []idp.Digest{idp.NewSecret().Digest()}
		},
	} {
		for _, profile := range []idp.SecurityProfile{idp.ProfileFAPI2, idp.ProfileFAPI2Signed} {
			c := idp.Client{ID: "app", Metadata: good(profile)}
			if change != nil {
				change(&c)
			}
			if err := c.Validate(); (err == nil) != (change == nil) {
				t.Errorf("%s, %s: %v", profile, name, err)
			}
		}
	}
	unsigned := idp.Client{ID: "app", Metadata: good(idp.ProfileFAPI2Signed)}
	unsigned.Metadata.RequireSignedRequests = false
	if unsigned.Validate() == nil {
		t.Error("message signing without signed requests")
	}
}

func TestTheMembersOfAProfileMakeIt(t *testing.T) {
	for raw, want := range map[string]idp.SecurityProfile{
		`{"require_pushed_authorization_requests":true}`:                                                                       idp.ProfileDefault,
		`{"dpop_bound_access_tokens":true,"require_signed_request_object":true}`:                                               idp.ProfileDefault,
		`{"require_pushed_authorization_requests":true,"dpop_bound_access_tokens":true}`:                                       idp.ProfileFAPI2,
		`{"require_pushed_authorization_requests":true,"dpop_bound_access_tokens":true,"require_signed_request_object":true}`:  idp.ProfileFAPI2Signed,
		`{"require_pushed_authorization_requests":true,"dpop_bound_access_tokens":true,"require_signed_request_object":false}`: idp.ProfileFAPI2,
	} {
		m, err := idp.ParseRegistration([]byte(raw))
		if err != nil || m.Profile != want {
			t.Errorf("%s: %q %v", raw, m.Profile, err)
		}
	}
}
