package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

type tenantCreateCmd struct {
	Slug string `arg:"" help:"Short name in the issuer's path: a-z, 0-9 and -."`
	Name string `required:"" help:"Name that people see."`
	Host string `help:"Host of its own, such as login.acme.example."`
	Root bool   `help:"Serve it at the root of the public URL."`
	JSON bool   `name:"json" help:"JSON on stdout."`
}

// tenantView is how the command line shows a tenant.
type tenantView struct {
	ID     idp.TenantID `json:"id"`
	Slug   string       `json:"slug"`
	Name   string       `json:"name"`
	Host   string       `json:"host,omitempty"`
	Root   bool         `json:"root,omitempty"`
	SignUp string       `json:"sign_up"`
	PKCE   string       `json:"pkce"`
	// Registration says who may register clients.
	Registration string `json:"registration"`
	// Documents is "on" where clients are let in by the URL of their metadata.
	Documents string `json:"client_documents,omitempty"`
	// Work says when bots are kept off by work, where they are.
	Work        string `json:"proof_of_work,omitempty"`
	Link        string `json:"link_life"`
	Session     string `json:"session_life"`
	Refresh     string `json:"refresh_life"`
	KeyRotation string `json:"key_rotation"`
	Locale      string `json:"locale,omitempty"`
	// MailFrom is the sender of its mails, where it is not the instance's.
	MailFrom     string `json:"mail_from,omitempty"`
	MailFromName string `json:"mail_from_name,omitempty"`
	// Domains of addresses that sign-up is open or closed to.
	Allowed idp.Domains `json:"allowed_domains,omitempty"`
	Blocked idp.Domains `json:"blocked_domains,omitempty"`
	// Limits are the tenant's own, by name.
	Limits map[string]string `json:"limits,omitempty"`
	Brand  idp.Brand         `json:"brand,omitzero"`
}

func viewTenant(t idp.Tenant) tenantView {
	v := tenantView{
		ID: t.ID, Slug: t.Slug, Name: t.Name, Host: t.Host, Root: t.Root,
		SignUp: "open", PKCE: "optional", Locale: t.Settings.Locale,
		Link: t.LinkLife().String(), Session: t.SessionLife().String(), Refresh: t.RefreshLife().String(), KeyRotation: t.KeyRotation().String(),
		MailFrom: string(t.Settings.Mail.Address), MailFromName: t.Settings.Mail.Name,
		Work: string(t.Settings.Work), Allowed: t.Settings.AllowedDomains, Blocked: t.Settings.BlockedDomains,
		Limits: t.Settings.Limits.Texts(), Brand: t.Settings.Brand,
	}
	if t.Settings.SignUp != idp.SignUpOpen {
		v.SignUp = string(t.Settings.SignUp)
	}
	switch {
	case t.Settings.OpenRegistration:
		v.Registration = "open"
	case t.Settings.TokenRegistration:
		v.Registration = "token"
	default:
		v.Registration = "closed"
	}
	if t.Settings.ClientDocuments {
		v.Documents = "on"
	}
	if t.Settings.PKCE != idp.PKCEDefault {
		v.PKCE = string(t.Settings.PKCE)
	}
	return v
}

// Run adds the tenant.
func (c tenantCreateCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	now := term.clock()
	t := idp.Tenant{
		ID: idp.TenantID(idp.NewID(now)), Slug: c.Slug, Name: c.Name,
		Host: strings.ToLower(c.Host), Root: c.Root, CreatedAt: now,
	}
	if err := t.Validate(); err != nil {
		return usage("%w", err)
	}
	store, err := openStore(ctx, in)
	if err != nil {
		return err
	}
	err = store.CreateTenant(ctx, t)
	if errors.Is(err, idp.ErrConflict) {
		err = errors.New("slug, host or root is taken by another tenant; `postern tenant list` shows them")
	}
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	return term.tell(c.JSON, viewTenant(t), "tenant %s created; next: postern client create --tenant %s …", t.Slug, t.Slug)
}

type tenantDeleteCmd struct {
	Slug    string `arg:"" help:"The tenant."`
	Confirm string `required:"" placeholder:"SLUG" help:"The same once more, for there is no way back but a backup."`
	JSON    bool   `name:"json" help:"JSON on stdout."`
}

// Run takes the tenant away, and a moment later whatever a server wrote for it
// that had not heard yet.
func (c tenantDeleteCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	if c.Confirm != c.Slug {
		return usage("--confirm %s says that tenant %s is to go, with its people, apps and keys", c.Slug, c.Slug)
	}
	return withTenant(ctx, in, c.Slug, func(store storage.Store, t idp.Tenant) error {
		if err := store.DeleteTenant(ctx, t.ID); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * cacheLife):
		}
		if err := store.DeleteTenant(ctx, t.ID); err != nil && !errors.Is(err, idp.ErrNotFound) {
			return err
		}
		return term.tell(c.JSON, map[string]any{"id": t.ID, "slug": t.Slug}, "tenant %s is deleted", t.Slug)
	})
}

type tenantListCmd struct {
	JSON bool `name:"json" help:"JSON on stdout."`
}

// Run lists the tenants.
func (c tenantListCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	store, err := openStore(ctx, in)
	if err != nil {
		return err
	}
	tenants, err := store.ListTenants(ctx)
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	views := make([]tenantView, 0, len(tenants))
	for _, t := range tenants {
		views = append(views, viewTenant(t))
	}
	return printList(term, c.JSON, views, func(v tenantView) string {
		where := "/t/" + v.Slug
		if v.Root {
			where = "/"
		}
		if v.Host != "" {
			where = "https://" + v.Host
		}
		return fmt.Sprintf("%s\t%s\t%s\tsign-up %s", v.Slug, v.Name, where, v.SignUp)
	})
}
