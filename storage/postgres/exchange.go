package postgres

import (
	"context"

	"postern/idp"
)

// ExchangeGrant is FindGrant for who exchanges a token of the grant for another,
// with the audit event of that. e.Once is noted with what succeeds; ErrReplayed
// if it was before. On Citus, as UseGrant, these are two statements.
func (s *Store) ExchangeGrant(ctx context.Context, e idp.Exchange) (idp.Grant, idp.User, error) {
	const query = `WITH good AS (
			SELECT g.user_id FROM grants g` + userOfGrant + sessionOfGrant + `
			WHERE g.tenant_id = $1 AND g.grant_id = $2 AND NOT g.revoked AND g.expires > $3 AND NOT u.disabled
				AND (g.request -> 'scope' ? 'offline_access' OR ` + signedIn + `)
		), noted AS (
			INSERT INTO audit_events (` + eventColumns + `)
			SELECT $1, $4, $3, $5, good.user_id, $6, $7 FROM good ON CONFLICT DO NOTHING
		), once AS (
			INSERT INTO used_once (tenant_id, kind, digest, expires) SELECT $1, $8, $9, $10 FROM good WHERE $9::bytea IS NOT NULL
		) ` + findGrant
	made := event(e.TenantID, e.Now, idp.EventExchanged)
	if s.distributed {
		g, u, err := s.FindGrant(ctx, e.TenantID, e.GrantID, e.Now)
		if err != nil {
			return idp.Grant{}, idp.User{}, err
		}
		made.UserID, made.ClientID, made.Detail = u.ID, e.ClientID, e.Detail
		return g, u, s.noteWithOnce(ctx, made, e.Once)
	}
	return s.standing(ctx, query, e.Now, named(e.TenantID), named(e.GrantID), instant(e.Now), key(made.ID), string(made.Kind),
		string(e.ClientID), e.Detail, e.Once.Kind, digest(e.Once.Digest), instant(e.Once.Expires))
}

// noteWithOnce appends an audit event and notes what came with it.
func (s *Store) noteWithOnce(ctx context.Context, e idp.Event, o idp.Once) error {
	const insert = `WITH once AS (
			INSERT INTO used_once (tenant_id, kind, digest, expires) SELECT $1, $8, $9, $10 WHERE $9::bytea IS NOT NULL
		)
		INSERT INTO audit_events (` + eventColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`
	_, err := s.exec(ctx, insert, key(e.TenantID), key(e.ID), instant(e.At), string(e.Kind), key(e.UserID), string(e.ClientID), e.Detail,
		o.Kind, digest(o.Digest), instant(o.Expires))
	return err
}
