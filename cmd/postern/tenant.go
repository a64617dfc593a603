package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
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
	Link         string `json:"link_life"`
	Locale       string `json:"locale,omitempty"`
}

func viewTenant(t idp.Tenant) tenantView {
	v := tenantView{
		ID: t.ID, Slug: t.Slug, Name: t.Name, Host: t.Host, Root: t.Root,
		SignUp: "open", PKCE: "optional", Link: t.LinkLife().String(), Locale: t.Settings.Locale,
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
	if c.JSON {
		return printJSON(term.stdout, viewTenant(t))
	}
	_, err = fmt.Fprintf(term.stdout, "tenant %s created; next: postern client create --tenant %s …\n", t.Slug, t.Slug)
	return err
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
	if c.JSON {
		return printJSON(term.stdout, views)
	}
	table := tabwriter.NewWriter(term.stdout, 0, 0, 2, ' ', 0)
	for _, v := range views {
		where := "/t/" + v.Slug
		if v.Root {
			where = "/"
		}
		if v.Host != "" {
			where = "https://" + v.Host
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\tsign-up %s\n", v.Slug, v.Name, where, v.SignUp)
	}
	return table.Flush()
}

type tenantSetCmd struct {
	Slug     string   `arg:"" help:"The tenant."`
	Settings []string `arg:"" name:"key=value" help:"name, host, root, sign_up (open, invited), pkce (required, optional), link_life (2m to 60m), key_rotation (24h to 43800h), registration (token, closed), consent (ask, skip: of clients that register themselves), locale, mail_from, mail_from_name."`
	JSON     bool     `name:"json" help:"JSON on stdout."`
}

// Run changes settings; all of them or none.
func (c tenantSetCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withTenant(ctx, in, c.Slug, func(store storage.Store, t idp.Tenant) error {
		for _, setting := range c.Settings {
			key, value, ok := strings.Cut(setting, "=")
			if !ok {
				return usage("%q: use key=value", setting)
			}
			if err := setTenant(&t, key, value); err != nil {
				return usage("%s: %w", key, err)
			}
		}
		if err := t.Validate(); err != nil {
			return usage("%w", err)
		}
		if err := store.UpdateTenant(ctx, t); err != nil {
			return fmt.Errorf("change tenant %s: %w", t.Slug, err)
		}
		if c.JSON {
			return printJSON(term.stdout, viewTenant(t))
		}
		_, err := fmt.Fprintf(term.stdout, "tenant %s changed\n", t.Slug)
		return err
	})
}

func setTenant(t *idp.Tenant, key, value string) error {
	var err error
	switch key {
	case "name":
		t.Name = value
	case "host":
		t.Host = strings.ToLower(value)
	case "root":
		t.Root = value == "true"
		if value != "true" && value != "false" {
			err = errors.New("true or false")
		}
	case "sign_up":
		t.Settings.SignUp = idp.SignUp(strings.TrimPrefix(value, "open"))
	case "pkce":
		t.Settings.PKCE = idp.PKCE(value)
	case "link_life":
		var life time.Duration
		life, err = time.ParseDuration(value)
		t.Settings.LinkLife = idp.Duration(life)
	case "key_rotation":
		var period time.Duration
		period, err = time.ParseDuration(value)
		t.Settings.KeyRotation = idp.Duration(period)
	case "registration":
		t.Settings.TokenRegistration = value == "token"
		if value != "token" && value != "closed" {
			err = errors.New("token or closed")
		}
	case "consent":
		t.Settings.TrustRegistered = value == "skip"
		if value != "ask" && value != "skip" {
			err = errors.New("ask or skip, for clients that register themselves")
		}
	case "locale":
		t.Settings.Locale = value
	case "mail_from":
		t.Settings.Mail.Address, err = idp.ParseAddress(value)
	case "mail_from_name":
		t.Settings.Mail.Name = value
	default:
		err = errors.New("there is no such setting; `postern tenant set --help` lists them")
	}
	return err
}
