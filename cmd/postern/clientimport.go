package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

type clientImportCmd struct {
	Tenant string `required:"" help:"Slug of their tenant."`
	File   string `arg:"" type:"path" help:"JSON list of RFC 7591 metadata with client_id and client_secret."`
	JSON   bool   `name:"json" help:"JSON on stdout."`
}

// Run adds or replaces all clients of the file, or none.
func (c clientImportCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	raw, err := os.ReadFile(c.File)
	if err != nil {
		return usage("%w", err)
	}
	clients, err := readClients(raw, term.clock())
	if err != nil {
		return usage("%s: %w; nothing was imported", c.File, err)
	}
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		if err := store.PutClients(ctx, t.ID, clients); err != nil {
			return fmt.Errorf("import clients: %w", err)
		}
		names := make([]string, 0, len(clients))
		for _, client := range clients {
			names = append(names, string(client.ID))
		}
		return term.tell(c.JSON, map[string][]string{"imported": names}, "imported %d: %s", len(names), strings.Join(names, " "))
	})
}

// readClients reads the whole file before anything is written.
func readClients(raw []byte, now time.Time) ([]idp.Client, error) {
	var entries []json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, errors.New("not a JSON list of clients, such as [{…}, {…}]")
	}
	clients := make([]idp.Client, 0, len(entries))
	for i, entry := range entries {
		client, err := readClient(entry, now)
		if err != nil {
			return nil, fmt.Errorf("entry %d (client_id %q): %w", i+1, client.ID, err)
		}
		if slices.ContainsFunc(clients, func(other idp.Client) bool { return other.ID == client.ID }) {
			return nil, fmt.Errorf("entry %d (client_id %q): this id is in the list twice", i+1, client.ID)
		}
		clients = append(clients, client)
	}
	return clients, nil
}

// readClient reads one entry. A secret that the method has no use for is left out.
func readClient(entry []byte, now time.Time) (idp.Client, error) {
	var given struct {
		ID     idp.ClientID `json:"client_id"`
		Secret string       `json:"client_secret"`
	}
	if err := json.Unmarshal(entry, &given); err != nil {
		return idp.Client{}, errors.New("not an object with a client_id and a client_secret of text")
	}
	client := idp.Client{ID: given.ID, CreatedAt: now}
	var err error
	if client.Metadata, err = idp.ParseRegistration(entry); err != nil {
		return client, err
	}
	if client.Metadata.Name == "" {
		client.Metadata.Name = string(client.ID)
	}
	if client.Metadata.NeedsSecret() {
		if err := checkSecret(given.Secret); err != nil {
			return client, fmt.Errorf("client_secret: %w", err)
		}
		client.Secrets = []idp.Digest{idp.DigestOf([]byte(given.Secret))}
	}
	return client, client.Validate()
}
