package sqlite

import (
	"context"

	"postern/idp"
)

// SaveRequest keeps a sealed authorization request that would not fit a URL.
func (s *Store) SaveRequest(ctx context.Context, r idp.StoredRequest) error {
	const insert = `INSERT INTO stored_requests (tenant_id, request_id, sealed, expires) VALUES (?, ?, ?, ?)`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, insert, r.TenantID, r.ID, r.Sealed, micros(r.Expires))
		return err
	})
}

// FindRequest gives an authorization request that did not fit a URL, or
// idp.ErrNotFound; also an expired one, which carries its time.
func (s *Store) FindRequest(ctx context.Context, t idp.TenantID, id string) (r idp.StoredRequest, err error) {
	const query = `SELECT tenant_id, request_id, sealed, expires FROM stored_requests
		WHERE tenant_id = ? AND request_id = ?`
	err = s.read.row(ctx, query, t, id).Scan(&r.TenantID, &r.ID, &r.Sealed, timeColumn{&r.Expires})
	return r, err
}

// FindPushed gives a stored request that was pushed: as FindRequest, and
// idp.ErrUsed where it has given a code.
func (s *Store) FindPushed(ctx context.Context, t idp.TenantID, id string) (r idp.StoredRequest, err error) {
	const query = `SELECT tenant_id, request_id, sealed, expires, EXISTS (
			SELECT 1 FROM used_once WHERE used_once.tenant_id = stored_requests.tenant_id AND kind = '` + idp.OncePushed + `' AND digest = ?)
		FROM stored_requests WHERE tenant_id = ? AND request_id = ?`
	var used bool
	err = s.read.row(ctx, query, idp.PushedDigest(id), t, id).Scan(&r.TenantID, &r.ID, &r.Sealed, timeColumn{&r.Expires}, &used)
	if err == nil && used {
		err = idp.ErrUsed
	}
	return r, err
}
