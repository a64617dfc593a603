package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

type suppressionListCmd struct {
	Tenant string `required:"" help:"Slug of the tenant."`
	JSON   bool   `name:"json" help:"JSON on stdout."`
}

type suppressionView struct {
	Address idp.Address `json:"email"`
	Reason  string      `json:"reason"`
	Since   time.Time   `json:"since"`
	Until   time.Time   `json:"until"`
}

// Run lists the suppressions that count now, newest first.
func (c suppressionListCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		all, err := store.ListSuppressions(ctx, t.ID, term.clock(), most)
		if err != nil {
			return err
		}
		views := make([]suppressionView, 0, len(all))
		for _, s := range all {
			views = append(views, suppressionView{s.Address, s.Reason, s.CreatedAt.UTC(), s.Expires.UTC()})
		}
		return printList(term, c.JSON, views, func(v suppressionView) string {
			return fmt.Sprintf("%s\t%s\tuntil %s", v.Address, v.Reason, v.Until.Format(time.RFC3339))
		})
	})
}

type suppressionRemoveCmd struct {
	Tenant  string `required:"" help:"Slug of the tenant."`
	Address string `arg:"" help:"Email address."`
	JSON    bool   `name:"json" help:"JSON on stdout."`
}

// Run lets mail to the address out again.
func (c suppressionRemoveCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	address, err := idp.ParseAddress(c.Address)
	if err != nil {
		return usage("%q: %w", c.Address, err)
	}
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		err := store.Unsuppress(ctx, t.ID, address)
		if errors.Is(err, idp.ErrNotFound) {
			return fmt.Errorf("%s is not suppressed in tenant %s; `postern mail suppression list` shows those that are", address, t.Slug)
		}
		if err != nil {
			return err
		}
		return term.tell(c.JSON, map[string]string{"email": string(address)}, "mail to %s goes out again", address)
	})
}
