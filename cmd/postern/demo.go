package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"postern/dev"
	"postern/idp"
	"postern/keys"
	"postern/mail"
	"postern/storage"
)

// makeDemo adds the demo tenant and its two clients where they are missing, and
// fits the clients' redirect URIs to the public URL of this run.
func makeDemo(ctx context.Context, term *terminal, store storage.Store, box *keys.Box, public *url.URL) (dev.Config, error) {
	now := term.clock()
	t, err := demoTenant(ctx, store, now)
	if err != nil {
		return dev.Config{}, fmt.Errorf("demo tenant: %w", err)
	}
	secret := demoSecret(box, t.ID)
	web := idp.Client{
		TenantID: t.ID, ID: "demo-web", CreatedAt: now, Metadata: dev.WebClient(public.String()),
		Secrets: []idp.Digest{idp.DigestOf([]byte(secret))},
	}
	spa := idp.Client{TenantID: t.ID, ID: "demo-spa", CreatedAt: now, Metadata: dev.SPAClient(public.String())}
	for _, client := range []idp.Client{web, spa} {
		if err := putClient(ctx, store, client); err != nil {
			return dev.Config{}, fmt.Errorf("demo client %s: %w", client.ID, err)
		}
	}
	return dev.Config{
		PublicURL: public.String(), Issuer: t.Issuer(public.String()), Clock: term.clock, Log: term.log,
		WebClientID: string(web.ID), WebClientSecret: secret, SPAClientID: string(spa.ID),
	}, nil
}

// demoTenant finds or makes the tenant. Of several processes that start at
// once, one makes it and all use it.
func demoTenant(ctx context.Context, store storage.Store, now time.Time) (idp.Tenant, error) {
	t, err := store.FindTenantBySlug(ctx, demoSlug)
	if !errors.Is(err, idp.ErrNotFound) {
		return t, err
	}
	t = idp.Tenant{
		ID: idp.TenantID(idp.NewID(now)), Slug: demoSlug, Name: "Demo", CreatedAt: now,
		Settings: idp.TenantSettings{OpenRegistration: true, ClientDocuments: true, DemoClaims: true},
	}
	err = store.CreateTenant(ctx, t)
	if errors.Is(err, idp.ErrConflict) {
		return store.FindTenantBySlug(ctx, demoSlug)
	}
	return t, err
}

func putClient(ctx context.Context, store storage.Store, client idp.Client) error {
	if err := client.Validate(); err != nil {
		return err
	}
	err := store.CreateClient(ctx, client)
	if errors.Is(err, idp.ErrConflict) {
		return store.UpdateClient(ctx, client)
	}
	return err
}

// demoSecret is derived from the master key, so that it need not be kept.
func demoSecret(box *keys.Box, t idp.TenantID) string {
	mac := box.MAC(t, "demo-client-secret")
	return base64.RawURLEncoding.EncodeToString(mac[:])
}

// devMailbox shows the mail room's mailbox on the dev pages.
type devMailbox struct{ box *mail.Mailbox }

// Messages gives the mails to an address, or all, newest first.
func (m devMailbox) Messages(to string) []dev.Mail {
	var address idp.Address
	if to != "" {
		var err error
		if address, err = idp.ParseAddress(to); err != nil {
			return nil // nobody was ever mailed at it
		}
	}
	kept := m.box.List(address)
	out := make([]dev.Mail, 0, len(kept))
	for _, k := range kept {
		out = append(out, dev.Mail(k))
	}
	return out
}
