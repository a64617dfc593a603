package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"postern/idp"
)

// maxRegistration bounds client metadata.
const maxRegistration = 64 << 10

// register is the client registration endpoint (RFC 7591 §3). Whoever may not
// register is told before anything of the request is looked at.
func (p *Provider) register(w http.ResponseWriter, r *http.Request) error {
	tenant := idp.TenantOf(r.Context())
	token, err := p.mayRegister(r)
	if err != nil {
		return err
	}
	if err := p.countFetch(r.Context()); err != nil {
		return err
	}
	now := p.clock()
	client := idp.Client{TenantID: tenant.ID, ID: idp.ClientID(idp.NewID(now)), CreatedAt: now}
	if _, err := p.readMetadata(w, r, &client); err != nil {
		return err
	}
	client.Metadata.ThirdParty = !tenant.Settings.TrustRegistered
	secret := renewSecret(&client)
	access := idp.NewCredential(string(client.ID))
	client.Registration = access.Secret.Digest()
	if err := checkMetadata(r.Context(), p.fetcher, client); err != nil {
		return err
	}
	if token != nil {
		if err := p.spend(r.Context(), *token); err != nil {
			return err
		}
	}
	client.Metadata.Logo = p.fetchLogo(r.Context(), client)
	if err := p.store.CreateClient(r.Context(), client); err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	return p.tellClient(w, r, http.StatusCreated, client, secret, access.Reveal())
}

// mayRegister gives the initial access token to spend, or nil where none is needed.
func (p *Provider) mayRegister(r *http.Request) (*idp.Credential, error) {
	settings := idp.TenantOf(r.Context()).Settings
	switch {
	case settings.OpenRegistration && r.Header.Get("Authorization") == "":
		return nil, nil //nolint:nilnil // no token and no need of one
	case !settings.OpenRegistration && !settings.TokenRegistration:
		f := refuse("access_denied", "clients cannot register themselves here; ask the operator")
		f.status = http.StatusForbidden
		return nil, f
	}
	token, err := registrationToken(r)
	return &token, err
}

// registrationToken reads the Bearer token of a registration request. It comes
// in the header only (RFC 7591 §3, RFC 7592 §2).
func registrationToken(r *http.Request) (idp.Credential, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return idp.Credential{}, noRegistration(nil)
	}
	token, err := idp.ParseCredential(text)
	if err != nil {
		return idp.Credential{}, noRegistration(err)
	}
	return token, nil
}

func noRegistration(cause error) *refusal {
	f := refuse("invalid_token", "the token does not count here").because(cause)
	f.status, f.challenge = http.StatusUnauthorized, `Bearer realm="postern", error="invalid_token"`
	return f
}

func (p *Provider) spend(ctx context.Context, token idp.Credential) error {
	err := p.store.SpendRegistrationToken(ctx, idp.TenantOf(ctx).ID, token.ID, token.Secret.Digest(), p.clock())
	for _, known := range []error{idp.ErrNotFound, idp.ErrExpired, idp.ErrExhausted} {
		if errors.Is(err, known) {
			return noRegistration(err)
		}
	}
	if err != nil {
		return fmt.Errorf("spend registration token: %w", err)
	}
	return nil
}

// readMetadata reads a client's metadata from the body, which it also gives back.
func (p *Provider) readMetadata(w http.ResponseWriter, r *http.Request, client *idp.Client) ([]byte, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return nil, invalidMetadata("the body must be application/json").because(err)
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRegistration))
	if err != nil {
		return nil, fmt.Errorf("client metadata: %w", err)
	}
	client.Metadata, err = idp.ParseRegistration(raw)
	if err != nil {
		return nil, invalidMetadata("%s", err)
	}
	if client.Metadata.Name == "" {
		client.Metadata.Name = "App " + string(client.ID[len(client.ID)-8:])
	}
	return raw, nil
}

func invalidMetadata(format string, args ...any) *refusal {
	f := refuse("invalid_client_metadata", format, args...)
	f.description = strings.Map(func(c rune) rune {
		switch {
		case c == '"' || c == '\\':
			return '\''
		case c < 0x20 || c > 0x7e:
			return '?'
		}
		return c
	}, f.description)
	return f
}

// renewSecret gives a client that needs a secret one, if it has none; what it
// does not need it does not keep.
func renewSecret(client *idp.Client) string {
	if !client.Metadata.NeedsSecret() {
		client.Secrets = nil
		return ""
	}
	if len(client.Secrets) > 0 {
		return ""
	}
	secret := idp.NewSecret().Reveal()
	client.Secrets = []idp.Digest{idp.DigestOf([]byte(secret))}
	return secret
}

// tellClient answers with what is registered (RFC 7591 §3.2.1). A secret is told
// once: afterwards there is only its digest.
func (p *Provider) tellClient(w http.ResponseWriter, r *http.Request, status int, client idp.Client, secret, access string) error {
	answer, err := client.Metadata.Registered()
	if err != nil {
		return err
	}
	more := map[string]any{
		"client_id": client.ID, "client_id_issued_at": client.CreatedAt.Unix(),
		"registration_access_token": access, "registration_client_uri": p.issuer(r) + pathRegister + "/" + string(client.ID),
	}
	if secret != "" {
		more["client_secret"], more["client_secret_expires_at"] = secret, 0
	}
	for name, value := range more {
		if answer[name], err = json.Marshal(value); err != nil {
			return fmt.Errorf("encode client: %w", err)
		}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode client: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // it is held, and who asked may be gone
	return nil
}

// configure is the client configuration endpoint (RFC 7592 §2). A client that is
// not there and a wrong token are told alike.
func (p *Provider) configure(w http.ResponseWriter, r *http.Request) error {
	access, err := registrationToken(r)
	if err != nil {
		return err
	}
	if access.ID != chi.URLParam(r, "client") {
		return noRegistration(idp.ErrMismatch)
	}
	tenant := idp.TenantOf(r.Context())
	client, err := p.store.FindClient(r.Context(), tenant.ID, idp.ClientID(access.ID))
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return fmt.Errorf("find client: %w", err)
	}
	if err != nil || !client.Registration.Equal(access.Secret.Digest()) {
		return noRegistration(err)
	}
	callOf(r.Context()).is(client)
	switch r.Method {
	case http.MethodPut:
		return p.reconfigure(w, r, client, access)
	case http.MethodDelete:
		if err := p.store.DeleteClient(r.Context(), tenant.ID, client.ID, p.clock()); err != nil {
			return fmt.Errorf("delete client: %w", err)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	default:
		return p.tellClient(w, r, http.StatusOK, client, "", access.Reveal())
	}
}

// reconfigure replaces a client's metadata by those that are sent: what is left
// out is taken away (RFC 7592 §2.2). What the operator has set stays.
func (p *Provider) reconfigure(w http.ResponseWriter, r *http.Request, client idp.Client, access idp.Credential) error {
	if err := p.countFetch(r.Context()); err != nil {
		return err
	}
	before := client.Metadata
	raw, err := p.readMetadata(w, r, &client)
	if err != nil {
		return err
	}
	var said struct {
		ID     idp.ClientID `json:"client_id"`
		Secret string       `json:"client_secret"`
	}
	switch err := json.Unmarshal(raw, &said); {
	case err != nil || said.ID != client.ID:
		return invalidMetadata("client_id must be the client's own")
	case said.Secret != "" && !proves(client.Secrets, said.Secret):
		return invalidMetadata("client_secret must be the client's own; it cannot be chosen")
	}
	m := &client.Metadata
	m.Origins, m.ThirdParty, m.PKCE, m.Finish = before.Origins, before.ThirdParty, before.PKCE, before.Finish
	m.AccessTokenAlg, m.OpaqueTokens, m.Scopes, m.DefaultResource = before.AccessTokenAlg, before.OpaqueTokens, before.Scopes, before.DefaultResource
	client.Secrets = slices.Clone(client.Secrets)
	secret := renewSecret(&client)
	if err := checkMetadata(r.Context(), p.fetcher, client); err != nil {
		return err
	}
	m.Logo = before.Logo && before.LogoURI == m.LogoURI || p.fetchLogo(r.Context(), client)
	if err := p.store.UpdateClient(r.Context(), client); err != nil {
		return fmt.Errorf("update client: %w", err)
	}
	return p.tellClient(w, r, http.StatusOK, client, secret, access.Reveal())
}
