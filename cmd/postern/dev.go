package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/mattn/go-isatty"

	"postern/config"
	"postern/dev"
	"postern/idp"
	"postern/keys"
	"postern/limit"
	"postern/mail"
	"postern/storage"
)

type devCmd struct{ config.Dev }

// mailboxSize is how many mails the mailbox page keeps.
const mailboxSize = 1000

// demoSlug is the tenant that dev always has.
const demoSlug = "demo"

// Run serves the demo until ctx ends.
func (c devCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	l, err := listen(ctx, "--listen", c.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // already closed once it was served
	if c.PublicURL == "" {
		c.Listen = withPort(c.Listen, l)
	}
	public, err := c.Public()
	if err != nil {
		return usage("%w", err)
	}
	store, box, err := openDev(ctx, in)
	if err != nil {
		return err
	}
	return errors.Join(c.serve(ctx, term, store, box, public, l), store.Close())
}

// openDev needs no set-up: it makes the folder, the key and the schema.
func openDev(ctx context.Context, in config.Instance) (storage.Store, *keys.Box, error) {
	if err := makeFolder(in); err != nil {
		return nil, nil, err
	}
	master, err := keys.LoadOrCreateMaster(in.MasterKeyPath())
	if err != nil {
		return nil, nil, err
	}
	if err := storage.Migrate(ctx, in.DatabaseURL()); err != nil {
		return nil, nil, err
	}
	store, err := storage.Open(ctx, in.DatabaseURL())
	if err != nil {
		return nil, nil, err
	}
	box := keys.NewBox(master)
	if err := checkMaster(ctx, in, store, box); err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return store, box, nil
}

func (c devCmd) serve(ctx context.Context, term *terminal, store storage.Store, box *keys.Box, public *url.URL, l net.Listener) error {
	demo, err := makeDemo(ctx, term, store, box, public)
	if err != nil {
		return err
	}
	mailbox := mail.NewMailbox(mailboxSize)
	s := settings{
		public: public, proxies: c.TrustedProxies(), rules: limit.Default(), mailbox: mailbox, box: box,
		outgoing: c.OutgoingAllowed(),
		from:     idp.MailFrom{Address: "postern@demo.invalid", Name: "Postern"}, onSent: printLink(term),
	}
	if s.mtls, err = newMTLS(c.Certificates); err != nil {
		return usage("%w", err)
	}
	if c.Limits == "relaxed" {
		s.rules = limit.Relaxed()
	}
	if s.accounts, err = mail.ParseAccounts(strings.Fields(c.SMTP), readSecret); err != nil {
		return usage("--smtp: %w", err)
	}
	a, err := newApp(term, store, s)
	if err != nil {
		return err
	}
	demo.Mailbox = devMailbox{mailbox}
	pages, err := dev.New(demo)
	if err != nil {
		return err
	}
	h := a.routes(func(r chi.Router) {
		r.With(a.guard.Public).Handle("/dev", pages)
		r.With(a.guard.Public).Handle("/dev/*", pages)
		r.With(a.guard.Public).Get("/", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/dev/app", http.StatusFound)
		})
	})
	pages.SetHandler(h)
	return a.run(ctx, front{listener: l, handler: h}, func() { announce(term, public) })
}

func announce(term *terminal, public *url.URL) {
	_, _ = fmt.Fprintf(term.stdout, "ready %s\n", public)
	_, _ = fmt.Fprintf(term.stderr, "  demo app  %[1]s/dev/app\n  mailbox   %[1]s/dev/mail\n  issuer    %[1]s/t/%[2]s\n", public, demoSlug)
}

// printLink shows each link to the person at the terminal. A pipe or a file is
// not a person: nothing that may be kept gets to see a token.
func printLink(term *terminal) func(mail.Message) {
	out, ok := term.stdout.(*os.File)
	if !ok || !isatty.IsTerminal(out.Fd()) {
		return nil
	}
	return func(m mail.Message) { _, _ = fmt.Fprintf(out, "mail for %s: %s\n", m.To, m.Link) }
}

func withPort(address string, l net.Listener) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return address
	}
	return net.JoinHostPort(host, port)
}
