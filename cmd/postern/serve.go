package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"postern/config"
	"postern/edge"
	"postern/idp"
	"postern/limit"
	"postern/mail"
	"postern/observe"
)

type serveCmd struct{ config.Serve }

// Run serves until ctx ends. It makes nothing but a missing master key's complaint.
func (c serveCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	s, err := c.settings()
	if err != nil {
		return err
	}
	if s.tracer, err = observe.OpenTracer(ctx, c.OTLPEndpoint); err != nil {
		return usage("--otlp-endpoint: %w", err)
	}
	defer func() { _ = s.tracer.Close(context.WithoutCancel(ctx)) }() // what is lost is traces
	store, box, err := openSealed(ctx, in)
	if err != nil {
		return err
	}
	s.box = box
	if err := canMail(ctx, store, s); err != nil {
		return errors.Join(err, store.Close())
	}
	a, err := newApp(term, store, s)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	f, err := c.front(ctx, a)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	err = a.run(ctx, f, func() { _, _ = fmt.Fprintf(term.stdout, "ready %s\n", s.public) })
	return errors.Join(err, store.Close())
}

func (c serveCmd) front(ctx context.Context, a *app) (front, error) {
	f := front{handler: a.routes(nil), delay: c.DrainDelay, greet: true}
	var err error
	if a.certificate, err = loadCertificate(c.TLSCert, c.TLSKey, a.term.log); err != nil {
		return front{}, err
	}
	a.certificate.check(ctx, a.public.Hostname(), a.term.clock())
	if f.listener, err = listen(ctx, "--listen", c.Listen); err != nil {
		return front{}, err
	}
	if c.MetricsListen != "" {
		f.metrics, err = listen(ctx, "--metrics-listen", c.MetricsListen)
	}
	return f, err
}

func (c serveCmd) settings() (settings, error) {
	public, err := c.Public()
	if err != nil {
		return settings{}, usage("%w", err)
	}
	from, err := idp.ParseAddress(c.MailFrom)
	if err != nil {
		return settings{}, usage("--mail-from: %w", err)
	}
	accounts, err := mail.ParseAccounts(strings.Fields(c.SMTP), readSecret)
	if err != nil {
		return settings{}, usage("--smtp: %w", err)
	}
	clients, err := newMTLS(c.Certificates)
	if err != nil {
		return settings{}, usage("%w", err)
	}
	return settings{
		mtls:   clients,
		public: public, strict: edge.StrictTransport(c.StrictTransport()), proxies: c.Proxies, outgoing: c.Outgoing, rules: limit.Default(), accounts: accounts,
		from: idp.MailFrom{Address: from}, measured: c.MetricsListen != "",
	}, nil
}
