package postgres

import (
	"context"

	"postern/idp"
)

// SaveBrandLogo keeps a tenant's logo, in place of the one before.
func (s *Store) SaveBrandLogo(ctx context.Context, logo idp.LogoFile) error {
	const insert = `INSERT INTO brand_logos (tenant_id, hash, png) VALUES ($1, $2, $3)
		ON CONFLICT (tenant_id) DO UPDATE SET hash = excluded.hash, png = excluded.png`
	_, err := s.exec(ctx, insert, key(logo.TenantID), logo.Hash, logo.PNG)
	return err
}

// FindBrandLogo gives a tenant's logo, or idp.ErrNotFound if it has none of that hash.
func (s *Store) FindBrandLogo(ctx context.Context, t idp.TenantID, hash string) (idp.LogoFile, error) {
	const query = `SELECT tenant_id, hash, png FROM brand_logos WHERE tenant_id = $1 AND hash = $2`
	var logo idp.LogoFile
	err := s.row(ctx, []any{keyTo(&logo.TenantID), &logo.Hash, &logo.PNG}, query, named(t), hash)
	return logo, err
}
