package login

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"postern/idp"
	"postern/templates"
)

// Config is what the login room stands on. All of it is needed, but for the hooks.
type Config struct {
	// PublicURL is the instance's own, without a trailing slash.
	PublicURL string
	Store     Store
	Sealer    Sealer
	Limits    Limits
	Courier   Courier
	Responder Responder
	// Sessions may be shared with other rooms; it is made if there is none.
	Sessions *Sessions
	Pages    *templates.Set
	Clock    func() time.Time
	Log      *slog.Logger
	// Frames, if set, gives the pages of apps that are told of a session's end by
	// being loaded in its browser.
	Frames func(*http.Request, idp.Session) ([]string, error)
	// OnRefused, if set, hears why an attempt to complete a login came to nothing.
	OnRefused func(why string)
	// OnWork, if set, hears what becomes of tasks that keep bots off.
	OnWork func(outcome string)
}

// Handler serves the pages of a login, for every tenant.
type Handler struct {
	Config
	logos *logoMemory
}

// New checks the config and makes a Handler.
func New(c Config) (*Handler, error) {
	if err := checkPublicURL(c.PublicURL); err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	needed := []struct {
		name    string
		missing bool
	}{
		{"store", c.Store == nil},
		{"sealer", c.Sealer == nil},
		{"limits", c.Limits == nil},
		{"courier", c.Courier == nil},
		{"responder", c.Responder == nil},
		{"pages", c.Pages == nil},
		{"clock", c.Clock == nil},
		{"log", c.Log == nil},
	}
	for _, n := range needed {
		if n.missing {
			return nil, fmt.Errorf("login: no %s configured", n.name)
		}
	}
	if c.Sessions == nil {
		c.Sessions = NewSessions(c.Store, c.Sealer, c.PublicURL, c.Clock)
	}
	return &Handler{Config: c, logos: &logoMemory{}}, nil
}

func checkPublicURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return errors.New("public URL: not an absolute URL")
	case u.Scheme != "https" && (u.Scheme != "http" || !idp.IsLoopback(u.Hostname())):
		return errors.New("public URL: https, or http on loopback")
	case strings.HasSuffix(text, "/") || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return errors.New("public URL: no trailing slash, query, fragment or user in it")
	}
	return nil
}

// Routes mounts the pages under an issuer's base.
func (h *Handler) Routes(r chi.Router) {
	r.Handle("/auth/login", h.page(methods{get: h.askAddress, post: h.takeAddress}))
	r.Handle("/auth/cancel", h.page(methods{post: h.cancel}))
	r.Handle("/auth/waiting", h.page(methods{get: h.waiting}))
	r.Handle("/auth/waiting/state", h.page(methods{get: h.waitingState}))
	r.Handle("/auth/resend", h.page(methods{post: h.resend}))
	r.Handle("/auth/code", h.page(methods{post: h.attempted(h.takeCode)}))
	r.Handle("/auth/verify", h.page(methods{get: h.showLink, post: h.attempted(h.takeLink)}))
	r.Handle("/auth/finish", h.page(methods{post: h.finish}))
	r.Handle("/auth/device", h.page(methods{get: h.askDevice, post: h.takeDevice}))
	r.Handle("/auth/consent", h.page(methods{get: h.askConsent, post: h.takeConsent}))
	r.Handle("/auth/consent/cancel", h.page(methods{post: h.cancelConsent}))
	r.Handle(pathAccount, h.page(methods{get: h.account, post: h.takeNewAddress}))
	r.Handle(pathSignOut, h.page(methods{post: h.signOutBrowser}))
	r.Handle(pathEverywhere, h.page(methods{post: h.signOutEverywhere}))
	r.Handle(pathAccess, h.page(methods{post: h.removeAccess}))
	r.Handle("/auth/assets/brand/*", h.BrandAsset())
}

// endpoint answers a visit or says why not; page renders what it says.
type endpoint func(w http.ResponseWriter, v *visit) error

// methods are what a path takes; HEAD goes with get.
type methods struct{ get, post endpoint }

func (m methods) of(method string) endpoint {
	switch method {
	case http.MethodGet, http.MethodHead:
		return m.get
	case http.MethodPost:
		return m.post
	default:
		return nil
	}
}

func (m methods) allow() string {
	switch {
	case m.post == nil:
		return "GET, HEAD"
	case m.get == nil:
		return "POST"
	default:
		return "GET, HEAD, POST"
	}
}
