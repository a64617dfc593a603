package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"postern/idp"
)

const tenantColumns = `t.tenant_id, t.slug, t.name, t.host, t.root, t.settings, t.created_at`

func tenantInto(t *idp.Tenant) []any {
	return []any{
		keyTo(&t.ID), textTo(&t.Slug), textTo(&t.Name), textTo(&t.Host),
		boolColumn{&t.Root},
		documentColumn{&t.Settings},
		timeColumn{&t.CreatedAt},
	}
}

func scanTenant(row pgx.Row) (t idp.Tenant, err error) {
	err = row.Scan(tenantInto(&t)...)
	return t, err
}

// CreateTenant adds a tenant with its audit event; idp.ErrConflict if slug,
// host or the root is taken.
func (s *Store) CreateTenant(ctx context.Context, t idp.Tenant) error {
	const insert = `INSERT INTO tenants (tenant_id, slug, name, host, root, settings, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`
	settings, err := document(t.Settings)
	if err != nil {
		return err
	}
	var both pgx.Batch // two statements: on Citus the rows are on different machines
	both.Queue(insert, key(t.ID), t.Slug, t.Name, orNull(t.Host), t.Root, settings, instant(t.CreatedAt))
	note(&both, event(t.ID, t.CreatedAt, idp.EventTenantMade))
	return s.together(ctx, &both)
}

// UpdateTenant replaces name, host, root and settings; idp.ErrNotFound, ErrConflict.
func (s *Store) UpdateTenant(ctx context.Context, t idp.Tenant) error {
	const update = `UPDATE tenants SET name = $2, host = $3, root = $4, settings = $5 WHERE tenant_id = $1`
	settings, err := document(t.Settings)
	if err != nil {
		return err
	}
	rows, err := s.exec(ctx, update, named(t.ID), t.Name, orNull(t.Host), t.Root, settings)
	return exactlyOne(rows, err, idp.ErrNotFound)
}

// DeleteTenant takes away a tenant with all that is in it, its audit log too, in
// one transaction; idp.ErrNotFound if it is not there. What a process wrote that
// had not heard of it goes then, too, by calling it again.
func (s *Store) DeleteTenant(ctx context.Context, t idp.TenantID) error {
	var all pgx.Batch
	for _, table := range tenantTables {
		all.Queue(`DELETE FROM `+table+` WHERE tenant_id = $1`, named(t))
	}
	var rows int64
	all.Queue(`DELETE FROM tenants WHERE tenant_id = $1`, named(t)).Exec(func(tag pgconn.CommandTag) error {
		rows = tag.RowsAffected()
		return nil
	})
	err := s.together(ctx, &all)
	return exactlyOne(rows, err, idp.ErrNotFound)
}

func (s *Store) findTenant(ctx context.Context, query string, args ...any) (t idp.Tenant, err error) {
	err = s.row(ctx, tenantInto(&t), query, args...)
	return t, err
}

// FindTenantBySlug gives a tenant or idp.ErrNotFound.
func (s *Store) FindTenantBySlug(ctx context.Context, slug string) (idp.Tenant, error) {
	const query = `SELECT ` + tenantColumns + ` FROM tenants t WHERE t.slug = $1`
	return s.findTenant(ctx, query, slug)
}

// FindTenantByHost gives a tenant or idp.ErrNotFound.
func (s *Store) FindTenantByHost(ctx context.Context, host string) (idp.Tenant, error) {
	const query = `SELECT ` + tenantColumns + ` FROM tenants t WHERE t.host = $1`
	return s.findTenant(ctx, query, host)
}

// FindRootTenant gives the tenant at the root of the public URL, or idp.ErrNotFound.
func (s *Store) FindRootTenant(ctx context.Context) (idp.Tenant, error) {
	const query = `SELECT ` + tenantColumns + ` FROM tenants t WHERE t.root`
	return s.findTenant(ctx, query)
}

// ListTenants gives all tenants by slug.
func (s *Store) ListTenants(ctx context.Context) ([]idp.Tenant, error) {
	const query = `SELECT ` + tenantColumns + ` FROM tenants t ORDER BY t.slug`
	return list(ctx, s, scanTenant, query)
}

// exactlyOne gives otherwise unless a statement changed one row.
func exactlyOne(rows int64, err, otherwise error) error {
	if err == nil && rows != 1 {
		return otherwise
	}
	return err
}
