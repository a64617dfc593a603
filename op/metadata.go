package op

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"postern/idp"
)

// described is what metadata depend on.
type described struct {
	issuer    string
	locales   []string
	fetches   bool // documents of clients
	registers bool // clients that ask for it
	documents bool // of clients whose id is where their metadata are
	mtls      MTLS
	alias     string // base of the endpoints where certificates are asked for
}

func (d described) metadata() metadata {
	m := metadataOf(d.issuer, d.locales, d.fetches)
	m.addCertificates(d.mtls, d.alias)
	m.ClientDocuments = d.documents
	if d.registers {
		m.RegistrationEndpoint = d.issuer + pathRegister
	}
	return m
}

// Metadata serves the provider's metadata (OpenID Connect Discovery §4, RFC 8414
// §3). Routes puts it below the issuer; RFC 8414's own location, the well-known
// path before the issuer's, is outside and wants it at the host's root, with the
// tenant in the context all the same.
func (p *Provider) Metadata(w http.ResponseWriter, r *http.Request) {
	p.public(p.describe).ServeHTTP(w, r)
}

func (p *Provider) describe(w http.ResponseWriter, r *http.Request) error {
	t := idp.TenantOf(r.Context())
	issuer, registers, documents := t.Issuer(p.publicURL), t.Registers(), t.Settings.ClientDocuments
	// All in which tenants differ.
	key := issuer
	if registers {
		key = "+" + key
	}
	if documents {
		key = "@" + key
	}
	doc, err := p.metadata.of(key, func() ([]byte, error) {
		bases := p.bases(t)
		return json.Marshal(described{
			issuer: issuer, locales: p.pages.Locales(), fetches: p.fetcher != nil,
			registers: registers, documents: documents, mtls: p.mtls, alias: bases[len(bases)-1],
		}.metadata())
	})
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	doc.write(w, r)
	return nil
}

// metadata is the library's document and what it does not know yet.
type metadata struct {
	oidc.DiscoveryConfiguration
	ResponseIssuer   bool          `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
	RequestObjects   bool          `json:"request_parameter_supported"`
	PromptsPossible  []string      `json:"prompt_values_supported"`
	Locales          []string      `json:"ui_locales_supported"`
	FrontLogout      bool          `json:"frontchannel_logout_supported"` // Front-Channel Logout §3
	FrontSession     bool          `json:"frontchannel_logout_session_supported"`
	PushEndpoint     string        `json:"pushed_authorization_request_endpoint"`                // RFC 9126 §5
	PushRequired     bool          `json:"require_pushed_authorization_requests"`                // of some clients alone
	ResponseAlgs     []string      `json:"authorization_signing_alg_values_supported"`           // JARM §3
	ProofAlgs        []string      `json:"dpop_signing_alg_values_supported"`                    // RFC 9449 §5.1
	IntrospectAlgs   []string      `json:"introspection_signing_alg_values_supported"`           // RFC 9701 §7
	CertificateBound bool          `json:"tls_client_certificate_bound_access_tokens,omitempty"` // RFC 8705 §3.3
	Aliases          *aliasesOfTLS `json:"mtls_endpoint_aliases,omitempty"`                      // RFC 8705 §5
	// ClientDocuments is of OAuth Client ID Metadata Document §5.
	ClientDocuments bool `json:"client_id_metadata_document_supported,omitempty"`
}

func metadataOf(issuer string, locales []string, fetches bool) metadata {
	algs := names(idp.Algs)
	secret := []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost, oidc.AuthMethodPrivateKeyJWT}
	assertions := names(idp.AssertionAlgs)
	everyone := append(slices.Clone(secret), oidc.AuthMethodNone)
	return metadata{
		DiscoveryConfiguration: oidc.DiscoveryConfiguration{
			Issuer:                issuer,
			AuthorizationEndpoint: issuer + pathAuthorize,
			TokenEndpoint:         issuer + pathToken,
			UserinfoEndpoint:      issuer + pathUserinfo,
			IntrospectionEndpoint: issuer + pathIntrospect,
			RevocationEndpoint:    issuer + pathRevoke,
			EndSessionEndpoint:    issuer + pathEndSession,
			JwksURI:               issuer + pathJWKS,

			DeviceAuthorizationEndpoint: issuer + pathDevice,

			ScopesSupported:                   scopes,
			ResponseTypesSupported:            []string{"code"},
			ResponseModesSupported:            modes,
			GrantTypesSupported:               []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken, oidc.GrantTypeClientCredentials, oidc.GrantTypeDeviceCode, oidc.GrantTypeTokenExchange},
			ACRValuesSupported:                []string{idp.ACRLink, idp.ACRRelay},
			SubjectTypesSupported:             []string{string(idp.SubjectPublic), string(idp.SubjectPairwise)},
			IDTokenSigningAlgValuesSupported:  algs,
			UserinfoSigningAlgValuesSupported: algs,

			IDTokenEncryptionAlgValuesSupported:  names(idp.KeyAlgs),
			IDTokenEncryptionEncValuesSupported:  names(idp.Encs),
			UserinfoEncryptionAlgValuesSupported: names(idp.KeyAlgs),
			UserinfoEncryptionEncValuesSupported: names(idp.Encs),

			ClaimTypesSupported: []string{"normal"},
			ClaimsSupported: append([]string{
				"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "email", "email_verified",
			}, idp.ProfileClaims()...),
			ClaimsParameterSupported:          true,
			BackChannelLogoutSupported:        true,
			BackChannelLogoutSessionSupported: true,
			DisplayValuesSupported:            []oidc.Display{oidc.DisplayPage, oidc.DisplayPopup, oidc.DisplayTouch},

			RequestObjectSigningAlgValuesSupported: append(slices.Clone(algs), string(idp.Ed25519), string(idp.AlgNone)),
			RequestURIParameterSupported:           fetches,
			RequireRequestURIRegistration:          fetches,

			CodeChallengeMethodsSupported: []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},

			TokenEndpointAuthMethodsSupported:         everyone,
			RevocationEndpointAuthMethodsSupported:    everyone,
			IntrospectionEndpointAuthMethodsSupported: secret,

			TokenEndpointAuthSigningAlgValuesSupported:         assertions,
			RevocationEndpointAuthSigningAlgValuesSupported:    assertions,
			IntrospectionEndpointAuthSigningAlgValuesSupported: assertions,
		},
		ResponseIssuer:  true,
		RequestObjects:  true,
		PromptsPossible: prompts,
		Locales:         locales,
		FrontLogout:     true,
		FrontSession:    true,
		PushEndpoint:    issuer + pathPush,
		ResponseAlgs:    algs,
		ProofAlgs:       assertions,
		IntrospectAlgs:  algs,
	}
}

// aliasesOfTLS are endpoints where certificates are asked for.
type aliasesOfTLS struct {
	Token      string `json:"token_endpoint"`
	Userinfo   string `json:"userinfo_endpoint"`
	Introspect string `json:"introspection_endpoint"`
	Revoke     string `json:"revocation_endpoint"`
	Push       string `json:"pushed_authorization_request_endpoint"`
	Device     string `json:"device_authorization_endpoint"`
}

// addCertificates tells what clients can do with certificates.
func (m *metadata) addCertificates(by MTLS, base string) {
	if !by.Read {
		return
	}
	m.CertificateBound = true
	methods := []oidc.AuthMethod{oidc.AuthMethod(idp.AuthSelfSignedTLS)}
	if by.CAs != nil {
		methods = append(methods, oidc.AuthMethod(idp.AuthTLS))
	}
	for _, list := range []*[]oidc.AuthMethod{
		&m.TokenEndpointAuthMethodsSupported, &m.RevocationEndpointAuthMethodsSupported, &m.IntrospectionEndpointAuthMethodsSupported,
	} {
		*list = append(slices.Clone(*list), methods...)
	}
	if by.URL != "" {
		m.Aliases = &aliasesOfTLS{
			Token: base + pathToken, Userinfo: base + pathUserinfo, Introspect: base + pathIntrospect,
			Revoke: base + pathRevoke, Push: base + pathPush, Device: base + pathDevice,
		}
	}
}

func names[T ~string](all []T) []string {
	out := make([]string, 0, len(all))
	for _, one := range all {
		out = append(out, string(one))
	}
	return out
}
