package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

const clientColumns = `c.tenant_id, c.client_id, c.secrets, c.metadata, c.created_at, c.registration`

// clientRow reads a client; secrets are digests once done.
type clientRow struct {
	client  idp.Client
	secrets [][]byte
}

func (r *clientRow) into() []any {
	c := &r.client
	return []any{
		keyTo(&c.TenantID), textTo(&c.ID), &r.secrets,
		documentColumn{&c.Metadata},
		timeColumn{&c.CreatedAt},
		digestColumn{&c.Registration},
	}
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
	const insert = `INSERT INTO clients (tenant_id, client_id, secrets, metadata, created_at, registration)
		VALUES ($1, $2, $3, $4, $5, $6)`
	metadata, err := document(c.Metadata)
	if err != nil {
		return err
	}
	made := event(c.TenantID, c.CreatedAt, idp.EventClientMade)
	made.ClientID = c.ID
	var both pgx.Batch
	both.Queue(insert, key(c.TenantID), string(c.ID), digestBytes(c.Secrets), metadata, instant(c.CreatedAt), digest(c.Registration))
	note(&both, made)
	return s.together(ctx, &both)
}

// UpdateClient replaces secrets, metadata and registration; idp.ErrNotFound.
func (s *Store) UpdateClient(ctx context.Context, c idp.Client) error {
	const update = `UPDATE clients SET secrets = $3, metadata = $4, registration = $5 WHERE tenant_id = $1 AND client_id = $2`
	metadata, err := document(c.Metadata)
	if err != nil {
		return err
	}
	rows, err := s.exec(ctx, update, named(c.TenantID), string(c.ID), digestBytes(c.Secrets), metadata, digest(c.Registration))
	return exactlyOne(rows, err, idp.ErrNotFound)
}

// PutClients adds clients of one tenant or replaces them: all of them or none.
// The event of a client that is there already says that it was made again.
func (s *Store) PutClients(ctx context.Context, t idp.TenantID, clients []idp.Client) error {
	const put = `INSERT INTO clients (tenant_id, client_id, secrets, metadata, created_at, registration)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, client_id) DO UPDATE
		SET secrets = excluded.secrets, metadata = excluded.metadata, registration = excluded.registration`
	var all pgx.Batch
	for _, c := range clients {
		metadata, err := document(c.Metadata)
		if err != nil {
			return err
		}
		made := event(t, c.CreatedAt, idp.EventClientMade)
		made.ClientID = c.ID
		all.Queue(put, key(t), string(c.ID), digestBytes(c.Secrets), metadata, instant(c.CreatedAt), digest(c.Registration))
		note(&all, made)
	}
	return s.together(ctx, &all)
}

// KeepClient keeps a client that nobody registered, as its document says now,
// until a time. One that is kept already is written again where that says
// something else or its time would be a day later; a registered one never is.
func (s *Store) KeepClient(ctx context.Context, c idp.Client, until time.Time) error {
	const keep = `INSERT INTO clients AS c (tenant_id, client_id, secrets, metadata, created_at, registration, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, client_id) DO UPDATE
		SET metadata = excluded.metadata, expires = greatest(c.expires, excluded.expires)
		WHERE c.expires IS NOT NULL AND (c.metadata <> excluded.metadata OR c.expires <= $8)`
	metadata, err := document(c.Metadata)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, keep, named(c.TenantID), string(c.ID), digestBytes(nil), metadata, instant(c.CreatedAt), digest(idp.Digest{}), instant(until), instant(until.Add(-24*time.Hour)))
	return err
}

// DeleteClient takes a client away and ends its grants; idp.ErrNotFound.
func (s *Store) DeleteClient(ctx context.Context, t idp.TenantID, id idp.ClientID, now time.Time) error {
	const remove = `WITH gone AS (DELETE FROM clients WHERE tenant_id = $1 AND client_id = $2 RETURNING tenant_id, client_id),
		ended AS (UPDATE grants SET revoked = true FROM gone
			WHERE grants.tenant_id = $1 AND grants.tenant_id = gone.tenant_id AND grants.client_id = gone.client_id),
		bare AS (DELETE FROM logos USING gone
			WHERE logos.tenant_id = $1 AND logos.tenant_id = gone.tenant_id AND logos.client_id = gone.client_id),
		noted AS (INSERT INTO audit_events (tenant_id, event_id, at, kind, client_id, detail)
			SELECT tenant_id, $3::uuid, $4::timestamptz, $5::text, client_id, '' FROM gone)
		SELECT count(*) FROM gone`
	gone := event(t, now, idp.EventClientGone)
	var rows int64
	err := s.row(ctx, []any{&rows}, remove, named(t), string(id), key(gone.ID), instant(now), string(gone.Kind))
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
