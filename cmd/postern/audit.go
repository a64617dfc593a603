package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

type auditListCmd struct {
	Tenant string `required:"" help:"Slug of the tenant."`
	Most   int    `default:"100" placeholder:"N" help:"How many, the newest first: 1 to 10000."`
	JSON   bool   `name:"json" help:"JSON on stdout."`
}

// eventView is how the command line shows an event.
type eventView struct {
	At       time.Time     `json:"at"`
	Kind     idp.EventKind `json:"kind"`
	UserID   idp.UserID    `json:"user_id,omitempty"`
	ClientID idp.ClientID  `json:"client_id,omitempty"`
	Detail   string        `json:"detail,omitempty"`
}

// Run lists a tenant's newest events.
func (c auditListCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	if c.Most < 1 || c.Most > most {
		return usage("--most: 1 to %d", most)
	}
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		events, err := store.ListEvents(ctx, t.ID, c.Most)
		if err != nil {
			return err
		}
		views := make([]eventView, 0, len(events))
		for _, e := range events {
			views = append(views, eventView{e.At.UTC(), e.Kind, e.UserID, e.ClientID, e.Detail})
		}
		return printList(term, c.JSON, views, func(v eventView) string {
			about := strings.TrimSpace(fmt.Sprintf("%s %s %s", v.UserID, v.ClientID, v.Detail))
			return fmt.Sprintf("%s\t%s\t%s", v.At.Format(time.RFC3339), v.Kind, about)
		})
	})
}
