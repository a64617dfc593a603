package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"postern/config"
	"postern/idp"
	"postern/keys"
	"postern/mail"
	"postern/storage"
)

// mailCommands are those about mail.
type mailCommands struct {
	Set     mailSetCmd     `cmd:"" help:"Add a mail server, or replace the one of its name."`
	Show    mailShowCmd    `cmd:"" help:"Show mail servers and DKIM keys, without their secrets."`
	Remove  mailRemoveCmd  `cmd:"" help:"Take a mail server out."`
	Test    mailTestCmd    `cmd:"" help:"Send a test mail and tell each step."`
	Preview mailPreviewCmd `cmd:"" help:"Show the mail that a tenant's people get."`
	DKIM    struct {
		Create dkimCreateCmd `cmd:"" help:"Make a key, and print the DNS record to publish."`
		Show   dkimShowCmd   `cmd:"" help:"Print the DNS records to publish."`
		List   dkimListCmd   `cmd:"" help:"List the keys."`
		Remove dkimRemoveCmd `cmd:"" help:"Sign with a key no more."`
	} `cmd:"" name:"dkim" help:"DKIM: keys that mails are signed with."`
	Suppression struct {
		List   suppressionListCmd   `cmd:"" help:"List addresses that no mail is sent to, for a day, because their server said they do not exist."`
		Remove suppressionRemoveCmd `cmd:"" help:"Let mail to an address out again."`
	} `cmd:"" help:"Suppressions: addresses without a mailbox."`
}

// mailOwner is whose mail a command is about.
type mailOwner struct {
	Tenant   string `xor:"owner" required:"" placeholder:"SLUG" help:"The tenant whose mail it is about."`
	Instance bool   `xor:"owner" required:"" help:"It is about the instance: how tenants without a say of their own send, and what comes after those that have one."`
}

func (o mailOwner) String() string {
	if o.Instance {
		return "the instance"
	}
	return "tenant " + o.Tenant
}

// mailDesk is a mail setup that a command works on.
type mailDesk struct {
	owner  mailOwner
	store  storage.Store
	box    *keys.Box
	tenant idp.Tenant // the zero one for the instance
	setup  mail.Setup
}

// at opens the store and an owner's setup, and closes the store afterwards.
func (o mailOwner) at(ctx context.Context, in config.Instance, do func(*mailDesk) error) error {
	store, box, err := openSealed(ctx, in)
	if err != nil {
		return err
	}
	desk := &mailDesk{owner: o, store: store, box: box}
	work := func() error {
		var err error
		if desk.setup, err = desk.setupOf(ctx, desk.id()); err != nil {
			return err
		}
		return do(desk)
	}
	if o.Instance {
		return errors.Join(work(), store.Close())
	}
	err = withTenantOf(ctx, store, o.Tenant, func(_ storage.Store, t idp.Tenant) error {
		desk.tenant = t
		return work()
	})
	return errors.Join(err, store.Close())
}

func (d *mailDesk) id() idp.TenantID {
	if d.owner.Instance {
		return idp.Instance
	}
	return d.tenant.ID
}

// setupOf gives a setup; one that is not there is empty.
func (d *mailDesk) setupOf(ctx context.Context, id idp.TenantID) (mail.Setup, error) {
	row, err := d.store.FindMailSetup(ctx, id)
	if errors.Is(err, idp.ErrNotFound) {
		return mail.Setup{}, nil
	}
	if err != nil {
		return mail.Setup{}, err
	}
	return mail.OpenSetup(d.box, row)
}

// save keeps the setup, and has the tenant name it: servers go by it from the
// next mail on.
func (d *mailDesk) save(ctx context.Context, term *terminal) error {
	row, err := d.setup.Seal(d.box, d.id(), idp.NewID(term.clock()))
	if err != nil {
		return err
	}
	if err := d.store.SaveMailSetup(ctx, row); err != nil || d.owner.Instance {
		return err
	}
	d.tenant.Settings.MailSetup = row.ID
	if d.setup.Empty() {
		d.tenant.Settings.MailSetup = ""
	}
	return d.store.UpdateTenant(ctx, d.tenant)
}

// maxSecret is longer than any password, token or key.
const maxSecret = 16 << 10

// readSecret reads a secret of one line from the file that a mail account names.
func readSecret(file string) (mail.Secret, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return "", err
	}
	defer f.Close()
	return secretIn(f, file)
}

func secretIn(r io.Reader, name string) (mail.Secret, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	secret := strings.TrimRight(string(raw), "\r\n")
	if secret == "" || len(raw) > maxSecret || strings.ContainsAny(secret, "\r\n") {
		return "", fmt.Errorf("%s: one line with the secret is wanted", name)
	}
	return mail.Secret(secret), nil
}

// canMail refuses to serve where no login mail could go out.
func canMail(ctx context.Context, store mail.Setups, s settings) error {
	if len(s.accounts) > 0 {
		return nil
	}
	row, err := store.FindMailSetup(ctx, idp.Instance)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return err
	}
	if err == nil {
		setup, err := mail.OpenSetup(s.box, row)
		if err != nil {
			return err
		}
		if len(setup.Accounts) > 0 {
			return nil
		}
	}
	return errors.New("no way to send mail: name a server by --smtp, such as smtp://USER:PASSWORD@smtp.example.com:587, or keep one sealed by `postern mail set --instance URL`")
}
