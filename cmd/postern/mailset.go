package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"postern/config"
	"postern/idp"
	"postern/mail"
)

type mailSetCmd struct {
	mailOwner
	URL          string `arg:"" help:"The server: smtp://USER@HOST:587 (STARTTLS), smtps://USER@HOST (TLS), or a provider: gmail://USER@, microsoft365://USER@, ses://USER@REGION, sendgrid://, mailgun://USER@, postmark://, resend://, mailjet://USER@, brevo://USER@, fastmail://USER@. In USER, write @ as %40. See docs/mail.md."`
	Name         string `placeholder:"NAME" help:"What to call it (default: the provider, or relay). A server of that name is replaced where it stands."`
	First        bool   `help:"Try it before the others; else it comes last, or stays where it is."`
	Password     string `name:"password-file" placeholder:"FILE" help:"File with the password or API key; - reads standard input."`
	ClientSecret string `name:"client-secret-file" placeholder:"FILE" help:"File with the secret of the OAuth client (XOAUTH2); - reads standard input."`
	RefreshToken string `name:"refresh-token-file" placeholder:"FILE" help:"File with the refresh token (XOAUTH2); - reads standard input."`
	JSON         bool   `name:"json" help:"JSON on stdout."`
}

// Run adds or replaces the account; all its secrets are kept sealed.
func (c mailSetCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	a, err := c.account()
	if err != nil {
		return usage("%w", err)
	}
	return c.at(ctx, in, func(d *mailDesk) error {
		d.setup.Put(a)
		if c.First {
			d.setup.Prefer(a.Name)
		}
		if err := d.save(ctx, term); err != nil {
			return err
		}
		return term.tell(c.JSON, viewAccount(a), "%s sends by %s (%s) from now on; `postern mail test` tries it", d.owner, a.Name, a.Server())
	})
}

func (c mailSetCmd) account() (mail.Account, error) {
	if mail.ShowsSecret(c.URL) {
		return mail.Account{}, errors.New("a command line is no place for a secret: leave it out of the URL and name a file with it, --password-file FILE, or pipe it in, --password-file -")
	}
	files := url.Values{}
	inputs := 0
	for name, file := range map[string]string{
		"password-file": c.Password, "client-secret-file": c.ClientSecret, "refresh-token-file": c.RefreshToken,
	} {
		if file != "" {
			files.Set(name, file)
		}
		if file == "-" {
			inputs++
		}
	}
	if inputs > 1 {
		return mail.Account{}, errors.New("standard input holds one secret: name files for the others")
	}
	text := c.URL
	if len(files) > 0 {
		joint := "?"
		if strings.Contains(text, "?") {
			joint = "&"
		}
		text += joint + files.Encode()
	}
	a, err := mail.ParseAccount(text, readSecretOrInput)
	if c.Name != "" {
		a.Name = c.Name
	}
	return a, err
}

func readSecretOrInput(file string) (mail.Secret, error) {
	if file == "-" {
		return secretIn(os.Stdin, "standard input")
	}
	return readSecret(file)
}

type mailRemoveCmd struct {
	mailOwner
	Name string `arg:"" help:"Name of the server, as mail show lists it."`
	JSON bool   `name:"json" help:"JSON on stdout."`
}

// Run takes the account out.
func (c mailRemoveCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.at(ctx, in, func(d *mailDesk) error {
		if !d.setup.Remove(c.Name) {
			return fmt.Errorf("%s has no mail server %q; `postern mail show` lists them", d.owner, c.Name)
		}
		if err := d.save(ctx, term); err != nil {
			return err
		}
		return term.tell(c.JSON, map[string]string{"removed": c.Name}, "%s sends by %s no more", d.owner, c.Name)
	})
}

type mailShowCmd struct {
	mailOwner
	JSON bool `name:"json" help:"JSON on stdout."`
}

// accountView is an account without its secrets.
type accountView struct {
	Name     string         `json:"name"`
	Provider string         `json:"provider"`
	Server   string         `json:"server"`
	TLS      mail.TLSMode   `json:"tls"`
	Auth     mail.Mechanism `json:"auth,omitempty"`
	User     string         `json:"user,omitempty"`
	From     idp.Address    `json:"from,omitempty"`
	TokenURL string         `json:"token_url,omitempty"`
	ClientID string         `json:"client_id,omitempty"`
}

func viewAccount(a mail.Account) accountView {
	v := accountView{
		Name: a.Name, Provider: a.Provider, Server: a.Server(), TLS: a.TLS, Auth: a.Auth, User: a.ShownUser(), From: a.From,
	}
	if a.OAuth != nil {
		v.TokenURL, v.ClientID = a.OAuth.TokenURL, a.OAuth.ClientID
	}
	return v
}

// Run shows the servers in the order in which they are tried, and the keys.
func (c mailShowCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.at(ctx, in, func(d *mailDesk) error {
		accounts := make([]accountView, 0, len(d.setup.Accounts))
		for _, a := range d.setup.Accounts {
			accounts = append(accounts, viewAccount(a))
		}
		if c.JSON {
			return printJSON(term.stdout, map[string]any{"servers": accounts, "dkim": viewKeys(d.setup.Keys)})
		}
		table := tabwriter.NewWriter(term.stdout, 0, 0, 2, ' ', 0)
		for i, a := range accounts {
			_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", i+1, a.Name, a.Server, a.TLS, cmp.Or(strings.TrimSpace(string(a.Auth)+" "+a.User), "-"), cmp.Or(a.From, "-"))
		}
		for _, k := range d.setup.Keys {
			_, _ = fmt.Fprintf(table, "dkim\t%s\t%s\t%s\tsince %s\n", k.Domain, k.Selector, k.Algorithm, k.CreatedAt.UTC().Format(time.DateOnly))
		}
		if d.setup.Empty() {
			_, _ = fmt.Fprintf(table, "%s has no mail server and no DKIM key of its own\n", d.owner)
		}
		return table.Flush()
	})
}
