package main

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"postern/edge"
	"postern/fetch"
	"postern/idp"
	"postern/keys"
	"postern/limit"
	"postern/login"
	"postern/mail"
	"postern/observe"
	"postern/op"
	"postern/storage"
	"postern/templates"
)

// settings are what dev and serve resolve their flags to.
type settings struct {
	public   *url.URL
	strict   edge.StrictTransport
	proxies  []netip.Prefix
	mtls     mtls
	rules    limit.Rules
	from     idp.MailFrom
	accounts []mail.Account // to send by, beside those in the store
	mailbox  *mail.Mailbox  // in dev: gets a copy of every mail
	box      *keys.Box
	onSent   func(mail.Message)
	// outgoing are networks that clients' documents may be fetched from, beside the public ones.
	outgoing []netip.Prefix
	// measured: the app counts what happens.
	measured bool
	// tracer, if not nil, follows requests and mails through their steps.
	tracer *observe.Tracer
}

// app is the running provider: the rooms, wired.
type app struct {
	settings
	term     *terminal
	store    storage.Store
	pages    *templates.Set
	guard    *edge.Guard
	login    *login.Handler
	provider *op.Provider
	logouts  *op.LogoutSender
	worker   *mail.Worker
	router   *mail.Router
	janitor  *storage.Janitor
	metrics  *observe.Metrics // nil: nobody asks for them
	spares   *keys.Spares
	stopping stopping
	// certificate is the server's own, if it has one.
	certificate *certificate
}

// spareKeys is how many new tenants in a row find an RSA key ready.
const spareKeys = 4

// cacheLife bounds how long a change by another process goes unseen.
const cacheLife = 500 * time.Millisecond

func newApp(term *terminal, store storage.Store, s settings) (*app, error) {
	pages, err := templates.New()
	if err != nil {
		return nil, err
	}
	a := &app{settings: s, term: term, pages: pages, spares: keys.NewSpares(spareKeys)}
	a.observe(store)
	a.guard = &edge.Guard{Tenants: a.store, PublicURL: s.public, CallsURL: s.mtls.url, Pages: pages, Log: term.log}
	a.janitor = &storage.Janitor{Store: a.store, Every: time.Minute, Clock: term.clock, Log: term.log}
	if a.worker, err = a.newWorker(); err != nil {
		return nil, err
	}
	return a, a.wireRooms()
}

// observe puts what is watched between the rooms and the store, and nothing
// where nobody watches.
func (a *app) observe(store storage.Store) {
	if a.tracer != nil {
		store = tracedStore{store, a.tracer}
	}
	a.store = storage.Cached(store, cacheLife, a.term.clock)
	if a.measured {
		a.metrics = observe.New(whichVersion(), a.vitals)
		a.store = countedStore{a.store, a.metrics}
	}
}

func (a *app) newWorker() (*mail.Worker, error) {
	c := mail.RouterConfig{
		Setups: a.store, Sealer: a.box, Accounts: a.accounts, Helo: a.from.Address.Domain(), Clock: a.term.clock, Log: a.term.log,
	}
	if a.mailbox != nil && len(a.accounts) == 0 {
		c.Last = mail.Nowhere{}
	}
	var err error
	if a.router, err = mail.NewRouter(c); err != nil {
		return nil, err
	}
	var transport mail.Transport = a.router
	if a.mailbox != nil {
		transport = mail.Tee{Transport: a.router, Mailbox: a.mailbox}
	}
	if a.tracer != nil {
		transport = tracedTransport{transport, a.tracer}
	}
	return mail.NewWorker(mail.Config{
		Store: a.store, Transport: transport, Templates: a.pages, PublicURL: a.public.String(),
		From: a.from, Clock: a.term.clock, Log: a.term.log, OnSent: a.onSent,
	})
}

// wireRooms brings op and login together; neither knows the other.
func (a *app) wireRooms() error {
	limiter := limit.New(a.store, a.box, a.rules, a.term.log)
	public := a.public.String()
	ring := keys.NewRing(a.store, a.box, a.term.clock).Use(a.spares)
	sessions := login.NewSessions(a.store, a.box, public, a.term.clock)
	fetcher := fetch.New(fetch.Config{Allow: a.outgoing, Clock: a.term.clock})
	store := documented{a.store, &op.Documents{Registered: a.store, Fetcher: fetcher, Limits: limiter, Clock: a.term.clock}}
	var err error
	a.login, err = login.New(login.Config{
		PublicURL: public, Store: store, Sealer: a.box, Limits: a.counted(limiter), Courier: a.worker, Sessions: sessions,
		Responder: op.NewResponder(public, ring, a.term.clock), Pages: a.pages, Clock: a.term.clock, Log: a.term.log,
		Frames:    func(r *http.Request, s idp.Session) ([]string, error) { return a.provider.LogoutFrames(r, s) },
		OnRefused: a.metrics.LoginRefused, OnWork: a.metrics.Work,
	})
	if err != nil {
		return err
	}
	a.provider, err = op.New(op.Config{
		PublicURL: public, Store: store, Keys: ring, Sealer: a.box,
		Sessions: sessions, Limits: limiter, Pages: a.pages, Clock: a.term.clock, Log: a.term.log,
		Fetcher: fetcher, MTLS: a.mtls.provider(),
	})
	a.logouts = &op.LogoutSender{Provider: a.provider, Store: a.store, Poster: fetcher}
	return err
}

// documented is a store whose clients are also those that nobody registered.
type documented struct {
	storage.Store
	documents *op.Documents
}

// FindClient gives a client of the tenant, or idp.ErrNotFound.
func (d documented) FindClient(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error) {
	return d.documents.FindClient(ctx, t, id)
}
