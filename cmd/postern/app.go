package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"postern/edge"
	"postern/fetch"
	"postern/idp"
	"postern/keys"
	"postern/limit"
	"postern/login"
	"postern/mail"
	"postern/op"
	"postern/storage"
	"postern/templates"
)

// settings are what dev and serve resolve their flags to.
type settings struct {
	public    *url.URL
	proxies   []netip.Prefix
	rules     limit.Rules
	transport mail.Transport
	from      idp.MailFrom
	box       *keys.Box
	onSent    func(mail.Message)
	// outgoing are networks that clients' documents may be fetched from, beside the public ones.
	outgoing []netip.Prefix
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
	janitor  *storage.Janitor
}

// cacheLife bounds how long a change by another process goes unseen.
const cacheLife = 500 * time.Millisecond

func newApp(term *terminal, store storage.Store, s settings) (*app, error) {
	pages, err := templates.New()
	if err != nil {
		return nil, err
	}
	a := &app{settings: s, term: term, pages: pages}
	a.store = storage.Cached(store, cacheLife, term.clock)
	a.guard = &edge.Guard{Tenants: a.store, PublicURL: s.public, Pages: pages, Log: term.log}
	a.janitor = &storage.Janitor{Store: a.store, Every: time.Minute, Clock: term.clock, Log: term.log}
	if a.worker, err = a.newWorker(); err != nil {
		return nil, err
	}
	return a, a.wireRooms()
}

func (a *app) newWorker() (*mail.Worker, error) {
	return mail.NewWorker(mail.Config{
		Store: a.store, Transport: a.transport, Templates: a.pages, PublicURL: a.public.String(),
		From: a.from, Clock: a.term.clock, Log: a.term.log, OnSent: a.onSent,
	})
}

// wireRooms brings op and login together; neither knows the other.
func (a *app) wireRooms() error {
	limiter := limit.New(a.store, a.box, a.rules, a.term.log)
	public := a.public.String()
	sessions := login.NewSessions(a.store, a.box, public, a.term.clock)
	var err error
	a.login, err = login.New(login.Config{
		PublicURL: public, Store: a.store, Sealer: a.box, Limits: limiter, Courier: a.worker, Sessions: sessions,
		Responder: op.NewResponder(public), Pages: a.pages, Clock: a.term.clock, Log: a.term.log,
	})
	if err != nil {
		return err
	}
	fetcher := fetch.New(fetch.Config{Allow: a.outgoing, Clock: a.term.clock})
	a.provider, err = op.New(op.Config{
		PublicURL: public, Store: a.store, Keys: keys.NewRing(a.store, a.box, a.term.clock), Sealer: a.box,
		Sessions: sessions, Limits: limiter, Pages: a.pages, Clock: a.term.clock, Log: a.term.log,
		Fetcher: fetcher,
	})
	a.logouts = &op.LogoutSender{Provider: a.provider, Store: a.store, Poster: fetcher}
	return err
}

// Bounds of a request.
const (
	maxBody        = 64 << 10
	maxHeaders     = 32 << 10
	requestTimeout = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	drainTimeout   = 20 * time.Second
)

// listen opens the address; a port of 0 is chosen by the system.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, unheard(address, err)
	}
	return l, nil
}

// unheard says what is wrong with an address to listen on, and how to mend it.
func unheard(address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("--listen %s: another program listens there: end it (`ss -ltnp` shows it), or choose another port", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("--listen %s: this machine has no such address: choose one of its own, or 0.0.0.0 or [::] for all", address)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("--listen %s: ports below 1024 are for programs with CAP_NET_BIND_SERVICE: give it that, or choose a port above", address)
	default:
		return usage("--listen %s: %w: use HOST:PORT, such as 127.0.0.1:8080", address, err)
	}
}

// run serves until ctx ends, then lets requests and mails in flight finish.
func (a *app) run(ctx context.Context, l net.Listener, h http.Handler, ready func()) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaders,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	var background sync.WaitGroup
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	background.Go(func() { a.worker.Run(work) })
	background.Go(func() { a.janitor.Run(work) })
	background.Go(func() { a.logouts.Run(work) })

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	ready()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		err = server.Shutdown(drain)
	}
	stopWork()
	background.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
