package sqlite

import (
	"context"

	"postern/idp"
)

const tenantColumns = `tenants.tenant_id, tenants.slug, tenants.name, tenants.host, tenants.root,
	tenants.settings, tenants.created_at`

func tenantInto(t *idp.Tenant) []any {
	return []any{
		&t.ID, &t.Slug, &t.Name,
		textColumn[string]{&t.Host},
		&t.Root,
		documentColumn{&t.Settings},
		timeColumn{&t.CreatedAt},
	}
}

func scanTenant(row scanner) (t idp.Tenant, err error) {
	err = row.Scan(tenantInto(&t)...)
	return t, err
}

// CreateTenant adds a tenant with its audit event; idp.ErrConflict if slug,
// host or the root is taken.
func (s *Store) CreateTenant(ctx context.Context, t idp.Tenant) error {
	const insert = `INSERT INTO tenants (tenant_id, slug, name, host, root, settings, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, insert,
			t.ID, t.Slug, t.Name, orNull(t.Host), t.Root, document{t.Settings}, micros(t.CreatedAt))
		if err != nil {
			return err
		}
		return note(ctx, q, event(t.ID, t.CreatedAt, idp.EventTenantMade))
	})
}

// tenantTables are those whose rows belong to a tenant.
var tenantTables = []string{
	"clients", "users", "sessions", "flows", "links", "outbox", "grants", "stored_requests", "signing_keys", "audit_events",
	"used_once", "registration_tokens", "logos", "session_clients", "logouts", "consents",
	"brand_logos", "devices", "mail_setups", "suppressions", "tenants",
}

// DeleteTenant takes away a tenant with all that is in it, its audit log too, in
// one transaction; idp.ErrNotFound if it is not there. What a process wrote that
// had not heard of it goes then, too, by calling it again.
func (s *Store) DeleteTenant(ctx context.Context, t idp.TenantID) error {
	there := false
	err := s.change(ctx, func(ctx context.Context, q *statements) error {
		for _, table := range tenantTables {
			rows, err := q.exec(ctx, `DELETE FROM `+table+` WHERE tenant_id = ?`, t)
			if err != nil {
				return err
			}
			there = table == "tenants" && rows > 0
		}
		return nil
	})
	if err == nil && !there {
		return idp.ErrNotFound
	}
	return err
}

// UpdateTenant replaces name, host, root and settings; idp.ErrNotFound, ErrConflict.
func (s *Store) UpdateTenant(ctx context.Context, t idp.Tenant) error {
	const update = `UPDATE tenants SET name = ?, host = ?, root = ?, settings = ? WHERE tenant_id = ?`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		rows, err := q.exec(ctx, update, t.Name, orNull(t.Host), t.Root, document{t.Settings}, t.ID)
		return exactlyOne(rows, err, idp.ErrNotFound)
	})
}

// FindTenantBySlug gives a tenant or idp.ErrNotFound.
func (s *Store) FindTenantBySlug(ctx context.Context, slug string) (idp.Tenant, error) {
	const query = `SELECT ` + tenantColumns + ` FROM tenants WHERE slug = ?`
	return scanTenant(s.read.row(ctx, query, slug))
}

// FindTenantByHost gives a tenant or idp.ErrNotFound.
func (s *Store) FindTenantByHost(ctx context.Context, host string) (idp.Tenant, error) {
	const query = `SELECT ` + tenantColumns + ` FROM tenants WHERE host = ?`
	return scanTenant(s.read.row(ctx, query, host))
}

// FindRootTenant gives the tenant at the root of the public URL, or idp.ErrNotFound.
func (s *Store) FindRootTenant(ctx context.Context) (idp.Tenant, error) {
	const query = `SELECT ` + tenantColumns + ` FROM tenants WHERE root = 1`
	return scanTenant(s.read.row(ctx, query))
}

// ListTenants gives all tenants by slug.
func (s *Store) ListTenants(ctx context.Context) ([]idp.Tenant, error) {
	const query = `SELECT ` + tenantColumns + ` FROM tenants ORDER BY slug`
	return list(ctx, s.read, scanTenant, query)
}
