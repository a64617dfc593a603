package sqlite

import (
	"context"
	"time"

	"postern/idp"
)

// CreateRegistrationToken keeps an initial access token.
func (s *Store) CreateRegistrationToken(ctx context.Context, token idp.RegistrationToken) error {
	const insert = `INSERT INTO registration_tokens (tenant_id, token_id, digest, uses, created_at, expires)
		VALUES (?, ?, ?, ?, ?, ?)`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, insert, token.TenantID, token.ID, token.Digest, token.Uses, micros(token.CreatedAt), micros(token.Expires))
		return err
	})
}

// SpendRegistrationToken takes one use from a token: idp.ErrNotFound where there
// is none of this name and digest, ErrExpired, ErrExhausted.
func (s *Store) SpendRegistrationToken(ctx context.Context, t idp.TenantID, id string, d idp.Digest, now time.Time) error {
	const (
		query = `SELECT digest, uses, expires FROM registration_tokens WHERE tenant_id = ? AND token_id = ?`
		spend = `UPDATE registration_tokens SET uses = uses - 1 WHERE tenant_id = ? AND token_id = ? AND uses > 0 AND expires > ?`
	)
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		var token idp.RegistrationToken
		err := q.row(ctx, query, t, id).Scan(&token.Digest, &token.Uses, timeColumn{&token.Expires})
		switch {
		case err != nil:
			return err
		case !token.Digest.Equal(d):
			return idp.ErrNotFound
		case !now.Before(token.Expires):
			return idp.ErrExpired
		}
		rows, err := q.exec(ctx, spend, t, id, micros(now))
		return exactlyOne(rows, err, idp.ErrExhausted)
	})
}

const insertOnce = `INSERT INTO used_once (tenant_id, kind, digest, expires) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`

// UseOnce notes something that may be presented once; idp.ErrUsed the second time.
func (s *Store) UseOnce(ctx context.Context, t idp.TenantID, kind string, d idp.Digest, expires time.Time) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		rows, err := q.exec(ctx, insertOnce, t, kind, d, micros(expires))
		return exactlyOne(rows, err, idp.ErrUsed)
	})
}

// SaveLogo keeps a client's logo, in place of the one before.
func (s *Store) SaveLogo(ctx context.Context, logo idp.Logo) error {
	const insert = `INSERT INTO logos (tenant_id, client_id, source, png) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant_id, client_id) DO UPDATE SET source = excluded.source, png = excluded.png`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, insert, logo.TenantID, logo.ClientID, logo.Source, logo.PNG)
		return err
	})
}

// FindLogo gives a client's logo, or idp.ErrNotFound.
func (s *Store) FindLogo(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Logo, error) {
	const query = `SELECT tenant_id, client_id, source, png FROM logos WHERE tenant_id = ? AND client_id = ?`
	var logo idp.Logo
	err := s.read.row(ctx, query, t, id).Scan(&logo.TenantID, &logo.ClientID, &logo.Source, &logo.PNG)
	return logo, err
}
