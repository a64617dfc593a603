package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"postern/config"
	"postern/idp"
	"postern/storage"
)

// clientRef names a client of a tenant.
type clientRef struct {
	Tenant string       `required:"" help:"Slug of the tenant."`
	ID     idp.ClientID `arg:"" name:"client-id" help:"The client, as client list shows it."`
}

// with opens the store and finds the client.
func (c clientRef) with(ctx context.Context, in config.Instance, do func(storage.Store, idp.Client) error) error {
	return withTenant(ctx, in, c.Tenant, func(store storage.Store, t idp.Tenant) error {
		client, err := store.FindClient(ctx, t.ID, c.ID)
		if errors.Is(err, idp.ErrNotFound) {
			return fmt.Errorf("tenant %s has no client %q; `postern client list --tenant %s` shows them", t.Slug, c.ID, t.Slug)
		}
		if err != nil {
			return err
		}
		return do(store, client)
	})
}

type clientShowCmd struct {
	clientRef
	JSON bool `name:"json" help:"JSON on stdout."`
}

// Run shows a client's settings, by their names in RFC 7591 where they have one.
func (c clientShowCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.with(ctx, in, func(_ storage.Store, client idp.Client) error {
		view := clientView{client.ID, client.Metadata}
		if c.JSON {
			return printJSON(term.stdout, view)
		}
		raw, err := json.Marshal(view)
		if err != nil {
			return err
		}
		var members map[string]any
		if err := json.Unmarshal(raw, &members); err != nil {
			return err
		}
		names := make([]string, 0, len(members))
		for name := range members {
			names = append(names, name)
		}
		slices.Sort(names)
		table := tabwriter.NewWriter(term.stdout, 0, 0, 2, ' ', 0)
		for _, name := range names {
			_, _ = fmt.Fprintf(table, "%s\t%s\n", name, asText(members[name]))
		}
		return table.Flush()
	})
}

// asText shows a member as client set takes it.
func asText(value any) string {
	switch v := value.(type) {
	case []any:
		parts := make([]string, 0, len(v))
		for _, one := range v {
			parts = append(parts, asText(one))
		}
		return strings.Join(parts, ",")
	case map[string]any:
		raw, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(raw)
	default:
		return fmt.Sprint(v)
	}
}

type clientSetCmd struct {
	clientRef
	NewSecret bool     `help:"Make a new secret in place of the present one, and print it."`
	Settings  []string `arg:"" optional:"" name:"key=value" help:"${client_settings}"`
	JSON      bool     `name:"json" help:"JSON on stdout."`
}

// Run changes settings; all of them or none.
func (c clientSetCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	if len(c.Settings) == 0 && !c.NewSecret {
		return usage("nothing to change: name key=value, or --new-secret")
	}
	return c.with(ctx, in, func(store storage.Store, client idp.Client) error {
		for _, setting := range c.Settings {
			key, value, ok := strings.Cut(setting, "=")
			if !ok {
				return usage("%q: use key=value", setting)
			}
			if err := setClient(&client.Metadata, key, value); err != nil {
				return usage("%s: %w", key, err)
			}
		}
		secret, err := c.renew(&client)
		if err != nil {
			return err
		}
		if err := client.Validate(); err != nil {
			return usage("%w", err)
		}
		if err := store.UpdateClient(ctx, client); err != nil {
			return fmt.Errorf("change client %s: %w", client.ID, err)
		}
		switch {
		case secret != "":
			return printJSON(term.stdout, clientSecret{client.ID, secret})
		case c.JSON:
			return printJSON(term.stdout, clientView{client.ID, client.Metadata})
		}
		_, err = fmt.Fprintf(term.stdout, "client %s changed\n", client.ID)
		return err
	})
}

func (c clientSetCmd) renew(client *idp.Client) (string, error) {
	switch {
	case !c.NewSecret:
		return "", nil
	case !client.Metadata.NeedsSecret():
		return "", usage("--new-secret: such a client has no secret")
	}
	secret := idp.NewSecret().Reveal()
	client.Secrets = []idp.Digest{idp.DigestOf([]byte(secret))}
	return secret, nil
}

// setClient sets one setting.
func setClient(m *idp.ClientMetadata, key, value string) error {
	texts := map[string]*string{
		"client_name": &m.Name, "default_resource": &m.DefaultResource, "jwks_uri": &m.JWKSURI, "client_uri": &m.ClientURI,
		"policy_uri": &m.PolicyURI, "tos_uri": &m.TermsURI, "initiate_login_uri": &m.InitiateLoginURI,
		"id_token_signed_response_alg": (*string)(&m.IDTokenAlg), "access_token_signed_response_alg": (*string)(&m.AccessTokenAlg),
		"userinfo_signed_response_alg": (*string)(&m.UserinfoAlg), "authorization_signed_response_alg": (*string)(&m.ResponseAlg),
		"id_token_encrypted_response_alg": (*string)(&m.IDTokenKeyAlg), "id_token_encrypted_response_enc": (*string)(&m.IDTokenEnc),
		"userinfo_encrypted_response_alg": (*string)(&m.UserinfoKeyAlg), "userinfo_encrypted_response_enc": (*string)(&m.UserinfoEnc),
		"backchannel_logout_uri": &m.BackchannelLogoutURI, "frontchannel_logout_uri": &m.FrontchannelLogoutURI,
	}
	lists := map[string]*[]string{
		"redirect_uris": &m.RedirectURIs, "post_logout_redirect_uris": &m.PostLogoutRedirectURIs, "origins": &m.Origins, "scopes": &m.Scopes,
		"grant_types": &m.GrantTypes, "exchange_from": &m.From, "exchange_for": &m.For,
	}
	switches := map[string]*bool{
		"third_party": &m.ThirdParty, "opaque_access_tokens": &m.OpaqueTokens, "dpop_bound_access_tokens": &m.DPoPBoundTokens,
		"tls_client_certificate_bound_access_tokens": &m.TLSBoundTokens, "require_pushed_authorization_requests": &m.RequirePushedRequests,
		"require_signed_request_object": &m.RequireSignedRequests,
	}
	var err error
	switch {
	case texts[key] != nil:
		*texts[key] = value
	case lists[key] != nil:
		*lists[key] = nil
		if value != "" {
			*lists[key] = strings.Split(value, ",")
		}
	case switches[key] != nil:
		*switches[key], err = oneOf(cmp.Or(value, "false"), "true", "false")
	case key == "pkce":
		m.PKCE, err = among(idp.PKCE(value), "", idp.PKCERequired, idp.PKCEOptional)
	case key == "finish":
		m.Finish, err = among(idp.Finish(value), "", idp.FinishLink, idp.FinishWaiting)
	case key == "exchange_mode":
		m.Mode, err = among(idp.ExchangeMode(value), "", idp.ExchangeDelegation, idp.ExchangeImpersonation)
	case strings.Contains(key, "secret"):
		return errors.New("is replaced at once by --new-secret, or while both are good by `postern client secret add`")
	default:
		return clientKeys.unknown(key, "client")
	}
	return err
}

// among refuses a value that is none of the words.
func among[T ~string](value T, words ...T) (T, error) {
	if slices.Contains(words, value) {
		return value, nil
	}
	texts := make([]string, 0, len(words))
	for _, word := range words {
		if word != "" {
			texts = append(texts, string(word))
		}
	}
	return "", fmt.Errorf("%q: %s", value, strings.Join(texts, " or "))
}

type clientDeleteCmd struct {
	clientRef
	JSON bool `name:"json" help:"JSON on stdout."`
}

// Run takes the client away, with the grants that it has.
func (c clientDeleteCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.with(ctx, in, func(store storage.Store, client idp.Client) error {
		if err := store.DeleteClient(ctx, client.TenantID, client.ID, term.clock()); err != nil {
			return fmt.Errorf("delete client %s: %w", client.ID, err)
		}
		return term.tell(c.JSON, map[string]idp.ClientID{"client_id": client.ID}, "client %s is deleted, and its tokens count no more", client.ID)
	})
}
