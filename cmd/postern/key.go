package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/config"
	"postern/idp"
	"postern/keys"
	"postern/storage"
)

type keyRotateCmd struct {
	Tenant string `required:"" help:"Slug of the tenant."`
	Now    bool   `help:"Sign with the next key at once."`
	JSON   bool   `name:"json" help:"JSON on stdout."`
}

// counts is within what time a running server goes by what a command changed.
const counts = time.Second

type keyView struct {
	KID  string    `json:"kid"`
	Alg  idp.Alg   `json:"alg"`
	From time.Time `json:"active_from"`
}

// Run adds the next keys.
func (c keyRotateCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	store, box, err := openSealed(ctx, in)
	if err != nil {
		return err
	}
	err = withTenantOf(ctx, store, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		made, err := keys.NewRing(store, box, term.clock).Rotate(ctx, t.ID, c.Now)
		if err != nil {
			return fmt.Errorf("rotate keys of tenant %s: %w", t.Slug, err)
		}
		if c.Now { // whoever ran it may rely on it from here on
			time.Sleep(counts)
		}
		views := make([]keyView, 0, len(made))
		for _, key := range made {
			views = append(views, keyView{key.KID, key.Alg, key.ActiveFrom})
		}
		if c.JSON {
			return printJSON(term.stdout, views)
		}
		for _, v := range views {
			if _, err := fmt.Fprintf(term.stdout, "%s %s signs from %s\n", v.Alg, v.KID, v.From.UTC().Format(time.RFC3339)); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, store.Close())
}
