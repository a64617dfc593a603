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

type keyListCmd struct {
	Tenant string `required:"" help:"Slug of the tenant."`
	JSON   bool   `name:"json" help:"JSON on stdout."`
}

// What a key is good for now.
const (
	keyNext     = "next"     // it is published and does not sign yet
	keySigns    = "signs"    // new tokens are signed with it
	keyVerifies = "verifies" // tokens that it signed are still good
)

// keyState is how the command line shows a key.
type keyState struct {
	keyView
	State   string    `json:"state"`
	Retires time.Time `json:"retires_at,omitzero"`
}

// Run lists the keys that are published.
func (c keyListCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		states, err := keyStates(ctx, store, t, term.clock())
		if err != nil {
			return err
		}
		return printList(term, c.JSON, states, func(k keyState) string {
			until := ""
			if !k.Retires.IsZero() {
				until = "until " + k.Retires.Format(time.RFC3339)
			}
			return fmt.Sprintf("%s\t%s\t%s\tsince %s\t%s", k.KID, k.Alg, k.State, k.From.Format(time.RFC3339), until)
		})
	})
}

// keyStates gives a tenant's keys, newest first. Of each algorithm the newest
// that signing has begun with signs.
func keyStates(ctx context.Context, store storage.Store, t idp.Tenant, now time.Time) ([]keyState, error) {
	rows, err := store.SigningKeys(ctx, t.ID, now)
	if err != nil {
		return nil, err
	}
	states := make([]keyState, 0, len(rows))
	signs := map[idp.Alg]int{} // generation
	for _, k := range rows {
		if !k.ActiveFrom.After(now) {
			signs[k.Alg] = max(signs[k.Alg], k.Generation)
		}
	}
	for _, k := range rows {
		state := keyVerifies
		switch {
		case k.ActiveFrom.After(now):
			state = keyNext
		case k.Generation == signs[k.Alg]:
			state = keySigns
		}
		view := keyState{keyView: keyView{k.KID, k.Alg, k.ActiveFrom.UTC()}, State: state}
		if !k.RetiredAt.IsZero() {
			view.Retires = k.RetiredAt.UTC()
		}
		states = append(states, view)
	}
	return states, nil
}

type keyRevokeCmd struct {
	Tenant string `required:"" help:"Slug of the tenant."`
	KID    string `arg:"" name:"kid" help:"The key, as key list shows it."`
	JSON   bool   `name:"json" help:"JSON on stdout."`
}

// Run takes a key out of use at once: what it signed counts no more. The one
// that signs must be rotated away first, so that there is always one.
func (c keyRevokeCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		now := term.clock()
		states, err := keyStates(ctx, store, t, now)
		if err != nil {
			return err
		}
		for _, k := range states {
			if k.KID == c.KID && k.State != keyVerifies {
				return fmt.Errorf("key %s is the one that signs, or is to be next: `postern key rotate --tenant %s --now` first", c.KID, t.Slug)
			}
		}
		err = store.RetireSigningKey(ctx, t.ID, c.KID, now)
		if errors.Is(err, idp.ErrNotFound) {
			return fmt.Errorf("tenant %s has no key %q; `postern key list --tenant %s` shows them", t.Slug, c.KID, t.Slug)
		}
		if err != nil {
			return err
		}
		time.Sleep(counts) // whoever ran it may rely on it from here on
		return term.tell(c.JSON, map[string]string{"kid": c.KID}, "key %s is revoked: what it signed counts no more", c.KID)
	})
}
