package op

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/idp"
)

// Documents finds a tenant's clients: those that are registered, and, where the
// tenant lets them in, those whose id is the URL of a document with their
// metadata (OAuth Client ID Metadata Document §4). Such a client is held to the
// rules of one that registers itself, and is always somebody else's.
type Documents struct {
	// Registered has the others.
	Registered interface {
		FindClient(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error)
	}
	Fetcher interface {
		Fetcher
		// Checked gives a document that may be some minutes old. may is asked before
		// it is fetched; what check refuses is not kept, nor is a failure.
		Checked(ctx context.Context, uri string, may func() error, check func([]byte) error) ([]byte, error)
	}
	Limits Limits
	Clock  func() time.Time
}

// FindClient gives a client of the tenant, or idp.ErrNotFound.
func (d *Documents) FindClient(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error) {
	if _, ok := id.Document(); !ok {
		return d.Registered.FindClient(ctx, t, id)
	}
	tenant, ok := idp.TenantIn(ctx)
	if !ok || tenant.ID != t || !tenant.Settings.ClientDocuments {
		return idp.Client{}, fmt.Errorf("client by its document: %w", idp.ErrNotFound)
	}
	client := idp.Client{TenantID: t, ID: id}
	may := func() error { return countFetch(ctx, d.Limits, d.Clock()) }
	check := func(raw []byte) error { return d.check(ctx, client, raw) }
	raw, err := d.Fetcher.Checked(ctx, string(id), may, check)
	var known *refusal
	switch {
	case errors.As(err, &known):
		return client, known
	case err != nil:
		return client, unknownClient("the document at client_id cannot be read").because(errors.Join(idp.ErrNotFound, err))
	}
	client.Metadata, err = idp.ParseDocument(id, raw)
	if err != nil {
		return client, fmt.Errorf("document of client %s: %w", id, err)
	}
	client.CreatedAt = d.Clock()
	return client, nil
}

// check tells what is wrong with a document, in words for who wrote it.
func (d *Documents) check(ctx context.Context, client idp.Client, raw []byte) error {
	var err error
	if client.Metadata, err = idp.ParseDocument(client.ID, raw); err == nil {
		err = checkMetadata(ctx, d.Fetcher, client)
	}
	if err == nil {
		return nil
	}
	said := invalidMetadata("the document at client_id: %s", reason(err))
	f := unknownClient(said.description)
	return f.because(errors.Join(idp.ErrNotFound, err))
}

// reason is what may be told of an error: a refusal's description, or the words
// of the domain's own rules.
func reason(err error) string {
	var f *refusal
	if errors.As(err, &f) {
		return f.description
	}
	return err.Error()
}
