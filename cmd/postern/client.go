package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

type clientCreateCmd struct {
	Tenant       string   `required:"" help:"Slug of its tenant."`
	Name         string   `required:"" help:"Name that people see."`
	RedirectURIs []string `name:"redirect-uri" sep:"none" placeholder:"URI" help:"Where logins end; repeat for several."`
	Public       bool     `help:"A client that cannot keep a secret: an SPA or an app on a device."`
	AuthMethod   string   `enum:",none,client_secret_basic,client_secret_post,private_key_jwt,tls_client_auth,self_signed_tls_client_auth" default:"" placeholder:"METHOD" help:"The only way it may authenticate: client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, self_signed_tls_client_auth or none (default: basic or post)."`
	JWKSFile     string   `name:"jwks-file" type:"path" placeholder:"FILE" help:"JSON Web Key Set with its public keys."`
	JWKSURI      string   `name:"jwks-uri" placeholder:"URI" help:"Where it keeps its public keys."`
	PostLogout   []string `name:"post-logout-redirect-uri" sep:"none" placeholder:"URI" help:"Where sign-outs may end."`
	Backchannel  string   `name:"backchannel-logout-uri" placeholder:"URI" help:"Where it is told, server to server, that a session has ended."`
	Frontchannel string   `name:"frontchannel-logout-uri" placeholder:"URI" help:"Page of it that a browser loads in a frame when it signs out."`
	Origins      []string `name:"origin" sep:"none" placeholder:"ORIGIN" help:"Further web origins that may call the endpoints."`
	ID           string   `name:"id" placeholder:"TEXT" help:"Client id (default: made up)."`
	SecretFile   string   `type:"path" placeholder:"FILE" help:"File with the secret (default: made up)."`
	ThirdParty   bool     `help:"Somebody else's app: people are asked for consent."`
	PKCE         string   `name:"pkce" enum:",required,optional" default:"" placeholder:"WHEN" help:"required or optional (default: the tenant's; public clients always need it)."`
	Finish       string   `enum:",link,waiting" default:"" placeholder:"TAB" help:"Tab in which a login ends: link or waiting (default: waiting for public clients)."`
	JSON         bool     `name:"json" help:"JSON on stdout (it is in any case)."`
	clientTokens `embed:""`

	clientSecurity `embed:""`
}

// clientSecret is what a new client is told, once.
type clientSecret struct {
	ID     idp.ClientID `json:"client_id"`
	Secret string       `json:"client_secret,omitempty"`
}

// Run adds the client and prints its id and secret.
func (c clientCreateCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	client, secret, err := c.client(term.clock())
	if err != nil {
		return usage("%w", err)
	}
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		client.TenantID = t.ID
		if err := c.check(t); err != nil {
			return err
		}
		err := store.CreateClient(ctx, client)
		if errors.Is(err, idp.ErrConflict) {
			return fmt.Errorf("tenant %s has a client %q already; choose another --id", t.Slug, client.ID)
		}
		if err != nil {
			return err
		}
		return printJSON(term.stdout, clientSecret{ID: client.ID, Secret: secret})
	})
}

func (c clientCreateCmd) client(now time.Time) (idp.Client, string, error) {
	client := idp.Client{ID: idp.ClientID(c.ID), CreatedAt: now, Metadata: idp.ClientMetadata{
		Name: c.Name, AuthMethods: c.authMethods(),
		GrantTypes:   []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken},
		RedirectURIs: c.RedirectURIs, PostLogoutRedirectURIs: c.PostLogout, Origins: c.Origins,
		BackchannelLogoutURI: c.Backchannel, FrontchannelLogoutURI: c.Frontchannel,
		ThirdParty: c.ThirdParty, PKCE: idp.PKCE(c.PKCE), Finish: idp.Finish(c.Finish),
	}}
	if client.ID == "" {
		client.ID = idp.ClientID(idp.NewID(now))
	}
	if err := errors.Join(c.put(&client.Metadata), c.keys(&client.Metadata), c.harden(&client.Metadata)); err != nil {
		return client, "", err
	}
	secret, err := c.secret(client.Metadata.NeedsSecret())
	if err != nil {
		return client, "", err
	}
	if secret != "" {
		client.Secrets = []idp.Digest{idp.DigestOf([]byte(secret))}
	}
	return client, secret, client.Validate()
}

func (c clientCreateCmd) authMethods() []idp.AuthMethod {
	switch {
	case c.AuthMethod != "":
		return []idp.AuthMethod{idp.AuthMethod(c.AuthMethod)}
	case c.Public:
		return []idp.AuthMethod{idp.AuthNone}
	default:
		return []idp.AuthMethod{idp.AuthBasic, idp.AuthPost}
	}
}

// keys puts the client's public keys in, or says where they are.
func (c clientCreateCmd) keys(m *idp.ClientMetadata) error {
	m.JWKSURI = c.JWKSURI
	if c.JWKSFile == "" {
		return nil
	}
	raw, err := os.ReadFile(c.JWKSFile)
	if err != nil {
		return fmt.Errorf("--jwks-file: %w", err)
	}
	if !json.Valid(raw) {
		return errors.New("--jwks-file: not JSON")
	}
	m.JWKS = raw
	return nil
}

// minSecret is the shortest secret that an operator may bring along.
const minSecret = 16

func (c clientCreateCmd) secret(needed bool) (string, error) {
	switch {
	case c.Public && c.AuthMethod != "" && c.AuthMethod != string(idp.AuthNone):
		return "", errors.New("--public and --auth-method contradict each other")
	case !needed && c.SecretFile != "":
		return "", errors.New("such a client has no secret; leave --secret-file out")
	case !needed:
		return "", nil
	case c.SecretFile == "":
		return idp.NewSecret().Reveal(), nil
	}
	raw, err := os.ReadFile(c.SecretFile)
	if err != nil {
		return "", fmt.Errorf("--secret-file: %w", err)
	}
	secret := strings.TrimRight(string(raw), "\r\n")
	if err := checkSecret(secret); err != nil {
		return "", fmt.Errorf("--secret-file: %w", err)
	}
	return secret, nil
}

// checkSecret refuses secrets that are short or that libraries would send differently.
func checkSecret(secret string) error {
	if len(secret) < minSecret || len(secret) > 255 || strings.Trim(secret, printable) != "" {
		return fmt.Errorf("%d to 255 characters of printable ASCII without spaces; `openssl rand -hex 32` makes a good one", minSecret)
	}
	return nil
}

// printable is VSCHAR of RFC 6749 Appendix A, less the space.
const printable = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

type clientListCmd struct {
	Tenant string `required:"" help:"Slug of the tenant."`
	JSON   bool   `name:"json" help:"JSON on stdout."`
}

type clientView struct {
	ID idp.ClientID `json:"client_id"`
	idp.ClientMetadata
}

// Run lists the clients, without secrets.
func (c clientListCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		clients, err := store.ListClients(ctx, t.ID)
		if err != nil {
			return err
		}
		views := make([]clientView, 0, len(clients))
		for _, client := range clients {
			views = append(views, clientView{client.ID, client.Metadata})
		}
		return printList(term, c.JSON, views, func(v clientView) string {
			return fmt.Sprintf("%s\t%s\t%s", v.ID, v.Name, strings.Join(v.RedirectURIs, " "))
		})
	})
}
