package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

// SaveMailSetup keeps a tenant's setup, in place of the one before.
func (s *Store) SaveMailSetup(ctx context.Context, setup idp.MailSetup) error {
	const insert = `INSERT INTO mail_setups (tenant_id, setup_id, sealed) VALUES ($1, $2, $3)
		ON CONFLICT (tenant_id) DO UPDATE SET setup_id = excluded.setup_id, sealed = excluded.sealed`
	_, err := s.exec(ctx, insert, key(setup.TenantID), setup.ID, setup.Sealed)
	return err
}

// FindMailSetup gives a tenant's setup, or idp.ErrNotFound.
func (s *Store) FindMailSetup(ctx context.Context, t idp.TenantID) (idp.MailSetup, error) {
	const query = `SELECT tenant_id, setup_id, sealed FROM mail_setups WHERE tenant_id = $1`
	var setup idp.MailSetup
	err := s.row(ctx, []any{keyTo(&setup.TenantID), &setup.ID, &setup.Sealed}, query, named(t))
	return setup, err
}

// Suppress notes that mail to an address is not to be tried, from now on for as
// long as it says.
func (s *Store) Suppress(ctx context.Context, suppression idp.Suppression) error {
	const insert = `INSERT INTO suppressions (tenant_id, address, reason, created_at, expires) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant_id, address) DO UPDATE
		SET reason = excluded.reason, created_at = excluded.created_at, expires = excluded.expires`
	_, err := s.exec(ctx, insert, key(suppression.TenantID), string(suppression.Address), suppression.Reason,
		instant(suppression.CreatedAt), instant(suppression.Expires))
	return err
}

// Unsuppress lets mail to an address out again; idp.ErrNotFound.
func (s *Store) Unsuppress(ctx context.Context, t idp.TenantID, a idp.Address) error {
	rows, err := s.exec(ctx, `DELETE FROM suppressions WHERE tenant_id = $1 AND address = $2`, named(t), string(a))
	return exactlyOne(rows, err, idp.ErrNotFound)
}

// ListSuppressions gives up to most suppressions that count at now, newest first.
func (s *Store) ListSuppressions(ctx context.Context, t idp.TenantID, now time.Time, most int) ([]idp.Suppression, error) {
	const query = `SELECT tenant_id, address, reason, created_at, expires FROM suppressions
		WHERE tenant_id = $1 AND expires > $2 ORDER BY created_at DESC, address LIMIT $3`
	return list(ctx, s, scanSuppression, query, named(t), instant(now), most)
}

func scanSuppression(row pgx.Row) (s idp.Suppression, err error) {
	err = row.Scan(keyTo(&s.TenantID), textTo(&s.Address), &s.Reason, timeColumn{&s.CreatedAt}, timeColumn{&s.Expires})
	return s, err
}
