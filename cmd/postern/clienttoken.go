package main

import (
	"context"
	"fmt"
	"time"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

type clientTokenCmd struct {
	Tenant string        `required:"" help:"Slug of the tenant."`
	Uses   int           `default:"1" help:"How many clients it may register."`
	Life   time.Duration `default:"24h" placeholder:"TIME" help:"How long it is good, up to 8760h."`
	JSON   bool          `name:"json" help:"JSON on stdout (it is in any case)."`
}

// maxTokenLife is a year.
const maxTokenLife = 8760 * time.Hour

// Run makes an initial access token (RFC 7591 §1.2) and prints it, once.
func (c clientTokenCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	switch {
	case c.Uses < 1 || c.Uses > 1000:
		return usage("--uses: 1 to 1000")
	case c.Life < time.Minute || c.Life > maxTokenLife:
		return usage("--life: 1m to %s", maxTokenLife)
	}
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		if !t.Registers() {
			return fmt.Errorf("tenant %s takes no registrations; `postern tenant set %s registration=token` lets it", t.Slug, t.Slug)
		}
		now := term.clock()
		token := idp.NewCredential(idp.NewID(now))
		err := store.CreateRegistrationToken(ctx, idp.RegistrationToken{
			TenantID: t.ID, ID: token.ID, Digest: token.Secret.Digest(), Uses: c.Uses, CreatedAt: now, Expires: now.Add(c.Life),
		})
		if err != nil {
			return fmt.Errorf("make token: %w", err)
		}
		return printJSON(term.stdout, struct {
			Token   string    `json:"initial_access_token"`
			Uses    int       `json:"uses"`
			Expires time.Time `json:"expires"`
		}{token.Reveal(), c.Uses, now.Add(c.Life).UTC().Truncate(time.Second)})
	})
}
