package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

type apiCreateCmd struct {
	Tenant   string        `required:"" help:"Slug of its tenant."`
	Resource string        `arg:"" help:"Its URI, which clients name as resource (RFC 8707) and its tokens as aud."`
	Scopes   []string      `name:"scope" sep:"none" placeholder:"SCOPE" help:"A scope that it knows; repeat for several."`
	Alg      string        `name:"alg" enum:",RS256,PS256,ES256,EdDSA" default:"" placeholder:"ALG" help:"What its access tokens are signed with: RS256, PS256, ES256 or EdDSA (default: the client's)."`
	Life     time.Duration `name:"token-life" placeholder:"DURATION" help:"How long its access tokens are good: 1m to 24h (default: 1h)."`
	Opaque   bool          `help:"Access tokens that only introspection can read."`
	JSON     bool          `name:"json" help:"JSON on stdout."`
}

// Run adds the API to its tenant.
func (c apiCreateCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	api := idp.API{
		Resource: c.Resource, Scopes: c.Scopes, AccessTokenAlg: idp.Alg(c.Alg),
		TokenLife: idp.Duration(c.Life), Opaque: c.Opaque,
	}
	if err := api.Validate(); err != nil {
		return usage("%w", err)
	}
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		if _, found := t.FindAPI(api.Resource); found {
			return fmt.Errorf("tenant %s has the API %s already; `postern api delete` takes it out", t.Slug, api.Resource)
		}
		t.Settings.APIs = append(slices.Clone(t.Settings.APIs), api)
		if err := t.Validate(); err != nil {
			return usage("%w", err)
		}
		if err := store.UpdateTenant(ctx, t); err != nil {
			return fmt.Errorf("change tenant %s: %w", t.Slug, err)
		}
		return term.tell(c.JSON, api, "API %s added to tenant %s", api.Resource, t.Slug)
	})
}

type apiListCmd struct {
	Tenant string `required:"" help:"Slug of the tenant."`
	JSON   bool   `name:"json" help:"JSON on stdout."`
}

// Run lists a tenant's APIs.
func (c apiListCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withTenant(ctx, in, c.Tenant, func(_ storage.Store, t idp.Tenant) error {
		return printList(term, c.JSON, append([]idp.API{}, t.Settings.APIs...), func(api idp.API) string {
			kind := string(api.AccessTokenAlg)
			if api.Opaque {
				kind = "opaque"
			}
			return fmt.Sprintf("%s\t%s\t%s\t%s", api.Resource, strings.Join(api.Scopes, " "), kind, api.Life())
		})
	})
}

type apiDeleteCmd struct {
	Tenant   string `required:"" help:"Slug of the tenant."`
	Resource string `arg:"" help:"Its URI."`
	JSON     bool   `name:"json" help:"JSON on stdout."`
}

// Run takes the API out: no more tokens are made for it, and those that are out
// there end with their time.
func (c apiDeleteCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		rest := slices.DeleteFunc(slices.Clone(t.Settings.APIs), func(a idp.API) bool { return a.Resource == c.Resource })
		if len(rest) == len(t.Settings.APIs) {
			return fmt.Errorf("tenant %s has no API %q; `postern api list` shows them", t.Slug, c.Resource)
		}
		t.Settings.APIs = rest
		if err := store.UpdateTenant(ctx, t); err != nil {
			return fmt.Errorf("change tenant %s: %w", t.Slug, err)
		}
		return term.tell(c.JSON, map[string]string{"resource": c.Resource}, "API %s taken out of tenant %s", c.Resource, t.Slug)
	})
}
