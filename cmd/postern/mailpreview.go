package main

import (
	"context"
	"fmt"
	"strings"

	"postern/config"
	"postern/idp"
	"postern/mail"
	"postern/storage"
	"postern/templates"
)

type mailPreviewCmd struct {
	Tenant    string `required:"" help:"Slug of the tenant."`
	Locale    string `placeholder:"LANGUAGE" help:"Language of the mail (default: the tenant's, else English)."`
	Client    string `default:"Shop" placeholder:"NAME" help:"Name of the app that the person signs in to."`
	To        string `default:"ada@example.com" placeholder:"ADDRESS" help:"Whom it is to."`
	Format    string `default:"text" enum:"text,html,eml" help:"text or html: that part alone; eml: the whole mail, for a mail program to open."`
	PublicURL string `name:"public-url" default:"https://login.example.com" placeholder:"URL" help:"Where the link leads, for tenants without a host of their own." group:"address"`
	MailFrom  string `name:"mail-from" default:"no-reply@example.com" placeholder:"ADDRESS" help:"Sender, for tenants that have none of their own." group:"mail"`
	JSON      bool   `name:"json" help:"JSON on stdout: all of it."`
}

// Run composes the mail; its link is known to nobody, and nothing is sent.
func (c mailPreviewCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	public, err := config.ParsePublicURL(c.PublicURL)
	if err != nil {
		return usage("%w", err)
	}
	from, err := idp.ParseAddress(c.MailFrom)
	if err != nil {
		return usage("--mail-from: %w", err)
	}
	to, err := idp.ParseAddress(c.To)
	if err != nil {
		return usage("--to: %w", err)
	}
	if c.Locale, err = locale(c.Locale); err != nil {
		return usage("--locale: %w", err)
	}
	words, err := templates.New()
	if err != nil {
		return err
	}
	return withTenant(ctx, in, c.Tenant, func(_ storage.Store, t idp.Tenant) error {
		if c.Locale == "" {
			c.Locale = t.Settings.Locale
		}
		m, err := mail.Preview(words, public.String(), idp.MailFrom{Address: from}, t, c.Client, c.Locale, to, term.clock())
		if err != nil {
			return err
		}
		return c.print(term, m)
	})
}

func (c mailPreviewCmd) print(term *terminal, m mail.Message) error {
	if c.JSON {
		return printJSON(term.stdout, map[string]string{
			"from": string(m.From.Address), "from_name": m.From.Name, "to": string(m.To), "subject": m.Subject, "text": m.Text, "html": m.HTML,
		})
	}
	var err error
	switch c.Format {
	case "html":
		_, err = fmt.Fprint(term.stdout, m.HTML)
	case "eml":
		var raw []byte
		if raw, err = m.Bytes(); err == nil {
			_, err = term.stdout.Write(raw)
		}
	default:
		_, err = fmt.Fprintf(term.stdout, "From: %s\nTo: %s\nSubject: %s\n\n%s\n", strings.TrimSpace(m.From.Name+" <"+string(m.From.Address)+">"), m.To, m.Subject, strings.TrimSuffix(m.Text, "\n"))
	}
	return err
}
