package idp

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Client is an app of a tenant that signs its users in here (RFC 6749 §2).
type Client struct {
	TenantID TenantID
	ID       ClientID
	// Secrets are digests of the secrets that are good now: two while one is being replaced.
	Secrets   []Digest
	Metadata  ClientMetadata
	CreatedAt time.Time
}

// ClientMetadata are a client's settings; names follow RFC 7591 §2 where it has one.
type ClientMetadata struct {
	Name                   string       `json:"client_name"`
	AuthMethods            []AuthMethod `json:"auth_methods"` // those it may use; {none} makes it public
	GrantTypes             []string     `json:"grant_types"`
	RedirectURIs           []string     `json:"redirect_uris"`
	PostLogoutRedirectURIs []string     `json:"post_logout_redirect_uris,omitempty"`
	// Origins may call the endpoints from a browser, beside those of the redirect URIs.
	Origins        []string `json:"origins,omitempty"`
	ThirdParty     bool     `json:"third_party,omitempty"` // asks for consent
	PKCE           PKCE     `json:"pkce,omitempty"`
	Finish         Finish   `json:"finish,omitempty"`
	IDTokenAlg     Alg      `json:"id_token_signed_response_alg,omitempty"`
	AccessTokenAlg Alg      `json:"access_token_signed_response_alg,omitempty"`
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

	SubjectType         SubjectType `json:"subject_type,omitempty"`
	SectorIdentifierURI string      `json:"sector_identifier_uri,omitempty"`

	DefaultMaxAge   *int64   `json:"default_max_age,omitempty"`   // seconds
	RequireAuthTime bool     `json:"require_auth_time,omitempty"` // auth_time is in every ID token anyway
	DefaultACR      []string `json:"default_acr_values,omitempty"`
	// RequestObjectAlg, if set, is the only one its request objects may be signed
	// with; AlgNone lets them come unsigned (OpenID Connect Core §6).
	RequestObjectAlg Alg      `json:"request_object_signing_alg,omitempty"`
	RequestURIs      []string `json:"request_uris,omitempty"`

	ClientURI        string `json:"client_uri,omitempty"`
	InitiateLoginURI string `json:"initiate_login_uri,omitempty"`
}

// AuthMethod is how a client proves itself at the token endpoint (OpenID Connect Core §9).
type AuthMethod string

// Client authentication methods.
const (
	AuthNone  AuthMethod = "none"
	AuthBasic AuthMethod = "client_secret_basic"
	AuthPost  AuthMethod = "client_secret_post"
)

// Grant types (RFC 6749 §4, §6).
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials"
)

// Finish says in which tab a login ends at the client.
type Finish string

// FinishLink ends in the tab that the link opened; FinishWaiting in the tab
// that asked, where an SPA keeps its state. The zero value is FinishWaiting for
// public clients and FinishLink for others.
const (
	FinishDefault Finish = ""
	FinishLink    Finish = "link"
	FinishWaiting Finish = "waiting"
)

// Public tells a client that cannot keep a secret.
func (c Client) Public() bool { return slices.Contains(c.Metadata.AuthMethods, AuthNone) }

// FinishesAt resolves where this client's logins end.
func (c Client) FinishesAt() Finish {
	if c.Metadata.Finish != FinishDefault {
		return c.Metadata.Finish
	}
	if c.Public() {
		return FinishWaiting
	}
	return FinishLink
}

// NeedsPKCE resolves whether an authorization request must carry a challenge.
func (c Client) NeedsPKCE(t Tenant) bool {
	if c.Public() {
		return true
	}
	if c.Metadata.PKCE != PKCEDefault {
		return c.Metadata.PKCE == PKCERequired
	}
	return t.Settings.PKCE == PKCERequired
}

// IDTokenAlg is what its ID tokens are signed with: RS256 unless chosen, for
// every client library takes it (OpenID Connect Core §15.1).
func (c Client) IDTokenAlg() Alg {
	if c.Metadata.IDTokenAlg != "" {
		return c.Metadata.IDTokenAlg
	}
	return RS256
}

// AccessTokenAlg is what its access tokens are signed with: ES256 unless
// chosen, at a twentieth of the cost of RS256.
func (c Client) AccessTokenAlg() Alg {
	if c.Metadata.AccessTokenAlg != "" {
		return c.Metadata.AccessTokenAlg
	}
	return ES256
}

// AllowsGrant tells whether the client may use a grant type.
func (c Client) AllowsGrant(grantType string) bool {
	return slices.Contains(c.Metadata.GrantTypes, grantType)
}

// AllowsRedirect matches a redirect URI byte for byte with the registered ones,
// except the port where the registered one is http on a literal loopback
// address (RFC 8252 §7.3, RFC 9700 §4.1.3).
func (c Client) AllowsRedirect(uri string) bool {
	return slices.ContainsFunc(c.Metadata.RedirectURIs, func(registered string) bool {
		return registered == uri || sameButLoopbackPort(registered, uri)
	})
}

// AllowsPostLogoutRedirect matches byte for byte (RP-Initiated Logout §3).
func (c Client) AllowsPostLogoutRedirect(uri string) bool {
	return slices.Contains(c.Metadata.PostLogoutRedirectURIs, uri)
}

// AllowsOrigin tells whether a browser page of this origin may call the
// endpoints: registered ones and those of the redirect URIs.
func (c Client) AllowsOrigin(origin string) bool {
	return slices.Contains(c.Metadata.Origins, origin) ||
		slices.ContainsFunc(c.Metadata.RedirectURIs, func(uri string) bool {
			u, err := url.Parse(uri)
			return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Scheme+"://"+u.Host == origin
		})
}

var loopbackPort = regexp.MustCompile(`^http://(127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?(/[^\\]*)?$`)

func sameButLoopbackPort(registered, uri string) bool {
	r, u := loopbackPort.FindStringSubmatch(registered), loopbackPort.FindStringSubmatch(uri)
	return r != nil && u != nil && r[1] == u[1] && r[2] == u[2]
}

var clientIDPattern = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,128}$`)

// Validate tells what is wrong with the client, in words for who registers it.
func (c Client) Validate() error {
	m := c.Metadata
	if !clientIDPattern.MatchString(string(c.ID)) {
		return fmt.Errorf("client id %q: use 1 to 128 of A-Z, a-z, 0-9 and - . _ ~", c.ID)
	}
	if err := ValidName(m.Name); err != nil {
		return fmt.Errorf("client name: %w", err)
	}
	if err := m.validateAuth(len(c.Secrets)); err != nil {
		return err
	}
	if m.Finish != FinishDefault && m.Finish != FinishLink && m.Finish != FinishWaiting {
		return fmt.Errorf("finish %q: link or waiting", m.Finish)
	}
	if m.PKCE != PKCEDefault && m.PKCE != PKCERequired && m.PKCE != PKCEOptional {
		return fmt.Errorf("pkce %q: required or optional", m.PKCE)
	}
	for _, alg := range []Alg{c.IDTokenAlg(), c.AccessTokenAlg()} {
		if err := alg.validate(); err != nil {
			return err
		}
	}
	if err := m.validateSubject(); err != nil {
		return err
	}
	if err := m.validateRequests(); err != nil {
		return err
	}
	return m.validateURIs()
}

// validateRequests checks what is registered of authorization and token requests.
func (m ClientMetadata) validateRequests() error {
	if m.UserinfoAlg != "" {
		if err := m.UserinfoAlg.validate(); err != nil {
			return fmt.Errorf("userinfo: %w", err)
		}
	}
	if m.RequestObjectAlg != "" && m.RequestObjectAlg != AlgNone {
		if err := m.RequestObjectAlg.validate(); err != nil {
			return fmt.Errorf("request objects: %w", err)
		}
	}
	if m.DefaultMaxAge != nil && (*m.DefaultMaxAge < 0 || *m.DefaultMaxAge > math.MaxInt32) {
		return fmt.Errorf("default max age %d: seconds, not negative", *m.DefaultMaxAge)
	}
	for _, scope := range m.Scopes {
		if err := validScope(scope); err != nil {
			return err
		}
	}
	for _, uri := range m.RequestURIs {
		// The fragment may be the hash of what is there (OpenID Connect Core §6.2).
		bare, _, _ := strings.Cut(uri, "#")
		if err := validWebURI(bare); err != nil || !strings.HasPrefix(uri, "https://") {
			return fmt.Errorf("request URI %q: an https URI", uri)
		}
	}
	return nil
}

func (m ClientMetadata) validateAuth(secrets int) error {
	if len(m.AuthMethods) == 0 {
		return errors.New("no client authentication method")
	}
	for _, method := range m.AuthMethods {
		if method != AuthNone && method != AuthBasic && method != AuthPost {
			return fmt.Errorf("client authentication method %q: none, client_secret_basic or client_secret_post", method)
		}
	}
	public := slices.Contains(m.AuthMethods, AuthNone)
	if public && (len(m.AuthMethods) > 1 || secrets > 0) {
		return errors.New("a public client has no other authentication method and no secret")
	}
	if !public && (secrets == 0 || secrets > 2) {
		return errors.New("a confidential client has one secret, or two while one is replaced")
	}
	for _, grantType := range m.GrantTypes {
		if !slices.Contains([]string{GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials}, grantType) {
			return fmt.Errorf("grant type %q: authorization_code, refresh_token or client_credentials", grantType)
		}
		if public && grantType == GrantClientCredentials {
			return errors.New("a public client cannot have the grant type client_credentials")
		}
	}
	return nil
}

func (m ClientMetadata) validateURIs() error {
	if len(m.RedirectURIs) == 0 && slices.Contains(m.GrantTypes, GrantAuthorizationCode) {
		return errors.New("no redirect URI")
	}
	for _, uri := range m.RedirectURIs {
		if err := ValidRedirectURI(uri); err != nil {
			return fmt.Errorf("redirect URI %q: %w", uri, err)
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
	for _, uri := range []string{m.ClientURI, m.InitiateLoginURI} {
		if uri == "" {
			continue
		}
		if err := validWebURI(uri); err != nil {
			return fmt.Errorf("URI %q: %w", uri, err)
		}
	}
	return nil
}

var privateScheme = regexp.MustCompile(`^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+$`)

// ValidRedirectURI tells whether a redirect URI can be registered: absolute,
// without fragment or user info, and https; http only on loopback (RFC 8252
// §7.3), or a private-use scheme with a dot in it (RFC 8252 §7.1).
func ValidRedirectURI(uri string) error {
	u, err := url.Parse(uri)
	if err != nil || strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r == '\\' || r >= 0x7f }) {
		return errors.New("not a URI")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		if !privateScheme.MatchString(u.Scheme) || strings.Contains(uri, "#") {
			return errors.New("use https, http on loopback, or a private scheme such as com.example.app, without a fragment")
		}
		return nil
	}
	return validWebURI(uri)
}

func validWebURI(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return errors.New("not an absolute web URI")
	case u.User != nil:
		return errors.New("no user name or password in it")
	case strings.Contains(uri, "#"):
		return errors.New("no fragment in it")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && IsLoopback(u.Hostname()):
		return nil
	default:
		return errors.New("https, or http on loopback")
	}
}

// IsLoopback tells whether a host name or literal is this machine's loopback.
func IsLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
