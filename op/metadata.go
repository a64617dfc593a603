package op

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"postern/idp"
)

// document is a published JSON document with its entity tag.
type document struct {
	body []byte
	etag string
}

func newDocument(body []byte) document {
	sum := sha256.Sum256(body)
	return document{body: body, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

// write answers with the document, or with 304 where the reader has it.
func (d document) write(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "public, max-age=300")
	header.Set("ETag", d.etag)
	header.Set("X-Content-Type-Options", "nosniff")
	if has := r.Header.Get("If-None-Match"); has != "" {
		tags := strings.Split(has, ",")
		if slices.ContainsFunc(tags, func(tag string) bool {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			return tag == d.etag || tag == "*"
		}) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(d.body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(d.body) //nolint:errcheck // who asked is gone
	}
}

// maxDocuments bounds how many tenants' metadata are kept ready.
const maxDocuments = 4096

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

// key names what differs between tenants.
func (d described) key() string {
	key := d.issuer
	if d.registers {
		key = "+" + key
	}
	if d.documents {
		key = "@" + key
	}
	return key
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

// documents are metadata by issuer.
type documents struct {
	mu    sync.RWMutex
	ready map[string]document
}

func (d *documents) of(about described) (document, error) {
	d.mu.RLock()
	doc, ok := d.ready[about.key()]
	d.mu.RUnlock()
	if ok {
		return doc, nil
	}
	body, err := json.Marshal(about.metadata())
	if err != nil {
		return document{}, fmt.Errorf("encode metadata: %w", err)
	}
	doc = newDocument(body)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ready == nil {
		d.ready = make(map[string]document)
	}
	for other := range d.ready {
		if len(d.ready) < maxDocuments {
			break
		}
		delete(d.ready, other)
	}
	d.ready[about.key()] = doc
	return doc, nil
}

// Metadata serves the provider's metadata (OpenID Connect Discovery §4, RFC 8414
// §3). Routes puts it below the issuer; RFC 8414's own location, the well-known
// path before the issuer's, is outside and wants it at the host's root, with the
// tenant in the context all the same.
func (p *Provider) Metadata(w http.ResponseWriter, r *http.Request) {
	p.public(p.describe).ServeHTTP(w, r)
}

func (p *Provider) describe(w http.ResponseWriter, r *http.Request) error {
	tenant := idp.TenantOf(r.Context())
	doc, err := p.metadata.of(described{
		mtls: p.mtls, alias: p.bases(tenant)[len(p.bases(tenant))-1],
		issuer: p.issuer(r), locales: p.pages.Locales(), fetches: p.fetcher != nil,
		registers: idp.TenantOf(r.Context()).Registers(), documents: idp.TenantOf(r.Context()).Settings.ClientDocuments,
	})
	if err != nil {
		return err
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
