package main

import (
	"context"
	"fmt"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

type clientSecretAddCmd struct {
	clientRef
	SecretFile string `type:"path" placeholder:"FILE" help:"File with the secret (default: made up)."`
	JSON       bool   `name:"json" help:"JSON on stdout (it is in any case)."`
}

// mostSecrets are good at once: one, and the next.
const mostSecrets = 2

// Run adds a second secret, so that an app can go over to it while both are good.
func (c clientSecretAddCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.with(ctx, in, func(store storage.Store, client idp.Client) error {
		switch {
		case !client.Metadata.NeedsSecret():
			return fmt.Errorf("client %s proves itself without a secret", client.ID)
		case len(client.Secrets) >= mostSecrets:
			return fmt.Errorf("client %s has two secrets; `postern client secret drop` takes the older away", client.ID)
		}
		secret, err := clientCreateCmd{SecretFile: c.SecretFile}.secret(true)
		if err != nil {
			return usage("%w", err)
		}
		client.Secrets = append(client.Secrets, idp.DigestOf([]byte(secret)))
		if err := store.UpdateClient(ctx, client); err != nil {
			return fmt.Errorf("change client %s: %w", client.ID, err)
		}
		return printJSON(term.stdout, clientSecret{ID: client.ID, Secret: secret})
	})
}

type clientSecretDropCmd struct {
	clientRef
	JSON bool `name:"json" help:"JSON on stdout."`
}

// Run takes the older of two secrets away.
func (c clientSecretDropCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.with(ctx, in, func(store storage.Store, client idp.Client) error {
		if len(client.Secrets) < mostSecrets {
			return fmt.Errorf("client %s has no second secret; `postern client secret add` makes one first", client.ID)
		}
		client.Secrets = client.Secrets[1:]
		if err := store.UpdateClient(ctx, client); err != nil {
			return fmt.Errorf("change client %s: %w", client.ID, err)
		}
		return term.tell(c.JSON, map[string]idp.ClientID{"client_id": client.ID}, "client %s: the older secret is good no more", client.ID)
	})
}
