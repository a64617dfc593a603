package sqlite

import (
	"context"
	"slices"

	"postern/idp"
)

const clientColumns = `clients.tenant_id, clients.client_id, clients.secrets, clients.metadata, clients.created_at`

func clientInto(c *idp.Client) []any {
	return []any{
		&c.TenantID, &c.ID, digestsColumn{&c.Secrets}, documentColumn{&c.Metadata}, timeColumn{&c.CreatedAt},
	}
}

func scanClient(row scanner) (c idp.Client, err error) {
	err = row.Scan(clientInto(&c)...)
	return c, err
}

// CreateClient adds a client with its audit event; idp.ErrConflict if the id is taken.
func (s *Store) CreateClient(ctx context.Context, c idp.Client) error {
	const insert = `INSERT INTO clients (tenant_id, client_id, secrets, metadata, created_at)
		VALUES (?, ?, ?, ?, ?)`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, insert, c.TenantID, c.ID, digests(c.Secrets), document{c.Metadata}, micros(c.CreatedAt))
		if err != nil {
			return err
		}
		made := event(c.TenantID, c.CreatedAt, idp.EventClientMade)
		made.ClientID = c.ID
		return note(ctx, q, made)
	})
}

// UpdateClient replaces secrets and metadata; idp.ErrNotFound.
func (s *Store) UpdateClient(ctx context.Context, c idp.Client) error {
	const update = `UPDATE clients SET secrets = ?, metadata = ? WHERE tenant_id = ? AND client_id = ?`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		rows, err := q.exec(ctx, update, digests(c.Secrets), document{c.Metadata}, c.TenantID, c.ID)
		return exactlyOne(rows, err, idp.ErrNotFound)
	})
}

// FindClient gives a client of the tenant, or idp.ErrNotFound.
func (s *Store) FindClient(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error) {
	const query = `SELECT ` + clientColumns + ` FROM clients WHERE tenant_id = ? AND client_id = ?`
	return scanClient(s.read.row(ctx, query, t, id))
}

// ListClients gives the tenant's clients by id.
func (s *Store) ListClients(ctx context.Context, t idp.TenantID) ([]idp.Client, error) {
	const query = `SELECT ` + clientColumns + ` FROM clients WHERE tenant_id = ? ORDER BY client_id`
	return list(ctx, s.read, scanClient, query, t)
}

// OriginAllowed tells whether any client of the tenant allows the origin. The
// rule is the domain's, so the rows are read and asked.
func (s *Store) OriginAllowed(ctx context.Context, t idp.TenantID, origin string) (bool, error) {
	clients, err := s.ListClients(ctx, t)
	return slices.ContainsFunc(clients, func(c idp.Client) bool { return c.AllowsOrigin(origin) }), err
}
