package dev

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"postern/idp"
)

// Config is what the pages need to know.
type Config struct {
	// PublicURL is the origin that browsers use, without a trailing slash.
	PublicURL string
	// Issuer is the demo tenant's.
	Issuer          string
	WebClientID     string
	WebClientSecret string
	SPAClientID     string
	// Handler serves PublicURL; the web app's calls to the provider go to it in
	// process, so that they need no trust in whatever certificate is in front.
	// SetHandler sets it later, where these pages are part of it.
	Handler http.Handler
	Mailbox Mailbox
	Clock   func() time.Time
	Log     *slog.Logger
}

// Pages serves everything below /dev.
type Pages struct {
	cfg      Config
	local    *localTransport
	router   chi.Router
	sessions *sessions
	party    relyingParty
}

// New checks the configuration and makes the pages.
func New(cfg Config) (*Pages, error) {
	u, err := url.Parse(cfg.PublicURL)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != cfg.PublicURL {
		return nil, errors.New("dev: the public URL must be scheme, host and port only")
	}
	if cfg.Mailbox == nil || cfg.Clock == nil || cfg.Log == nil {
		return nil, errors.New("dev: mailbox, clock and log are needed")
	}
	p := &Pages{
		cfg:      cfg,
		local:    &localTransport{origin: cfg.PublicURL, handler: cfg.Handler},
		sessions: newSessions(cfg.Clock, strings.HasPrefix(cfg.PublicURL, "https:")),
	}
	p.party.cfg, p.party.client = cfg, &http.Client{Transport: p.local}
	p.router = p.routes()
	return p, nil
}

// SetHandler names what serves PublicURL. Call it before the first request.
func (p *Pages) SetHandler(h http.Handler) { p.local.handler = h }

// ServeHTTP takes requests with their whole path, /dev included.
// They find their own way, however the router above has cut the path.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.router.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, nil)))
}

func (p *Pages) routes() chi.Router {
	r := chi.NewRouter()
	r.NotFound(p.page(p.notFound))
	r.MethodNotAllowed(p.page(p.wrongMethod))
	r.Get("/dev", p.page(p.index))
	r.Get("/dev/", p.page(p.index))
	r.Get("/dev/app", p.page(p.app))
	r.Get("/dev/app/login", p.page(p.signIn))
	r.Get("/dev/app/callback", p.page(p.callback))
	r.Post("/dev/app/refresh", p.page(p.refresh))
	r.Post("/dev/app/logout", p.page(p.signOut))
	r.Get("/dev/spa", p.page(p.spa))
	r.Get("/dev/spa/callback", p.page(p.spa))
	r.Get("/dev/mail", p.page(p.mail))
	r.Get("/dev/api/mail", p.mailAPI)
	r.Get("/dev/assets/{name}", p.page(p.asset))
	return r
}

func (p *Pages) index(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/dev/app", http.StatusSeeOther)
	return nil
}

// WebClient is how the web app is registered: confidential, finishing in the
// tab of the link.
func WebClient(publicURL string) idp.ClientMetadata {
	return idp.ClientMetadata{
		Name:                   "Demo web app",
		AuthMethods:            []idp.AuthMethod{idp.AuthBasic, idp.AuthPost},
		GrantTypes:             []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken},
		RedirectURIs:           []string{publicURL + "/dev/app/callback"},
		PostLogoutRedirectURIs: []string{publicURL + "/dev/app"},
		PKCE:                   idp.PKCERequired,
		Finish:                 idp.FinishLink,
		ClientURI:              publicURL + "/dev/app",
		InitiateLoginURI:       publicURL + "/dev/app/login",
	}
}

// SPAClient is how the single-page app is registered: public, finishing in the
// tab that asked, where its state is.
func SPAClient(publicURL string) idp.ClientMetadata {
	return idp.ClientMetadata{
		Name:                   "Demo single-page app",
		AuthMethods:            []idp.AuthMethod{idp.AuthNone},
		GrantTypes:             []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken},
		RedirectURIs:           []string{publicURL + "/dev/spa/callback"},
		PostLogoutRedirectURIs: []string{publicURL + "/dev/spa"},
		Finish:                 idp.FinishWaiting,
		ClientURI:              publicURL + "/dev/spa",
		InitiateLoginURI:       publicURL + "/dev/spa",
	}
}
