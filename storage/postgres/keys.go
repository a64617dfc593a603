package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

// SigningKeys gives a tenant's keys that are not retired at now, newest first.
func (s *Store) SigningKeys(ctx context.Context, t idp.TenantID, now time.Time) ([]idp.SigningKey, error) {
	const query = `SELECT tenant_id, kid, alg, generation, sealed, public_jwk, created_at, active_from, retired_at
		FROM signing_keys WHERE tenant_id = $1 AND (retired_at IS NULL OR retired_at > $2)
		ORDER BY created_at DESC, generation DESC, kid`
	return list(ctx, s, scanKey, query, named(t), instant(now))
}

// AnySigningKey gives some key of some tenant, or idp.ErrNotFound.
func (s *Store) AnySigningKey(ctx context.Context) (k idp.SigningKey, err error) {
	const query = `SELECT tenant_id, kid, alg, generation, sealed, public_jwk, created_at, active_from, retired_at
		FROM signing_keys LIMIT 1`
	err = s.try(ctx, func(ctx context.Context) error {
		k, err = scanKey(s.pool.QueryRow(ctx, query))
		return err
	})
	return k, err
}

func scanKey(row pgx.Row) (k idp.SigningKey, err error) {
	err = row.Scan(keyTo(&k.TenantID), &k.KID, textTo(&k.Alg), &k.Generation, &k.Sealed, &k.PublicJWK,
		timeColumn{&k.CreatedAt}, timeColumn{&k.ActiveFrom}, timeColumn{&k.RetiredAt})
	return k, err
}

// AddSigningKey adds a key of the next generation and sets the retirement of
// older keys of its algorithm, if not set already, to retireOlder (zero:
// leaves them). idp.ErrConflict if the generation, or a later one, exists.
func (s *Store) AddSigningKey(ctx context.Context, k idp.SigningKey, retireOlder time.Time) error {
	const insert = `WITH added AS (
			INSERT INTO signing_keys (tenant_id, kid, alg, generation, sealed, public_jwk, created_at, active_from, retired_at)
			SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE NOT EXISTS (
				SELECT 1 FROM signing_keys k WHERE k.tenant_id = $1 AND k.alg = $3 AND k.generation >= $4)
			RETURNING kid
		), retired AS (
			UPDATE signing_keys k SET retired_at = $10 FROM added
			WHERE k.tenant_id = $1 AND k.alg = $3 AND k.generation < $4 AND k.retired_at IS NULL AND $10::timestamptz IS NOT NULL
		), noted AS (
			INSERT INTO audit_events (` + eventColumns + `)
			SELECT $1, $11, $7, $12, NULL, '', $13 FROM added WHERE $4::int > 1
		)
		SELECT count(*) FROM added`
	rotated := event(k.TenantID, k.CreatedAt, idp.EventKeyRotated)
	rotated.Detail = fmt.Sprintf("%s generation %d", k.Alg, k.Generation)
	var added int64
	err := s.row(ctx, []any{&added}, insert, key(k.TenantID), k.KID, string(k.Alg), k.Generation, k.Sealed, k.PublicJWK,
		instant(k.CreatedAt), instant(k.ActiveFrom), instant(k.RetiredAt), instant(retireOlder),
		key(rotated.ID), string(rotated.Kind), rotated.Detail)
	return exactlyOne(added, err, idp.ErrConflict)
}

// RetireSigningKey ends a key at now, with the audit event; idp.ErrNotFound
// where there is none of this id that is not retired.
func (s *Store) RetireSigningKey(ctx context.Context, t idp.TenantID, kid string, now time.Time) error {
	const update = `WITH retired AS (
			UPDATE signing_keys k SET retired_at = $2
			WHERE k.tenant_id = $1 AND k.kid = $3 AND (k.retired_at IS NULL OR k.retired_at > $2) RETURNING kid
		), noted AS (
			INSERT INTO audit_events (` + eventColumns + `)
			SELECT $1, $4, $2, $5, NULL, '', retired.kid FROM retired
		)
		SELECT count(*) FROM retired`
	revoked := event(t, now, idp.EventKeyRevoked)
	var retired int64
	err := s.row(ctx, []any{&retired}, update, named(t), instant(now), kid, key(revoked.ID), string(revoked.Kind))
	return exactlyOne(retired, err, idp.ErrNotFound)
}
