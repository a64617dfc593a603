package sqlite

import (
	"context"
	"time"

	"postern/idp"
)

// SaveMailSetup keeps a tenant's setup, in place of the one before.
func (s *Store) SaveMailSetup(ctx context.Context, setup idp.MailSetup) error {
	const insert = `INSERT INTO mail_setups (tenant_id, setup_id, sealed) VALUES (?, ?, ?)
		ON CONFLICT (tenant_id) DO UPDATE SET setup_id = excluded.setup_id, sealed = excluded.sealed`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, insert, setup.TenantID, setup.ID, setup.Sealed)
		return err
	})
}

// FindMailSetup gives a tenant's setup, or idp.ErrNotFound.
func (s *Store) FindMailSetup(ctx context.Context, t idp.TenantID) (idp.MailSetup, error) {
	const query = `SELECT tenant_id, setup_id, sealed FROM mail_setups WHERE tenant_id = ?`
	var setup idp.MailSetup
	err := s.read.row(ctx, query, t).Scan(&setup.TenantID, &setup.ID, &setup.Sealed)
	return setup, err
}

// Suppress notes that mail to an address is not to be tried, from now on for as
// long as it says.
func (s *Store) Suppress(ctx context.Context, suppression idp.Suppression) error {
	const insert = `INSERT INTO suppressions (tenant_id, address, reason, created_at, expires) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (tenant_id, address) DO UPDATE
		SET reason = excluded.reason, created_at = excluded.created_at, expires = excluded.expires`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, insert, suppression.TenantID, suppression.Address, suppression.Reason,
			micros(suppression.CreatedAt), micros(suppression.Expires))
		return err
	})
}

// Unsuppress lets mail to an address out again; idp.ErrNotFound.
func (s *Store) Unsuppress(ctx context.Context, t idp.TenantID, a idp.Address) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		rows, err := q.exec(ctx, `DELETE FROM suppressions WHERE tenant_id = ? AND address = ?`, t, a)
		return exactlyOne(rows, err, idp.ErrNotFound)
	})
}

// ListSuppressions gives up to most suppressions that count at now, newest first.
func (s *Store) ListSuppressions(ctx context.Context, t idp.TenantID, now time.Time, most int) ([]idp.Suppression, error) {
	const query = `SELECT tenant_id, address, reason, created_at, expires FROM suppressions
		WHERE tenant_id = ? AND expires > ? ORDER BY created_at DESC, address LIMIT ?`
	return list(ctx, s.read, scanSuppression, query, t, micros(now), most)
}

func scanSuppression(row scanner) (s idp.Suppression, err error) {
	err = row.Scan(&s.TenantID, &s.Address, &s.Reason, timeColumn{&s.CreatedAt}, timeColumn{&s.Expires})
	return s, err
}
