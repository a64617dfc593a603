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

type auditPruneCmd struct {
	Tenant    string        `required:"" help:"Slug of the tenant."`
	OlderThan time.Duration `required:"" placeholder:"TIME" help:"Events older than this go: 24h or more, such as 8760h."`
	JSON      bool          `name:"json" help:"JSON on stdout."`
}

// minAuditAge keeps what just happened from being taken out of sight.
const minAuditAge = 24 * time.Hour

// pruneBatch bounds one step, so that no login waits long behind it.
const pruneBatch = 1000

// Run deletes a tenant's old events, which notes that itself.
func (c auditPruneCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	if c.OlderThan < minAuditAge {
		return usage("--older-than: %s or more", minAuditAge)
	}
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		before, total := term.clock().Add(-c.OlderThan), 0
		for {
			gone, err := store.PruneEvents(ctx, t.ID, before, term.clock(), pruneBatch)
			if err != nil {
				return err
			}
			if total += gone; gone < pruneBatch {
				break
			}
		}
		return term.tell(c.JSON, map[string]int{"deleted": total}, "%d events of tenant %s deleted", total, t.Slug)
	})
}
