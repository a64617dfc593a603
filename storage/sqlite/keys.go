package sqlite

import (
	"context"
	"fmt"
	"time"

	"postern/idp"
)

// SigningKeys gives a tenant's keys that are not retired at now, newest first.
func (s *Store) SigningKeys(ctx context.Context, t idp.TenantID, now time.Time) ([]idp.SigningKey, error) {
	const query = `SELECT tenant_id, kid, alg, generation, sealed, public_jwk, created_at, active_from, retired_at
		FROM signing_keys WHERE tenant_id = ? AND (retired_at IS NULL OR retired_at > ?)
		ORDER BY created_at DESC, generation DESC, kid`
	return list(ctx, s.read, scanKey, query, t, micros(now))
}

// AnySigningKey gives some key of some tenant, or idp.ErrNotFound.
func (s *Store) AnySigningKey(ctx context.Context) (idp.SigningKey, error) {
	const query = `SELECT tenant_id, kid, alg, generation, sealed, public_jwk, created_at, active_from, retired_at
		FROM signing_keys LIMIT 1`
	return scanKey(s.read.row(ctx, query))
}

func scanKey(row scanner) (k idp.SigningKey, err error) {
	err = row.Scan(&k.TenantID, &k.KID, &k.Alg, &k.Generation, &k.Sealed, &k.PublicJWK,
		timeColumn{&k.CreatedAt}, timeColumn{&k.ActiveFrom}, timeColumn{&k.RetiredAt})
	return k, err
}

// AddSigningKey adds a key of the next generation and sets the retirement of
// older keys of its algorithm, if not set already, to retireOlder (zero:
// leaves them). idp.ErrConflict if the generation, or a later one, exists.
func (s *Store) AddSigningKey(ctx context.Context, key idp.SigningKey, retireOlder time.Time) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		if err := insertKey(ctx, q, key); err != nil {
			return err
		}
		if err := retireKeys(ctx, q, key, retireOlder); err != nil {
			return err
		}
		if key.Generation <= 1 {
			return nil
		}
		rotated := event(key.TenantID, key.CreatedAt, idp.EventKeyRotated)
		rotated.Detail = fmt.Sprintf("%s generation %d", key.Alg, key.Generation)
		return note(ctx, q, rotated)
	})
}

// RetireSigningKey ends a key at now, with the audit event; idp.ErrNotFound
// where there is none of this id that is not retired.
func (s *Store) RetireSigningKey(ctx context.Context, t idp.TenantID, kid string, now time.Time) error {
	const update = `UPDATE signing_keys SET retired_at = ?1 WHERE tenant_id = ?2 AND kid = ?3 AND (retired_at IS NULL OR retired_at > ?1)`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		rows, err := q.exec(ctx, update, micros(now), t, kid)
		if err := exactlyOne(rows, err, idp.ErrNotFound); err != nil {
			return err
		}
		revoked := event(t, now, idp.EventKeyRevoked)
		revoked.Detail = kid
		return note(ctx, q, revoked)
	})
}

// insertKey refuses also a generation that came, went and was swept.
func insertKey(ctx context.Context, q *statements, k idp.SigningKey) error {
	const insert = `INSERT INTO signing_keys (tenant_id, kid, alg, generation, sealed, public_jwk, created_at, active_from, retired_at)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE NOT EXISTS (
			SELECT 1 FROM signing_keys WHERE tenant_id = ?1 AND alg = ?3 AND generation >= ?4)`
	rows, err := q.exec(ctx, insert, k.TenantID, k.KID, k.Alg, k.Generation, k.Sealed, k.PublicJWK,
		micros(k.CreatedAt), micros(k.ActiveFrom), micros(k.RetiredAt))
	return exactlyOne(rows, err, idp.ErrConflict)
}

func retireKeys(ctx context.Context, q *statements, newer idp.SigningKey, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	const update = `UPDATE signing_keys SET retired_at = ?
		WHERE tenant_id = ? AND alg = ? AND generation < ? AND retired_at IS NULL`
	_, err := q.exec(ctx, update, micros(at), newer.TenantID, newer.Alg, newer.Generation)
	return err
}
