package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"postern/config"
	"postern/idp"
	"postern/keys"
	"postern/limit"
	"postern/mail"
)

type serveCmd struct{ config.Serve }

// Run serves until ctx ends. It makes nothing but a missing master key's complaint.
func (c serveCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	s, err := c.settings(in)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, in)
	if err != nil {
		return err
	}
	a, err := newApp(term, store, s)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	l, err := listen(ctx, c.Listen)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	err = a.run(ctx, l, a.routes(nil), func() { _, _ = fmt.Fprintf(term.stdout, "ready %s\n", s.public) })
	return errors.Join(err, store.Close())
}

func (c serveCmd) settings(in config.Instance) (settings, error) {
	public, err := c.Public()
	if err != nil {
		return settings{}, usage("%w", err)
	}
	from, err := idp.ParseAddress(c.MailFrom)
	if err != nil {
		return settings{}, usage("--mail-from: %w", err)
	}
	smtp, err := mail.NewSMTP(mail.SMTPConfig{URL: c.SMTP, Helo: from.Domain()})
	if err != nil {
		return settings{}, usage("--smtp: %w", err)
	}
	master, err := keys.LoadMaster(in.MasterKeyPath())
	if errors.Is(err, fs.ErrNotExist) {
		return settings{}, fmt.Errorf("no master key at %s; `openssl rand -base64 32 > FILE; chmod 600 FILE` makes one (keep a copy: without it, sessions and signing keys are lost)", in.MasterKeyPath())
	}
	if err != nil {
		return settings{}, err
	}
	return settings{
		public: public, proxies: c.Proxies, outgoing: c.Outgoing, rules: limit.Default(), transport: smtp,
		from: idp.MailFrom{Address: from}, box: keys.NewBox(master),
	}, nil
}
