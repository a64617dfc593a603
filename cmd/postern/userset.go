package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

type userSetCmd struct {
	Tenant  string   `required:"" help:"Slug of the tenant."`
	Address string   `arg:"" help:"Email address."`
	Claims  []string `arg:"" name:"claim=value" help:"Standard claims, such as name=, phone_number=, phone_number_verified=true or address.locality=; an empty value takes one away."`
	JSON    bool     `name:"json" help:"JSON on stdout."`
}

// Run changes claims; all of them or none.
func (c userSetCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withUser(ctx, in, c.Tenant, c.Address, func(store storage.Store, u idp.User) error {
		for _, set := range c.Claims {
			name, value, ok := strings.Cut(set, "=")
			if !ok {
				return usage("%q: use claim=value", set)
			}
			var err error
			if u.Profile, err = u.Profile.Set(name, value); err != nil {
				return usage("%w", err)
			}
		}
		now := term.clock()
		u.Profile.UpdatedAt = now.Unix()
		if err := store.SetProfile(ctx, u.TenantID, u.ID, u.Profile, now); err != nil {
			return fmt.Errorf("change %s: %w", u.Address, err)
		}
		return term.tell(c.JSON, u.Profile, "%s changed", u.Address)
	})
}

// withUser opens the store and finds tenant and user.
func withUser(ctx context.Context, in config.Instance, slug, text string, do func(storage.Store, idp.User) error) error {
	address, err := idp.ParseAddress(text)
	if err != nil {
		return usage("%q: %w", text, err)
	}
	return withTenant(ctx, in, slug, func(store storage.Store, t idp.Tenant) error {
		u, err := store.FindUser(ctx, t.ID, address)
		if errors.Is(err, idp.ErrNotFound) {
			return fmt.Errorf("%s has no account in tenant %s; `postern user list --tenant %s` shows who has", address, t.Slug, t.Slug)
		}
		if err != nil {
			return err
		}
		return do(store, u)
	})
}
