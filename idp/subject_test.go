package idp_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"postern/idp"
)

// plainMAC hashes without a key, enough to see what goes into it.
type plainMAC struct{}

func (plainMAC) MAC(t idp.TenantID, purpose string, parts ...[]byte) [32]byte {
	text := string(t) + "|" + purpose
	for _, part := range parts {
		text += "|" + string(part)
	}
	return sha256.Sum256([]byte(text))
}

func TestPairwiseSubjectsAreSharedWithinASector(t *testing.T) {
	ada := idp.User{TenantID: "a", Subject: "subject-1"}
	at := func(m idp.ClientMetadata) string { return ada.SubjectAt(idp.Client{Metadata: m}, plainMAC{}) }
	pairwise := func(sector string, redirects ...string) string {
		return at(idp.ClientMetadata{SubjectType: idp.SubjectPairwise, SectorIdentifierURI: sector, RedirectURIs: redirects})
	}
	one := pairwise("", "https://one.example/cb")
	if at(idp.ClientMetadata{}) != ada.Subject || at(idp.ClientMetadata{SubjectType: idp.SubjectPublic}) != ada.Subject {
		t.Error("a public subject is not the user's own")
	}
	if one == ada.Subject || strings.Contains(one, ada.Subject) || len(one) != 43 {
		t.Errorf("pairwise: %q", one)
	}
	for name, same := range map[string]string{
		"another path": pairwise("", "https://one.example/other"), "another port": pairwise("", "https://one.example:8443/cb"),
		"by its sector": pairwise("https://one.example/clients.json", "https://two.example/cb", "https://three.example/cb"),
	} {
		if same != one {
			t.Errorf("%s: another subject", name)
		}
	}
	if pairwise("", "https://two.example/cb") == one {
		t.Error("two sectors share a subject")
	}
	ada.TenantID = "b"
	if pairwise("", "https://one.example/cb") == one {
		t.Error("two tenants share a subject")
	}
}

func TestMetadataOfTokensAndRequestsThatIsRefused(t *testing.T) {
	day := int64(-1)
	for name, spoil := range map[string]func(*idp.ClientMetadata){
		"unknown subject type": func(m *idp.ClientMetadata) { m.SubjectType = "private" },
		"pairwise over two hosts": func(m *idp.ClientMetadata) {
			m.SubjectType = idp.SubjectPairwise
			m.RedirectURIs = append(m.RedirectURIs, "https://other.example/cb")
		},
		"pairwise with a private scheme": func(m *idp.ClientMetadata) {
			m.SubjectType = idp.SubjectPairwise
			m.RedirectURIs = []string{"com.example.app:/cb"}
		},
		"unsigned ID tokens":             func(m *idp.ClientMetadata) { m.IDTokenAlg = idp.AlgNone },
		"unsigned access tokens":         func(m *idp.ClientMetadata) { m.AccessTokenAlg = idp.AlgNone },
		"ID tokens under a secret":       func(m *idp.ClientMetadata) { m.IDTokenAlg = "HS256" },
		"unsigned userinfo JWTs":         func(m *idp.ClientMetadata) { m.UserinfoAlg = idp.AlgNone },
		"request objects under a secret": func(m *idp.ClientMetadata) { m.RequestObjectAlg = "HS256" },
		"negative max age":               func(m *idp.ClientMetadata) { m.DefaultMaxAge = &day },
		"request URI over http":          func(m *idp.ClientMetadata) { m.RequestURIs = []string{"http://localhost/r"} },
		"request URI that is none":       func(m *idp.ClientMetadata) { m.RequestURIs = []string{"https://"} },
		"scope of the provider":          func(m *idp.ClientMetadata) { m.Scopes = []string{"openid"} },
		"scope with a space":             func(m *idp.ClientMetadata) { m.Scopes = []string{"read write"} },
		"client credentials without a secret": func(m *idp.ClientMetadata) {
			m.AuthMethods = []idp.AuthMethod{idp.AuthNone}
			m.GrantTypes = []string{idp.GrantClientCredentials}
		},
	} {
		c := idp.Client{ID: "web", Secrets: []idp.Digest{idp.DigestOf([]byte("secret"))}, Metadata: idp.ClientMetadata{
			Name: "Web", AuthMethods: []idp.AuthMethod{idp.AuthBasic}, GrantTypes: []string{idp.GrantAuthorizationCode},
			RedirectURIs: []string{"https://web.example/cb"}, RequestURIs: []string{"https://web.example/r#hash"}, Scopes: []string{"read"},
		}}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(&c.Metadata)
		if c.Public() {
			c.Secrets = nil
		}
		if c.Validate() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestAPIsThatAreRefused(t *testing.T) {
	good := idp.API{Resource: "https://api.example", Scopes: []string{"read", "orders:write"}, AccessTokenAlg: idp.EdDSA}
	tenant := idp.Tenant{Slug: "acme", Name: "Acme", Settings: idp.TenantSettings{APIs: []idp.API{good, {Resource: "urn:acme:api"}}}}
	if err := tenant.Validate(); err != nil {
		t.Fatal(err)
	}
	if found, ok := tenant.FindAPI("https://api.example"); !ok || found.Resource != good.Resource {
		t.Errorf("found %v", found)
	}
	if _, ok := tenant.FindAPI("https://api.example/"); ok {
		t.Error("a resource matches another spelling")
	}
	for name, spoil := range map[string]func(*idp.API){
		"relative":             func(a *idp.API) { a.Resource = "/api" },
		"with a fragment":      func(a *idp.API) { a.Resource = "https://api.example#x" },
		"no host":              func(a *idp.API) { a.Resource = "https://" },
		"twice":                func(a *idp.API) { a.Resource = "urn:acme:api" },
		"scope openid":         func(a *idp.API) { a.Scopes = []string{"openid"} },
		"scope with a quote":   func(a *idp.API) { a.Scopes = []string{`a"b`} },
		"unsigned":             func(a *idp.API) { a.AccessTokenAlg = idp.AlgNone },
		"tokens for a week":    func(a *idp.API) { a.TokenLife = idp.Duration(7 * 24 * 3600e9) },
		"tokens for a moment":  func(a *idp.API) { a.TokenLife = idp.Duration(1e9) },
		"an empty scope":       func(a *idp.API) { a.Scopes = []string{""} },
		"a scope in new words": func(a *idp.API) { a.Scopes = []string{"lésen"} },
	} {
		bad := good
		spoil(&bad)
		tenant.Settings.APIs = []idp.API{bad, {Resource: "urn:acme:api"}}
		if tenant.Validate() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
