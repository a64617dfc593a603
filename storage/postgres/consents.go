package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

const consentColumns = `tenant_id, user_id, client_id, scope, agreed_at`

func scanConsent(row pgx.Row) (c idp.Consent, err error) {
	err = row.Scan(consentInto(&c)...)
	return c, err
}

func consentInto(c *idp.Consent) []any {
	return []any{keyTo(&c.TenantID), keyTo(&c.UserID), textTo(&c.ClientID), &c.Scope, timeColumn{&c.AgreedAt}}
}

// FindConsent gives what a user has agreed to for a client, or idp.ErrNotFound.
func (s *Store) FindConsent(ctx context.Context, t idp.TenantID, u idp.UserID, c idp.ClientID) (consent idp.Consent, err error) {
	const query = `SELECT ` + consentColumns + ` FROM consents WHERE tenant_id = $1 AND user_id = $2 AND client_id = $3`
	err = s.row(ctx, consentInto(&consent), query, named(t), named(u), string(c))
	return consent, err
}

// Agree adds to what a user has agreed to and writes the grant that stands on
// it, with the audit event.
func (s *Store) Agree(ctx context.Context, c idp.Consent, g idp.Grant) error {
	const upsert = `INSERT INTO consents AS c (` + consentColumns + `)
		VALUES ($1, $2, $3, sorted_once($4::text[]), $5)
		ON CONFLICT (tenant_id, user_id, client_id) DO UPDATE SET agreed_at = excluded.agreed_at,
			scope = sorted_once(c.scope || excluded.scope)`
	insert, args, err := newGrant(g)
	if err != nil {
		return err
	}
	var all pgx.Batch
	all.Queue(upsert, key(c.TenantID), key(c.UserID), string(c.ClientID), c.Scope, instant(c.AgreedAt))
	e := event(c.TenantID, c.AgreedAt, idp.EventConsent)
	e.UserID, e.ClientID = c.UserID, c.ClientID
	note(&all, e)
	all.Queue(insert, args...)
	return s.together(ctx, &all)
}

// ListConsents gives a user's consents by client.
func (s *Store) ListConsents(ctx context.Context, t idp.TenantID, u idp.UserID) ([]idp.Consent, error) {
	const query = `SELECT ` + consentColumns + ` FROM consents WHERE tenant_id = $1 AND user_id = $2 ORDER BY client_id`
	return list(ctx, s, scanConsent, query, named(t), named(u))
}
