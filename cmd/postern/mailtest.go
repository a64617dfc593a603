package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"postern/config"
	"postern/idp"
	"postern/mail"
)

type mailTestCmd struct {
	mailOwner
	To        string `required:"" placeholder:"ADDRESS" help:"Whom to send the test mail to."`
	Transport string `placeholder:"NAME" help:"Only by this server."`
	All       bool   `help:"By each server, rather than until one takes the mail."`
	SMTP      string `name:"smtp" placeholder:"URL" help:"Servers that serve is started with, tried after those of mail show." group:"mail"`
	MailFrom  string `name:"mail-from" placeholder:"ADDRESS" help:"Sender that serve is started with." group:"mail"`
	JSON      bool   `name:"json" help:"JSON on stdout."`
}

// triedView is how a mail went by one server.
type triedView struct {
	Name   string     `json:"name"`
	Server string     `json:"server"`
	From   string     `json:"from"`
	Sent   bool       `json:"sent"`
	Steps  []stepView `json:"steps"`
	Signed []string   `json:"signed"`
	Hint   string     `json:"hint,omitempty"`
}

type stepView struct {
	Step   mail.Step `json:"step"`
	OK     bool      `json:"ok"`
	Detail string    `json:"detail"`
}

// Run tries the servers in the order in which serve does, and fails if none
// took the mail, or, with --all, if any did not.
func (c mailTestCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	to, err := idp.ParseAddress(c.To)
	if err != nil {
		return usage("--to: %w", err)
	}
	started, err := mail.ParseAccounts(strings.Fields(c.SMTP), readSecret)
	if err != nil {
		return usage("--smtp: %w", err)
	}
	return c.at(ctx, in, func(d *mailDesk) error {
		instance, err := d.setupOf(ctx, idp.Instance)
		if err != nil {
			return err
		}
		owners := []mail.Setup{instance}
		if !c.Instance {
			owners = []mail.Setup{d.setup, instance}
		}
		accounts, err := c.accounts(owners, started)
		if err != nil {
			return err
		}
		tries, failed, err := c.try(ctx, term, d, to, owners, accounts)
		if err != nil {
			return err
		}
		return c.report(term, tries, failed)
	})
}

func (c mailTestCmd) accounts(owners []mail.Setup, started []mail.Account) ([]mail.Account, error) {
	var accounts []mail.Account
	for _, owner := range owners {
		accounts = append(accounts, owner.Accounts...)
	}
	accounts = append(accounts, started...)
	if c.Transport != "" {
		var named []mail.Account
		for _, a := range accounts {
			if a.Name == c.Transport {
				named = append(named, a)
			}
		}
		if accounts = named; len(named) == 0 {
			return nil, fmt.Errorf("there is no mail server %q; `postern mail show` lists them", c.Transport)
		}
	}
	if len(accounts) == 0 {
		return nil, errors.New("there is no mail server to try: add one by `postern mail set`, or name that of serve in --smtp")
	}
	return accounts, nil
}

// try sends by one account after the other.
func (c mailTestCmd) try(ctx context.Context, term *terminal, d *mailDesk, to idp.Address, owners []mail.Setup, accounts []mail.Account) (tries []triedView, failed bool, err error) {
	refused := 0
	for _, a := range accounts {
		from, err := c.sender(d.tenant, a)
		if err != nil {
			return nil, true, err
		}
		id := idp.NewID(term.clock())
		tried := mail.Try(ctx, a, from.Address.Domain(), nil, mail.Message{
			From: from, To: to, Subject: "Test mail", Date: term.clock(), MessageID: id + "@" + from.Address.Domain(),
			Text: testText(d.owner, a), HTML: "<p>" + testText(d.owner, a) + "</p>",
			Headers: []mail.Header{{Name: "Auto-Submitted", Value: "auto-generated"}},
		}, owners...)
		tries = append(tries, viewTried(a, from, tried))
		if tried.Failed != "" {
			refused++
		} else if !c.All {
			break
		}
	}
	return tries, refused == len(tries) || c.All && refused > 0, nil
}

func testText(owner mailOwner, a mail.Account) string {
	return fmt.Sprintf("This is a test of the sign-in mails of %s, by the server %s. There is nothing to do.\n", owner, a.Name)
}

func (c mailTestCmd) sender(t idp.Tenant, a mail.Account) (idp.MailFrom, error) {
	from := t.Settings.Mail
	switch {
	case a.From != "":
		from.Address = a.From
	case from.Address != "":
	case c.MailFrom == "":
		return from, usage("whom shall it come from? --mail-from ADDRESS, as serve is started with")
	default:
		var err error
		if from.Address, err = idp.ParseAddress(c.MailFrom); err != nil {
			return from, usage("--mail-from: %w", err)
		}
	}
	return from, nil
}

func viewTried(a mail.Account, from idp.MailFrom, t mail.Tried) triedView {
	v := triedView{
		Name: a.Name, Server: a.Server(), From: string(from.Address), Sent: t.Failed == "", Hint: t.Hint,
		Signed: append([]string{}, t.Signed...), Steps: []stepView{},
	}
	for _, p := range t.Passed {
		v.Steps = append(v.Steps, stepView{p.Step, true, p.Detail})
	}
	if t.Failed != "" {
		v.Steps = append(v.Steps, stepView{t.Failed, false, t.Words})
	}
	return v
}

func (c mailTestCmd) report(term *terminal, tries []triedView, failed bool) error {
	if c.JSON {
		if err := printJSON(term.stdout, map[string]any{"to": c.To, "sent": !failed, "tries": tries}); err != nil {
			return err
		}
	} else {
		for _, t := range tries {
			t.print(term.stdout)
		}
	}
	if !failed {
		return nil
	}
	for _, t := range tries {
		if !t.Sent {
			return fmt.Errorf("%s did not take the test mail: %s", t.Name, t.Hint)
		}
	}
	return nil
}

func (v triedView) print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%s (%s), from %s\n", v.Name, v.Server, v.From)
	for _, s := range v.Steps {
		mark := "ok  "
		if !s.OK {
			mark = "FAIL"
		}
		_, _ = fmt.Fprintf(w, "  %s  %-10s %s\n", mark, s.Step, s.Detail)
	}
	if len(v.Signed) > 0 {
		_, _ = fmt.Fprintf(w, "  signed by  %s\n", strings.Join(v.Signed, ", "))
	} else if v.Sent {
		_, _ = fmt.Fprintln(w, "  not signed by us: `postern mail dkim create` makes a key, unless the provider signs")
	}
	if v.Hint != "" {
		_, _ = fmt.Fprintf(w, "  perhaps    %s\n", v.Hint)
	}
	if v.Sent {
		_, _ = fmt.Fprintln(w, "  the server took it; whether it reached the mailbox shows there")
	}
}
