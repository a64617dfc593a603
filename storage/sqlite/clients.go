package sqlite

import (
	"context"
	"slices"
	"time"

	"postern/idp"
)

const clientColumns = `clients.tenant_id, clients.client_id, clients.secrets, clients.metadata, clients.created_at,
	clients.registration`

func clientInto(c *idp.Client) []any {
	return []any{
		&c.TenantID, &c.ID, digestsColumn{&c.Secrets}, documentColumn{&c.Metadata}, timeColumn{&c.CreatedAt}, &c.Registration,
	}
}

func scanClient(row scanner) (c idp.Client, err error) {
	err = row.Scan(clientInto(&c)...)
	return c, err
}

// CreateClient adds a client with its audit event; idp.ErrConflict if the id is taken.
func (s *Store) CreateClient(ctx context.Context, c idp.Client) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error { return addClient(ctx, q, c) })
}

func addClient(ctx context.Context, q *statements, c idp.Client) error {
	const insert = `INSERT INTO clients (tenant_id, client_id, secrets, metadata, created_at, registration)
		VALUES (?, ?, ?, ?, ?, ?)`
	_, err := q.exec(ctx, insert, c.TenantID, c.ID, digests(c.Secrets), document{c.Metadata}, micros(c.CreatedAt), c.Registration)
	if err != nil {
		return err
	}
	made := event(c.TenantID, c.CreatedAt, idp.EventClientMade)
	made.ClientID = c.ID
	return note(ctx, q, made)
}

const clientUpdate = `UPDATE clients SET secrets = ?, metadata = ?, registration = ? WHERE tenant_id = ? AND client_id = ?`

func updateClient(ctx context.Context, q *statements, c idp.Client) (int64, error) {
	return q.exec(ctx, clientUpdate, digests(c.Secrets), document{c.Metadata}, c.Registration, c.TenantID, c.ID)
}

// UpdateClient replaces secrets, metadata and registration; idp.ErrNotFound.
func (s *Store) UpdateClient(ctx context.Context, c idp.Client) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		rows, err := updateClient(ctx, q, c)
		return exactlyOne(rows, err, idp.ErrNotFound)
	})
}

// PutClients adds clients of one tenant or replaces them: all of them or none.
func (s *Store) PutClients(ctx context.Context, t idp.TenantID, clients []idp.Client) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		for _, c := range clients {
			c.TenantID = t
			rows, err := updateClient(ctx, q, c)
			if err == nil && rows == 0 {
				err = addClient(ctx, q, c)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// KeepClient keeps a client that nobody registered, as its document says now,
// until a time. One that is kept already is written again where that says
// something else or its time would be a day later; a registered one never is.
func (s *Store) KeepClient(ctx context.Context, c idp.Client, until time.Time) error {
	const (
		day  = 24 * 60 * 60 * 1e6
		keep = `INSERT INTO clients (tenant_id, client_id, secrets, metadata, created_at, registration, expires)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_id, client_id) DO UPDATE
			SET metadata = excluded.metadata, expires = max(clients.expires, excluded.expires)
			WHERE clients.expires IS NOT NULL
				AND (clients.metadata <> excluded.metadata OR excluded.expires >= clients.expires + ?)`
	)
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, keep, c.TenantID, c.ID, digests(nil), document{c.Metadata}, micros(c.CreatedAt), idp.Digest{}, micros(until), int64(day))
		return err
	})
}

// DeleteClient takes a client away and ends its grants; idp.ErrNotFound.
func (s *Store) DeleteClient(ctx context.Context, t idp.TenantID, id idp.ClientID, now time.Time) error {
	const (
		remove = `DELETE FROM clients WHERE tenant_id = ? AND client_id = ?`
		revoke = `UPDATE grants SET revoked = 1 WHERE tenant_id = ? AND client_id = ? AND revoked = 0`
		logo   = `DELETE FROM logos WHERE tenant_id = ? AND client_id = ?`
	)
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		rows, err := q.exec(ctx, remove, t, id)
		if err = exactlyOne(rows, err, idp.ErrNotFound); err != nil {
			return err
		}
		for _, also := range []string{revoke, logo} {
			if _, err := q.exec(ctx, also, t, id); err != nil {
				return err
			}
		}
		gone := event(t, now, idp.EventClientGone)
		gone.ClientID = id
		return note(ctx, q, gone)
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
