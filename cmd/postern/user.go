package main

import (
	"context"
	"errors"
	"fmt"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

type userInviteCmd struct {
	Tenant  string `required:"" help:"Slug of the tenant."`
	Address string `arg:"" help:"Email address."`
	JSON    bool   `name:"json" help:"JSON on stdout."`
}

// Run adds the user; no mail goes out until they sign in.
func (c userInviteCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	address, err := idp.ParseAddress(c.Address)
	if err != nil {
		return usage("%q: %w", c.Address, err)
	}
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		now := term.clock()
		u := idp.User{TenantID: t.ID, ID: idp.UserID(idp.NewID(now)), Subject: idp.NewSubject(), Address: address, CreatedAt: now}
		err := store.InviteUser(ctx, u)
		if errors.Is(err, idp.ErrConflict) {
			return fmt.Errorf("%s has an account in tenant %s already", address, t.Slug)
		}
		if err != nil {
			return err
		}
		return term.tell(c.JSON, map[string]string{"sub": u.Subject, "email": string(u.Address)}, "%s can sign in to tenant %s now", u.Address, t.Slug)
	})
}
