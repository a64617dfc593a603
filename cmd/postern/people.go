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

// page is how many rows are read at once; most is how many sessions are listed.
const (
	page = 500
	most = 10_000
)

type userListCmd struct {
	Tenant string `required:"" help:"Slug of the tenant."`
	JSON   bool   `name:"json" help:"JSON on stdout."`
}

// userView is how the command line shows a user.
type userView struct {
	Subject   string      `json:"sub"`
	Address   idp.Address `json:"email"`
	Verified  bool        `json:"email_verified"`
	Disabled  bool        `json:"disabled"`
	CreatedAt time.Time   `json:"created_at"`
	Profile   idp.Profile `json:"profile"`
}

// Run lists the users, by address.
func (c userListCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		views := []userView{}
		for after := idp.Address(""); ; {
			users, err := store.ListUsers(ctx, t.ID, after, page)
			if err != nil {
				return err
			}
			for _, u := range users {
				views = append(views, userView{u.Subject, u.Address, u.Verified, u.Disabled, u.CreatedAt.UTC(), u.Profile})
				after = u.Address
			}
			if len(users) < page {
				break
			}
		}
		return printList(term, c.JSON, views, func(v userView) string {
			state := "invited"
			switch {
			case v.Disabled:
				state = "disabled"
			case v.Verified:
				state = "active"
			}
			return fmt.Sprintf("%s\t%s\t%s\tsince %s", v.Address, v.Subject, state, v.CreatedAt.Format(time.DateOnly))
		})
	})
}

// userChange is a command that does one thing to a user.
type userChange struct {
	Tenant  string `required:"" help:"Slug of the tenant."`
	Address string `arg:"" help:"Email address."`
	JSON    bool   `name:"json" help:"JSON on stdout."`
}

func (c userChange) run(ctx context.Context, term *terminal, in config.Instance, done string, do func(storage.Store, idp.User) error) error {
	return withUser(ctx, in, c.Tenant, c.Address, func(store storage.Store, u idp.User) error {
		if err := do(store, u); err != nil {
			return fmt.Errorf("%s: %w", u.Address, err)
		}
		return term.tell(c.JSON, map[string]string{"sub": u.Subject, "email": string(u.Address)}, "%s %s", u.Address, done)
	})
}

type userDisableCmd struct{ userChange }

// Run disables the user: no session, token or login of theirs counts any more.
func (c userDisableCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.run(ctx, term, in, "is disabled and signed out everywhere", func(store storage.Store, u idp.User) error {
		return store.SetDisabled(ctx, u.TenantID, u.ID, true, term.clock())
	})
}

type userEnableCmd struct{ userChange }

// Run lets the user sign in again.
func (c userEnableCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.run(ctx, term, in, "can sign in again", func(store storage.Store, u idp.User) error {
		return store.SetDisabled(ctx, u.TenantID, u.ID, false, term.clock())
	})
}

type userSignOutCmd struct{ userChange }

// Run ends all sessions and tokens of the user.
func (c userSignOutCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.run(ctx, term, in, "is signed out everywhere", func(store storage.Store, u idp.User) error {
		return store.SignOutUser(ctx, u.TenantID, u.ID, term.clock())
	})
}

type userDeleteCmd struct{ userChange }

// Run takes away the user and all that is theirs.
func (c userDeleteCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.run(ctx, term, in, "is deleted", func(store storage.Store, u idp.User) error {
		return store.DeleteUser(ctx, u.TenantID, u.ID, term.clock())
	})
}

type sessionListCmd struct {
	Tenant  string `required:"" help:"Slug of the tenant."`
	Address string `name:"user" placeholder:"ADDRESS" help:"Only this user's."`
	JSON    bool   `name:"json" help:"JSON on stdout."`
}

// sessionView is how the command line shows a session.
type sessionView struct {
	ID       idp.SessionID `json:"sid"`
	Address  idp.Address   `json:"email"`
	AuthTime time.Time     `json:"auth_time"`
	Expires  time.Time     `json:"expires"`
	ACR      string        `json:"acr"`
}

// Run lists the sessions that are alive, newest login first.
func (c sessionListCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	if c.Address != "" {
		return withUser(ctx, in, c.Tenant, c.Address, func(store storage.Store, u idp.User) error {
			return c.list(ctx, term, store, u.TenantID, u.ID)
		})
	}
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		return c.list(ctx, term, store, t.ID, "")
	})
}

func (c sessionListCmd) list(ctx context.Context, term *terminal, store storage.Store, t idp.TenantID, u idp.UserID) error {
	sessions, err := store.ListSessions(ctx, t, u, term.clock(), most)
	if err != nil {
		return err
	}
	views := make([]sessionView, 0, len(sessions))
	for _, in := range sessions {
		s := in.Session
		views = append(views, sessionView{s.ID, in.User.Address, s.AuthTime.UTC(), s.Expires.UTC(), s.ACR})
	}
	return printList(term, c.JSON, views, func(v sessionView) string {
		return fmt.Sprintf("%s\t%s\tsince %s", v.ID, v.Address, v.AuthTime.Format(time.RFC3339))
	})
}

type sessionRevokeCmd struct {
	Tenant string        `required:"" help:"Slug of the tenant."`
	ID     idp.SessionID `arg:"" name:"sid" help:"The session, as session list shows it."`
	JSON   bool          `name:"json" help:"JSON on stdout."`
}

// Run ends the session and every token that stands on it.
func (c sessionRevokeCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		err := store.EndSession(ctx, t.ID, c.ID, term.clock())
		if errors.Is(err, idp.ErrNotFound) {
			return fmt.Errorf("no session %q is alive in tenant %s; `postern session list --tenant %s` shows them", c.ID, t.Slug, t.Slug)
		}
		if err != nil {
			return err
		}
		return term.tell(c.JSON, map[string]idp.SessionID{"sid": c.ID}, "session %s ended", c.ID)
	})
}
