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
	// Registration is the digest of its registration access token (RFC 7592 §3),
	// for clients that registered themselves.
	Registration Digest
}

// AuthMethod is how a client proves itself at the token endpoint (OpenID Connect Core §9).
type AuthMethod string

// Client authentication methods.
const (
	AuthNone  AuthMethod = "none"
	AuthBasic AuthMethod = "client_secret_basic"
	AuthPost  AuthMethod = "client_secret_post"
	// AuthPrivateKey is a JWT signed with the client's own key (RFC 7523 §2.2).
	AuthPrivateKey AuthMethod = "private_key_jwt"
	// AuthTLS is a certificate of a trusted authority, AuthSelfSignedTLS one that
	// the client registered itself, on the connection (RFC 8705 §2).
	AuthTLS           AuthMethod = "tls_client_auth"
	AuthSelfSignedTLS AuthMethod = "self_signed_tls_client_auth"
)

// Grant types (RFC 6749 §4, §6).
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials"
	// GrantDeviceCode is of devices without a browser (RFC 8628 §3.4).
	GrantDeviceCode = "urn:ietf:params:oauth:grant-type:device_code"
	// GrantTokenExchange gives a token for another (RFC 8693 §2.1).
	GrantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange" //nolint:gosec // a name, no credential
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
	if c.Public() || c.FAPI() {
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
	return c.algOr(c.Metadata.IDTokenAlg, RS256)
}

// ResponseAlg is what its authorization responses are signed with, where they
// are: RS256 unless chosen (JARM §3).
func (c Client) ResponseAlg() Alg { return c.algOr(c.Metadata.ResponseAlg, RS256) }

// algOr gives what a client chose or else what is usual. FAPI clients have
// no RS256 (FAPI 2.0 Security Profile §5.4.1).
func (c Client) algOr(chosen, usual Alg) Alg {
	switch {
	case chosen != "":
		return chosen
	case c.FAPI():
		return ES256
	default:
		return usual
	}
}

// FAPI tells whether the client is held to FAPI 2.0.
func (c Client) FAPI() bool { return c.Metadata.FAPI() }

// AccessTokenAlg is what its access tokens are signed with: ES256 unless
// chosen, at a twentieth of the cost of RS256.
func (c Client) AccessTokenAlg() Alg {
	if c.Metadata.AccessTokenAlg != "" {
		return c.Metadata.AccessTokenAlg
	}
	return ES256
}

// DefaultResource is what its access tokens are for where it names none.
func (c Client) DefaultResource() []string {
	if c.Metadata.DefaultResource == "" {
		return nil
	}
	return []string{c.Metadata.DefaultResource}
}

// AllowsScope tells whether the client may ask for an API's scope for its users.
func (c Client) AllowsScope(scope string) bool {
	return len(c.Metadata.Scopes) == 0 || slices.Contains(c.Metadata.Scopes, scope)
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
	if !clientIDPattern.MatchString(string(c.ID)) {
		return fmt.Errorf("client id %q: use 1 to 128 of A-Z, a-z, 0-9 and - . _ ~", c.ID)
	}
	return c.validate()
}

// ValidateDocument is Validate for a client whose id is the URL of its metadata.
func (c Client) ValidateDocument() error {
	if _, ok := c.ID.Document(); !ok {
		return fmt.Errorf("client id %q: no URL of a metadata document", c.ID)
	}
	return c.validate()
}

func (c Client) validate() error {
	m := c.Metadata
	if err := ValidName(m.Name); err != nil {
		return fmt.Errorf("client name: %w", err)
	}
	if err := m.validateAuth(len(c.Secrets)); err != nil {
		return err
	}
	if err := errors.Join(m.validateKeys(), m.validateCertificates(), m.validateEncryption()); err != nil {
		return err
	}
	if m.Finish != FinishDefault && m.Finish != FinishLink && m.Finish != FinishWaiting {
		return fmt.Errorf("finish %q: link or waiting", m.Finish)
	}
	if m.PKCE != PKCEDefault && m.PKCE != PKCERequired && m.PKCE != PKCEOptional {
		return fmt.Errorf("pkce %q: required or optional", m.PKCE)
	}
	if m.PKCE == PKCEOptional && c.Public() {
		return errors.New("pkce is never optional for public clients")
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
	if err := m.validateChoices(); err != nil {
		return err
	}
	if err := m.validateURIs(); err != nil {
		return err
	}
	return errors.Join(m.validateExchange(), m.validateFAPI())
}

// validateRequests checks what is registered of authorization and token requests.
func (m ClientMetadata) validateRequests() error {
	if m.UserinfoAlg != "" {
		if err := m.UserinfoAlg.validate(); err != nil {
			return fmt.Errorf("userinfo: %w", err)
		}
	}
	if m.ResponseAlg != "" {
		if err := m.ResponseAlg.validate(); err != nil {
			return fmt.Errorf("authorization responses: %w", err)
		}
	}
	if m.RequestObjectAlg != "" && m.RequestObjectAlg != AlgNone {
		if err := m.RequestObjectAlg.Usual().validate(); err != nil {
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
