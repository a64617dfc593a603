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

// FindPushed gives a stored request that was pushed: as FindRequest, and
// idp.ErrUsed where it has given a code.
func (s *Store) FindPushed(ctx context.Context, t idp.TenantID, id string) (r idp.StoredRequest, err error) {
	const query = `SELECT r.tenant_id, r.request_id, r.sealed, r.expires, EXISTS (
			SELECT 1 FROM used_once o WHERE o.tenant_id = $1 AND o.kind = '` + idp.OncePushed + `' AND o.digest = $3)
		FROM stored_requests r WHERE r.tenant_id = $1 AND r.request_id = $2`
	var used bool
	into := []any{keyTo(&r.TenantID), keyTo(&r.ID), &r.Sealed, timeColumn{&r.Expires}, boolColumn{&used}}
	err = s.row(ctx, into, query, named(t), named(id), digest(idp.PushedDigest(id)))
	if err == nil && used {
		err = idp.ErrUsed
	}
	return r, err
}
