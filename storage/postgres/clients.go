package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

const clientColumns = `c.tenant_id, c.client_id, c.secrets, c.metadata, c.created_at`

// clientRow reads a client; secrets are digests once done.
type clientRow struct {
	client  idp.Client
	secrets [][]byte
}

func (r *clientRow) into() []any {
	c := &r.client
	return []any{keyTo(&c.TenantID), textTo(&c.ID), &r.secrets, documentColumn{&c.Metadata}, timeColumn{&c.CreatedAt}}
}

func (r *clientRow) done() (idp.Client, error) {
	for _, b := range r.secrets {
		var d idp.Digest
		if err := d.Scan(b); err != nil {
			return idp.Client{}, err
		}
		r.client.Secrets = append(r.client.Secrets, d)
	}
	return r.client, nil
}

func scanClient(row pgx.Row) (idp.Client, error) {
	var r clientRow
	if err := row.Scan(r.into()...); err != nil {
		return idp.Client{}, err
	}
	return r.done()
}

// CreateClient adds a client with its audit event; idp.ErrConflict if the id is taken.
func (s *Store) CreateClient(ctx context.Context, c idp.Client) error {
	const insert = `INSERT INTO clients (tenant_id, client_id, secrets, metadata, created_at) VALUES ($1, $2, $3, $4, $5)`
	metadata, err := document(c.Metadata)
	if err != nil {
		return err
	}
	made := event(c.TenantID, c.CreatedAt, idp.EventClientMade)
	made.ClientID = c.ID
	var both pgx.Batch
	both.Queue(insert, key(c.TenantID), string(c.ID), digestBytes(c.Secrets), metadata, instant(c.CreatedAt))
	note(&both, made)
	return s.together(ctx, &both)
}

// UpdateClient replaces secrets and metadata; idp.ErrNotFound.
func (s *Store) UpdateClient(ctx context.Context, c idp.Client) error {
	const update = `UPDATE clients SET secrets = $3, metadata = $4 WHERE tenant_id = $1 AND client_id = $2`
	metadata, err := document(c.Metadata)
	if err != nil {
		return err
	}
	rows, err := s.exec(ctx, update, named(c.TenantID), string(c.ID), digestBytes(c.Secrets), metadata)
	return exactlyOne(rows, err, idp.ErrNotFound)
}

// FindClient gives a client of the tenant, or idp.ErrNotFound.
func (s *Store) FindClient(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error) {
	const query = `SELECT ` + clientColumns + ` FROM clients c WHERE c.tenant_id = $1 AND c.client_id = $2`
	var r clientRow
	if err := s.row(ctx, r.into(), query, named(t), string(id)); err != nil {
		return idp.Client{}, err
	}
	return r.done()
}

// ListClients gives the tenant's clients by id.
func (s *Store) ListClients(ctx context.Context, t idp.TenantID) ([]idp.Client, error) {
	const query = `SELECT ` + clientColumns + ` FROM clients c WHERE c.tenant_id = $1 ORDER BY c.client_id`
	return list(ctx, s, scanClient, query, named(t))
}

// OriginAllowed tells whether any client of the tenant allows the origin. The
// rule is the domain's, so the rows that may matter are read and asked.
func (s *Store) OriginAllowed(ctx context.Context, t idp.TenantID, origin string) (bool, error) {
	const query = `SELECT ` + clientColumns + ` FROM clients c
		WHERE c.tenant_id = $1 AND position($2::text IN c.metadata::text) > 0`
	clients, err := list(ctx, s, scanClient, query, named(t), origin)
	return slices.ContainsFunc(clients, func(c idp.Client) bool { return c.AllowsOrigin(origin) }), err
}
