package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

type tenantShowCmd struct {
	Slug string `arg:"" help:"The tenant."`
	JSON bool   `name:"json" help:"JSON on stdout."`
}

// Run shows a tenant's settings, by the names that tenant set takes.
func (c tenantShowCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withTenant(ctx, in, c.Slug, func(_ storage.Store, t idp.Tenant) error {
		v := viewTenant(t)
		if c.JSON {
			return printJSON(term.stdout, v)
		}
		table := tabwriter.NewWriter(term.stdout, 0, 0, 2, ' ', 0)
		for _, line := range v.lines() {
			if line[1] != "" {
				_, _ = fmt.Fprintf(table, "%s\t%s\n", line[0], line[1])
			}
		}
		return table.Flush()
	})
}

func (v tenantView) lines() [][2]string {
	lines := [][2]string{
		{"name", v.Name},
		{"host", v.Host},
		{"sign_up", v.SignUp},
		{"allowed_domains", strings.Join(v.Allowed, ",")},
		{"blocked_domains", strings.Join(v.Blocked, ",")},
		{"pkce", v.PKCE},
		{"registration", v.Registration},
		{"client_documents", v.Documents},
		{"proof_of_work", v.Work},
		{"link_life", v.Link},
		{"session_life", v.Session},
		{"refresh_life", v.Refresh},
		{"key_rotation", v.KeyRotation},
		{"locale", v.Locale},
		{"mail_from", v.MailFrom},
		{"mail_from_name", v.MailFromName},
	}
	for _, name := range slices.Sorted(maps.Keys(v.Limits)) {
		lines = append(lines, [2]string{"limit." + name, v.Limits[name]})
	}
	b := v.Brand
	if b.Logo.Hash != "" {
		lines = append(lines, [2]string{"logo", fmt.Sprintf("%d by %d pixels", b.Logo.Width, b.Logo.Height)})
	}
	return append(lines, [][2]string{
		{"colour", string(b.Colour)},
		{"colour_dark", string(b.ColourDark)},
		{"greeting", b.Greeting},
		{"support", b.Support},
		{"privacy", b.Privacy},
		{"terms", b.Terms},
		{"imprint", b.Imprint},
	}...)
}
