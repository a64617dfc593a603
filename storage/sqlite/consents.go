package sqlite

import (
	"context"
	"errors"
	"slices"

	"postern/idp"
)

const consentColumns = `tenant_id, user_id, client_id, scope, agreed_at`

func scanConsent(row scanner) (c idp.Consent, err error) {
	err = row.Scan(&c.TenantID, &c.UserID, &c.ClientID, documentColumn{&c.Scope}, timeColumn{&c.AgreedAt})
	return c, err
}

// FindConsent gives what a user has agreed to for a client, or idp.ErrNotFound.
func (s *Store) FindConsent(ctx context.Context, t idp.TenantID, u idp.UserID, c idp.ClientID) (idp.Consent, error) {
	return findConsent(ctx, s.read, t, u, c)
}

func findConsent(ctx context.Context, q *statements, t idp.TenantID, u idp.UserID, c idp.ClientID) (idp.Consent, error) {
	const query = `SELECT ` + consentColumns + ` FROM consents WHERE tenant_id = ? AND user_id = ? AND client_id = ?`
	return scanConsent(q.row(ctx, query, t, u, c))
}

// Agree adds to what a user has agreed to and writes the grant that stands on
// it, with the audit event.
func (s *Store) Agree(ctx context.Context, c idp.Consent, g idp.Grant) error {
	const upsert = `INSERT INTO consents (` + consentColumns + `) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (tenant_id, user_id, client_id) DO UPDATE SET scope = excluded.scope, agreed_at = excluded.agreed_at`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		before, err := findConsent(ctx, q, c.TenantID, c.UserID, c.ClientID)
		if err != nil && !errors.Is(err, idp.ErrNotFound) {
			return err
		}
		scope := slices.Concat(before.Scope, c.Scope)
		slices.Sort(scope)
		if _, err := q.exec(ctx, upsert, c.TenantID, c.UserID, c.ClientID, document{slices.Compact(scope)}, micros(c.AgreedAt)); err != nil {
			return err
		}
		e := event(c.TenantID, c.AgreedAt, idp.EventConsent)
		e.UserID, e.ClientID = c.UserID, c.ClientID
		if err := note(ctx, q, e); err != nil {
			return err
		}
		return insertGrant(ctx, q, g)
	})
}

// ListConsents gives a user's consents by client.
func (s *Store) ListConsents(ctx context.Context, t idp.TenantID, u idp.UserID) ([]idp.Consent, error) {
	const query = `SELECT ` + consentColumns + ` FROM consents WHERE tenant_id = ? AND user_id = ? ORDER BY client_id`
	return list(ctx, s.read, scanConsent, query, t, u)
}
