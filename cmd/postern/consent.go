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
		if c.JSON {
			return printJSON(term.stdout, views)
		}
		table := tabwriter.NewWriter(term.stdout, 0, 0, 2, ' ', 0)
		for _, v := range views {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", v.ClientID, strings.Join(v.Scope, " "), v.AgreedAt.Format(time.RFC3339))
		}
		return table.Flush()
	})
}

type consentRevokeCmd struct {
	Tenant  string       `required:"" help:"Slug of the tenant."`
	Address string       `arg:"" help:"Email address."`
	Client  idp.ClientID `arg:"" help:"The app's client id."`
	JSON    bool         `name:"json" help:"JSON on stdout."`
}

// Run takes the consent back, with the tokens that stand on it.
func (c consentRevokeCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withUser(ctx, in, c.Tenant, c.Address, func(store storage.Store, u idp.User) error {
		err := store.RevokeConsent(ctx, u.TenantID, u.ID, c.Client, term.clock())
		if errors.Is(err, idp.ErrNotFound) {
			return fmt.Errorf("%s has not agreed to anything for client %q; `postern consent list` shows what there is", u.Address, c.Client)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(term.stdout, map[string]string{"email": string(u.Address), "client_id": string(c.Client)})
		}
		_, err = fmt.Fprintf(term.stdout, "%s has taken back what %s was allowed\n", u.Address, c.Client)
		return err
	})
}
