package idp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ClientMetadata are a client's settings. Names follow RFC 7591 §2, OpenID
// Connect Registration §2 and the logout specifications where they have one;
// what has none is the operator's alone and cannot be registered.
type ClientMetadata struct {
	Name                   string       `json:"client_name"`
	AuthMethods            []AuthMethod `json:"auth_methods"` // those it may use; {none} makes it public
	GrantTypes             []string     `json:"grant_types"`
	RedirectURIs           []string     `json:"redirect_uris"`
	PostLogoutRedirectURIs []string     `json:"post_logout_redirect_uris,omitempty"`
	// Origins may call the endpoints from a browser, beside those of the redirect URIs.
	Origins        []string        `json:"origins,omitempty"`
	ThirdParty     bool            `json:"third_party,omitempty"` // asks for consent
	PKCE           PKCE            `json:"pkce,omitempty"`
	Finish         Finish          `json:"finish,omitempty"`
	Profile        SecurityProfile `json:"profile,omitempty"`
	IDTokenAlg     Alg             `json:"id_token_signed_response_alg,omitempty"`
	AccessTokenAlg Alg             `json:"access_token_signed_response_alg,omitempty"`
	// UserinfoAlg, if set, makes userinfo a signed JWT (OpenID Connect Core §5.3.2).
	UserinfoAlg Alg `json:"userinfo_signed_response_alg,omitempty"`
	// OpaqueTokens makes access tokens that only this provider can read, where the
	// resource does not say otherwise.
	OpaqueTokens bool `json:"opaque_access_tokens,omitempty"`
	// Scopes are those of the tenant's APIs that it may ask for. Empty is all of
	// them for its users' sake, and none for its own (client_credentials).
	Scopes []string `json:"scopes,omitempty"`
	// DefaultResource is what its access tokens are for where it names no resource.
	DefaultResource string `json:"default_resource,omitempty"`

	// JWKS or JWKSURI hold the keys that the client signs with, and those that
	// answers are encrypted for.
	JWKS         json.RawMessage `json:"jwks,omitempty"`
	JWKSURI      string          `json:"jwks_uri,omitempty"`
	AssertionAlg Alg             `json:"token_endpoint_auth_signing_alg,omitempty"` // empty: any that is supported

	ApplicationType ApplicationType `json:"application_type,omitempty"`
	ResponseTypes   []string        `json:"response_types,omitempty"`
	Contacts        []string        `json:"contacts,omitempty"`
	SoftwareID      string          `json:"software_id,omitempty"`
	SoftwareVersion string          `json:"software_version,omitempty"`

	ClientURI        string `json:"client_uri,omitempty"`
	LogoURI          string `json:"logo_uri,omitempty"`
	Logo             bool   `json:"logo,omitempty"` // it was fetched and is served here
	PolicyURI        string `json:"policy_uri,omitempty"`
	TermsURI         string `json:"tos_uri,omitempty"`
	InitiateLoginURI string `json:"initiate_login_uri,omitempty"`

	SubjectType         SubjectType `json:"subject_type,omitempty"`
	SectorIdentifierURI string      `json:"sector_identifier_uri,omitempty"`

	DefaultMaxAge   *int64   `json:"default_max_age,omitempty"`   // seconds
	RequireAuthTime bool     `json:"require_auth_time,omitempty"` // auth_time is in every ID token anyway
	DefaultACR      []string `json:"default_acr_values,omitempty"`
	// RequestObjectAlg, if set, is the only one its request objects may be signed
	// with; AlgNone lets them come unsigned (OpenID Connect Core §6).
	RequestObjectAlg Alg      `json:"request_object_signing_alg,omitempty"`
	RequestURIs      []string `json:"request_uris,omitempty"`
	// RequireSignedRequests refuses requests that are no signed request object (RFC 9101 §10.5).
	RequireSignedRequests bool `json:"require_signed_request_object,omitempty"`
	// ResponseAlg is what signed authorization responses are signed with (JARM §3).
	ResponseAlg Alg `json:"authorization_signed_response_alg,omitempty"`

	BackchannelLogoutURI              string `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSessionRequired  bool   `json:"backchannel_logout_session_required,omitempty"`
	FrontchannelLogoutURI             string `json:"frontchannel_logout_uri,omitempty"`
	FrontchannelLogoutSessionRequired bool   `json:"frontchannel_logout_session_required,omitempty"`

	RequirePushedRequests bool `json:"require_pushed_authorization_requests,omitempty"` // RFC 9126 §6
	DPoPBoundTokens       bool `json:"dpop_bound_access_tokens,omitempty"`              // RFC 9449 §5.2
	// TLSBoundTokens binds tokens to the certificate of the connection (RFC 8705 §3.4).
	TLSBoundTokens bool `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	CertificateNames
	ExchangePolicy
	ResponseEncryption
}

// SecurityProfile is what a client is held to as a whole.
type SecurityProfile string

// Security profiles. The zero value is plain OpenID Connect.
const (
	ProfileDefault SecurityProfile = ""
	// ProfileFAPI2 is the FAPI 2.0 Security Profile.
	ProfileFAPI2 SecurityProfile = "fapi2_security"
	// ProfileFAPI2Signed is FAPI 2.0 Message Signing, which is more: requests are
	// signed, and answers where the client registered an algorithm for them.
	ProfileFAPI2Signed SecurityProfile = "fapi2_message_signing"
)

// ApplicationType is a client's kind (OpenID Connect Registration §2).
type ApplicationType string

// Application types. The zero value is web.
const (
	ApplicationDefault ApplicationType = ""
	ApplicationWeb     ApplicationType = "web"
	ApplicationNative  ApplicationType = "native"
)

func (m ClientMetadata) validateAuth(secrets int) error {
	if len(m.AuthMethods) == 0 {
		return errors.New("no client authentication method")
	}
	for _, method := range m.AuthMethods {
		if !slices.Contains(authMethods, method) {
			return fmt.Errorf("client authentication method %q: none, client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth or self_signed_tls_client_auth", method)
		}
	}
	public, secret := slices.Contains(m.AuthMethods, AuthNone), m.NeedsSecret()
	switch {
	case public && (len(m.AuthMethods) > 1 || secrets > 0):
		return errors.New("a public client has no other authentication method and no secret")
	case secret && (secrets == 0 || secrets > 2):
		return errors.New("a client with a secret has one, or two while one is replaced")
	case !secret && secrets > 0:
		return errors.New("a client that proves itself by its own key has no secret")
	}
	for _, grantType := range m.GrantTypes {
		if !slices.Contains(grantTypes, grantType) {
			return fmt.Errorf("grant type %q: %s", grantType, strings.Join(grantTypes, ", "))
		}
		if public && (grantType == GrantClientCredentials || grantType == GrantTokenExchange) {
			return errors.New("a public client cannot have the grant type " + grantType)
		}
	}
	return nil
}

// grantTypes are all that are known.
var grantTypes = []string{GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials, GrantDeviceCode, GrantTokenExchange}

// authMethods are all that are known.
var authMethods = []AuthMethod{AuthNone, AuthBasic, AuthPost, AuthPrivateKey, AuthTLS, AuthSelfSignedTLS}

// NeedsSecret tells whether one of the ways to authenticate is by a secret.
func (m ClientMetadata) NeedsSecret() bool {
	return slices.Contains(m.AuthMethods, AuthBasic) || slices.Contains(m.AuthMethods, AuthPost)
}

// validateChoices checks what has few values.
func (m ClientMetadata) validateChoices() error {
	switch {
	case m.ApplicationType != ApplicationDefault && m.ApplicationType != ApplicationWeb && m.ApplicationType != ApplicationNative:
		return fmt.Errorf("application_type %q: web or native", m.ApplicationType)
	case m.Profile != ProfileDefault && !m.FAPI():
		return fmt.Errorf("profile %q: fapi2_security, fapi2_message_signing or none", m.Profile)
	case m.AssertionAlg != "" && !slices.Contains(AssertionAlgs, m.AssertionAlg):
		return fmt.Errorf("token_endpoint_auth_signing_alg %q: RS, PS or ES with 256, 384 or 512, EdDSA or Ed25519", m.AssertionAlg)
	}
	for _, responseType := range m.ResponseTypes {
		if responseType != "code" {
			return fmt.Errorf("response type %q: code", responseType)
		}
	}
	return nil
}

// ErrRedirectURI is wrapped by what Validate says of redirect URIs, for which
// registration has an error of its own (RFC 7591 §3.2.2).
var ErrRedirectURI = errors.New("redirect URI")

func (m ClientMetadata) validateURIs() error {
	if len(m.RedirectURIs) == 0 && slices.Contains(m.GrantTypes, GrantAuthorizationCode) {
		return fmt.Errorf("no %w", ErrRedirectURI)
	}
	for _, uri := range m.RedirectURIs {
		if err := ValidRedirectURI(uri); err != nil {
			return fmt.Errorf("%w %q: %w", ErrRedirectURI, uri, err)
		}
	}
	for _, uri := range m.PostLogoutRedirectURIs {
		if err := ValidRedirectURI(uri); err != nil {
			return fmt.Errorf("post-logout redirect URI %q: %w", uri, err)
		}
	}
	for _, origin := range m.Origins {
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			return fmt.Errorf("origin %q: scheme, host and port only, such as https://app.example", origin)
		}
	}
	for _, uri := range m.webURIs() {
		if err := validWebURI(uri); err != nil {
			return fmt.Errorf("URI %q: %w", uri, err)
		}
	}
	return nil
}

// webURIs are those that are set, of pages and documents of the client.
func (m ClientMetadata) webURIs() []string {
	return slices.DeleteFunc([]string{
		m.ClientURI, m.LogoURI, m.PolicyURI, m.TermsURI, m.InitiateLoginURI, m.JWKSURI,
		m.SectorIdentifierURI, m.BackchannelLogoutURI, m.FrontchannelLogoutURI,
	}, func(uri string) bool { return uri == "" })
}
