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

type consentListCmd struct {
	Tenant  string `required:"" help:"Slug of the tenant."`
	Address string `arg:"" help:"Email address."`
	JSON    bool   `name:"json" help:"JSON on stdout."`
}

// consentView is how the command line shows a consent.
type consentView struct {
	ClientID idp.ClientID `json:"client_id"`
	Scope    []string     `json:"scope"`
	AgreedAt time.Time    `json:"agreed_at"`
}

// Run lists what the user has agreed to.
func (c consentListCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withUser(ctx, in, c.Tenant, c.Address, func(store storage.Store, u idp.User) error {
		consents, err := store.ListConsents(ctx, u.TenantID, u.ID)
		if err != nil {
			return err
		}
		views := make([]consentView, 0, len(consents))
		for _, consent := range consents {
			views = append(views, consentView{consent.ClientID, consent.Scope, consent.AgreedAt.UTC()})
		}
		return printList(term, c.JSON, views, func(v consentView) string {
			return fmt.Sprintf("%s\t%s\t%s", v.ClientID, strings.Join(v.Scope, " "), v.AgreedAt.Format(time.RFC3339))
		})
	})
}

type consentRevokeCmd struct {
	Tenant  string       `required:"" help:"Slug of the tenant."`
	Address string       `arg:"" help:"Email address."`
	Client  idp.ClientID `arg:"" help:"The app's client id."`
	JSON    bool         `name:"json" help:"JSON on stdout."`
}

// Run takes the app's access back: the consent, and every token.
func (c consentRevokeCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withUser(ctx, in, c.Tenant, c.Address, func(store storage.Store, u idp.User) error {
		err := store.EndAccess(ctx, u.TenantID, u.ID, c.Client, term.clock())
		if errors.Is(err, idp.ErrNotFound) {
			return fmt.Errorf("client %q has no access for %s; `postern consent list` shows what they have agreed to", c.Client, u.Address)
		}
		if err != nil {
			return err
		}
		return term.tell(c.JSON, map[string]string{"email": string(u.Address), "client_id": string(c.Client)},
			"%s has taken back what %s was allowed", u.Address, c.Client)
	})
}
