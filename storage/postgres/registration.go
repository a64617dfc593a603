package postgres

import (
	"context"
	"time"

	"postern/idp"
)

// CreateRegistrationToken keeps an initial access token.
func (s *Store) CreateRegistrationToken(ctx context.Context, token idp.RegistrationToken) error {
	const insert = `INSERT INTO registration_tokens (tenant_id, token_id, digest, uses, created_at, expires)
		VALUES ($1, $2, $3, $4, $5, $6)`
	_, err := s.exec(ctx, insert, key(token.TenantID), key(token.ID), digest(token.Digest), token.Uses,
		instant(token.CreatedAt), instant(token.Expires))
	return err
}

// SpendRegistrationToken takes one use from a token: idp.ErrNotFound where there
// is none of this name and digest, ErrExpired, ErrExhausted. The digest is
// compared first; whether a use is left, the one UPDATE decides.
func (s *Store) SpendRegistrationToken(ctx context.Context, t idp.TenantID, id string, d idp.Digest, now time.Time) error {
	const (
		query = `SELECT digest, expires FROM registration_tokens WHERE tenant_id = $1 AND token_id = $2`
		spend = `UPDATE registration_tokens SET uses = uses - 1
			WHERE tenant_id = $1 AND token_id = $2 AND uses > 0 AND expires > $3`
	)
	var token idp.RegistrationToken
	err := s.row(ctx, []any{digestColumn{&token.Digest}, timeColumn{&token.Expires}}, query, named(t), named(id))
	switch {
	case err != nil:
		return err
	case !token.Digest.Equal(d):
		return idp.ErrNotFound
	case !now.Before(token.Expires):
		return idp.ErrExpired
	}
	rows, err := s.exec(ctx, spend, named(t), named(id), instant(now))
	return exactlyOne(rows, err, idp.ErrExhausted)
}

// UseOnce notes something that may be presented once; idp.ErrUsed the second
// time. A step that is tried again after its answer was lost finds its own row
// and says ErrUsed: rather one assertion too few than one too many.
func (s *Store) UseOnce(ctx context.Context, t idp.TenantID, kind string, d idp.Digest, expires time.Time) error {
	const insert = `INSERT INTO used_once (tenant_id, kind, digest, expires) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	rows, err := s.exec(ctx, insert, key(t), kind, digest(d), instant(expires))
	return exactlyOne(rows, err, idp.ErrUsed)
}

// SaveLogo keeps a client's logo, in place of the one before.
func (s *Store) SaveLogo(ctx context.Context, logo idp.Logo) error {
	const insert = `INSERT INTO logos (tenant_id, client_id, source, png) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant_id, client_id) DO UPDATE SET source = excluded.source, png = excluded.png`
	_, err := s.exec(ctx, insert, key(logo.TenantID), string(logo.ClientID), logo.Source, logo.PNG)
	return err
}

// FindLogo gives a client's logo, or idp.ErrNotFound.
func (s *Store) FindLogo(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Logo, error) {
	const query = `SELECT tenant_id, client_id, source, png FROM logos WHERE tenant_id = $1 AND client_id = $2`
	var logo idp.Logo
	err := s.row(ctx, []any{keyTo(&logo.TenantID), textTo(&logo.ClientID), &logo.Source, &logo.PNG}, query, named(t), string(id))
	return logo, err
}
