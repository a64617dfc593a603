package postgres

import (
	"context"

	"postern/idp"
)

// SaveRequest keeps a sealed authorization request that would not fit a URL.
func (s *Store) SaveRequest(ctx context.Context, r idp.StoredRequest) error {
	const insert = `INSERT INTO stored_requests (tenant_id, request_id, sealed, expires) VALUES ($1, $2, $3, $4)`
	_, err := s.exec(ctx, insert, key(r.TenantID), key(r.ID), r.Sealed, instant(r.Expires))
	return err
}

// FindRequest gives an authorization request that did not fit a URL, or
// idp.ErrNotFound; also an expired one, which carries its time.
func (s *Store) FindRequest(ctx context.Context, t idp.TenantID, id string) (r idp.StoredRequest, err error) {
	const query = `SELECT tenant_id, request_id, sealed, expires FROM stored_requests
		WHERE tenant_id = $1 AND request_id = $2`
	into := []any{keyTo(&r.TenantID), keyTo(&r.ID), &r.Sealed, timeColumn{&r.Expires}}
	err = s.row(ctx, into, query, named(t), named(id))
	return r, err
}
