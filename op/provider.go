package op

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	zitadel "github.com/zitadel/oidc/v3/pkg/op"

	"postern/idp"
	"postern/templates"
)

// Config is what a Provider is made of; all but Limits and Fetcher is needed.
type Config struct {
	// PublicURL is the instance's origin, without a trailing slash.
	PublicURL string
	Store     Store
	Keys      Keys
	Sealer    Sealer
	Sessions  Sessions
	// Limits counts authorization requests that have to be stored; without it
	// those too long for a URL are refused.
	Limits Limits
	// Fetcher reads clients' keys and request objects; without it those are
	// refused that are not registered by value.
	Fetcher Fetcher
	// MTLS is how clients bring certificates; the zero value is not at all.
	MTLS  MTLS
	Pages *templates.Set
	Clock func() time.Time
	Log   *slog.Logger
}

// MTLS is how clients prove themselves by certificates (RFC 8705).
type MTLS struct {
	// Read tells that certificates are read, by our own TLS or from a proxy.
	Read bool
	// CAs are the authorities of tls_client_auth; without any it is not offered.
	CAs *x509.CertPool
	// URL is the origin where certificates are asked for, where that is another
	// than the instance's; endpoints there lie below /t/ and the tenant's slug.
	URL string
}

// Provider serves the OpenID Provider of every tenant.
type Provider struct {
	publicURL string
	store     Store
	keys      Keys
	sealer    Sealer
	sessions  Sessions
	limits    Limits
	fetcher   Fetcher
	clientCAs *x509.CertPool
	mtls      MTLS
	pages     *templates.Set
	clock     func() time.Time
	log       *slog.Logger
	responder *Responder
	metadata  documents
	keySets   documents
	library   http.Handler
}

// Paths of the endpoints below a tenant's issuer.
const (
	pathAuthorize  = "/authorize"
	pathToken      = "/token"
	pathUserinfo   = "/userinfo"
	pathIntrospect = "/introspect"
	pathRevoke     = "/revoke"
	pathEndSession = "/end_session"
	pathStay       = "/end_session/cancel"
	pathJWKS       = "/jwks"
	pathRegister   = "/register"
	pathPush       = "/par"
	pathDevice     = "/device_authorization"
	pathLogo       = "/auth/logo"
	pathOpenID     = "/.well-known/openid-configuration"
	pathOAuth      = "/.well-known/oauth-authorization-server"
)

// New makes a Provider.
func New(c Config) (*Provider, error) {
	if c.Store == nil || c.Keys == nil || c.Sealer == nil || c.Sessions == nil ||
		c.Pages == nil || c.Clock == nil || c.Log == nil {
		return nil, errors.New("op: a part of the configuration is missing")
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Scheme == "" || u.Host == "" || c.PublicURL != u.Scheme+"://"+u.Host {
		return nil, errors.New("op: the public URL must be an origin, such as https://login.example")
	}
	p := &Provider{
		publicURL: c.PublicURL, store: c.Store, keys: c.Keys, sealer: c.Sealer, sessions: c.Sessions,
		limits: c.Limits, fetcher: c.Fetcher, pages: c.Pages, clock: c.Clock, log: c.Log,
		mtls: c.MTLS, clientCAs: c.MTLS.CAs,
		responder: NewResponder(c.PublicURL, c.Keys, c.Clock),
	}
	p.library = zitadel.RegisterServer(&server{Provider: p}, zitadel.Endpoints{
		Token:         zitadel.NewEndpoint(pathToken),
		Introspection: zitadel.NewEndpoint(pathIntrospect),
		Userinfo:      zitadel.NewEndpoint(pathUserinfo),
		Revocation:    zitadel.NewEndpoint(pathRevoke),
	}, zitadel.WithServerCORSOptions(nil))
	return p, nil
}

// Routes puts the endpoints below an issuer's base. A guard in front has put
// the tenant into the context.
func (p *Provider) Routes(r chi.Router) {
	p.Calls(r)
	r.Handle(pathAuthorize, p.page(p.authorize, http.MethodGet, http.MethodPost))
	r.Handle(pathEndSession, p.page(p.endSession, http.MethodGet, http.MethodPost))
	r.Handle(pathStay, p.page(p.stay, http.MethodPost))
	r.Handle(pathJWKS, p.public(p.jwks))
	r.Handle(pathRegister, p.call(p.register, http.MethodPost))
	r.Handle(pathRegister+"/{client}", p.call(p.configure, http.MethodGet, http.MethodPut, http.MethodDelete))
	r.Handle(pathLogo+"/{client}", p.public(p.logo))
	r.Handle(pathOpenID, p.public(p.describe))
	r.Handle(pathOAuth, p.public(p.describe))
}

// Calls puts those endpoints below a base that clients call by themselves. They
// are what is at the origin for certificates, too.
func (p *Provider) Calls(r chi.Router) {
	r.Handle(pathPush, p.call(p.push, http.MethodPost))
	r.Handle(pathToken, p.call(p.token, http.MethodPost))
	r.Handle(pathUserinfo, p.call(p.userinfo, http.MethodGet, http.MethodPost))
	r.Handle(pathIntrospect, p.call(p.introspect, http.MethodPost))
	r.Handle(pathDevice, p.call(p.authorizeDevice, http.MethodPost))
	r.Handle(pathRevoke, p.call(p.revoke, http.MethodPost))
}

// bases are the URLs below which a tenant's endpoints may be called.
func (p *Provider) bases(t idp.Tenant) []string {
	bases := []string{t.Issuer(p.publicURL)}
	if p.mtls.URL != "" {
		bases = append(bases, p.mtls.URL+"/t/"+t.Slug)
	}
	return bases
}

// issuer is the issuer of the request's tenant.
func (p *Provider) issuer(r *http.Request) string {
	return idp.TenantOf(r.Context()).Issuer(p.publicURL)
}

// splitIssuer gives an issuer's origin and the path below which it serves.
func splitIssuer(issuer string) (origin, base string) {
	scheme, rest, _ := strings.Cut(issuer, "://")
	host, path, found := strings.Cut(rest, "/")
	if found {
		base = "/" + path
	}
	return scheme + "://" + host, base
}
