package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	zitadel "github.com/zitadel/oidc/v3/pkg/op"

	"postern/idp"
)

const (
	// pushedLife is how long a pushed request waits for its browser (RFC 9126 §2.2).
	pushedLife = 90 * time.Second
	// pushedURI is what names a pushed request begins with (RFC 9126 §2.2).
	pushedURI = "urn:ietf:params:oauth:request_uri:"
	// purposePushed seals what is kept of one.
	purposePushed = "pushed-authorization-request"
)

// pushedRequest is what is kept of one: validated, and the digest of the secret
// half of its name.
type pushedRequest struct {
	Request idp.AuthRequest `json:"request"`
	Digest  []byte          `json:"digest"`
}

// push is the pushed authorization request endpoint (RFC 9126 §2): a client
// tells, before any browser comes, what it will ask for. It is told at once what
// is wrong with it, and gets a name for it that gives one code.
func (p *Provider) push(w http.ResponseWriter, r *http.Request) error {
	if err := checkCall(w, r); err != nil {
		return err
	}
	key, err := p.prove(r, pathPush, "")
	if err != nil {
		return err
	}
	client, err := p.authenticate(r.Context(), r.Header, credentialsOf(r))
	if err != nil {
		return err
	}
	callOf(r.Context()).is(client)
	if client.Public() { // anyone can be it, and each request costs a row
		if err := p.countFetch(r.Context()); err != nil {
			return err
		}
	}
	req, err := p.readPushed(r.Context(), client, r.PostForm)
	if err != nil {
		return err
	}
	if err := bindTo(r.Context(), &req, client, key); err != nil {
		return err
	}
	if err := p.noteProof(r.Context(), key); err != nil {
		return err
	}
	name, err := p.keepPushed(r.Context(), req)
	if err != nil {
		return err
	}
	return created(w, name)
}

func created(w http.ResponseWriter, name idp.Credential) error {
	body, err := json.Marshal(struct {
		URI     string `json:"request_uri"`
		Expires int64  `json:"expires_in"`
	}{pushedURI + name.Reveal(), int64(pushedLife / time.Second)})
	if err != nil {
		return fmt.Errorf("encode pushed request: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	w.Write(body) //nolint:errcheck // it is held, and who asked may be gone
	return nil
}

// bindTo makes the key that a client proved the one that has to redeem the code
// (RFC 9449 §10.1).
func bindTo(ctx context.Context, req *idp.AuthRequest, client idp.Client, key *proof) error {
	if key == nil {
		return nil
	}
	if err := bound(ctx, client, key); err != nil {
		return err
	}
	if req.DPoPKey != "" && req.DPoPKey != key.jkt {
		return invalidProof("dpop_jkt is not the key of the DPoP proof")
	}
	req.DPoPKey = key.jkt
	return nil
}

// ofAuthentication are parameters that prove the client and ask for nothing.
var ofAuthentication = []string{"client_secret", "client_assertion", "client_assertion_type"}

// without gives a form that lacks some parameters.
func without(form url.Values, names ...string) url.Values {
	out := maps.Clone(form)
	for _, name := range names {
		out.Del(name)
	}
	return out
}

// readPushed validates what a client pushed, as the authorization endpoint
// would, but that nobody is answered by a redirect.
func (p *Provider) readPushed(ctx context.Context, client idp.Client, posted url.Values) (idp.AuthRequest, error) {
	form := without(posted, ofAuthentication...)
	form.Set("client_id", string(client.ID))
	if form.Has("request_uri") {
		return idp.AuthRequest{}, invalidRequest("request_uri cannot be pushed")
	}
	signed := form.Has("request")
	if signed {
		var err error
		if form, err = p.unwrapPushed(ctx, client, form.Get("request")); err != nil {
			return idp.AuthRequest{}, err
		}
	}
	if err := mayReturn(client, form.Get("redirect_uri")); err != nil {
		return idp.AuthRequest{}, err
	}
	d := p.reading(ctx, client, form)
	d.pushed, d.signed = true, signed
	if err := p.validate(ctx, &d); err != nil {
		return idp.AuthRequest{}, err
	}
	return d.req, nil
}

// unwrapPushed gives the parameters of a pushed request object; those beside it
// do not count (RFC 9126 §3).
func (p *Provider) unwrapPushed(ctx context.Context, client idp.Client, object string) (url.Values, error) {
	payload, err := p.openObject(ctx, client, object, false)
	if err != nil {
		return nil, err
	}
	form, err := parameters(payload)
	if err != nil {
		return nil, err
	}
	if form.Get("client_id") != string(client.ID) {
		return nil, badObject("client_id in the request object is not who pushes it")
	}
	return form, nil
}

// keepPushed stores a request under a name that nobody can guess.
func (p *Provider) keepPushed(ctx context.Context, req idp.AuthRequest) (idp.Credential, error) {
	tenant, now := idp.TenantOf(ctx).ID, p.clock()
	name := idp.NewCredential(idp.NewID(now))
	req.Pushed = name.ID
	kept := pushedRequest{Request: req}
	name.Secret.Digest().MAC(func(sum []byte) { kept.Digest = sum })
	plain, err := json.Marshal(kept)
	if err != nil {
		return idp.Credential{}, fmt.Errorf("encode pushed request: %w", err)
	}
	err = p.store.SaveRequest(ctx, idp.StoredRequest{
		TenantID: tenant, ID: name.ID, Sealed: []byte(p.sealer.Seal(tenant, purposePushed, plain)), Expires: now.Add(pushedLife),
	})
	if err != nil {
		return idp.Credential{}, fmt.Errorf("save pushed request: %w", err)
	}
	return name, nil
}

// unknownPushed is told alike for what was never pushed, what has expired, and
// what has given a code: it is no client's redirect URI that would be answered.
func unknownPushed(cause error) *refusal {
	f := refuse("invalid_request_uri", "request_uri names no pushed request that waits for an answer").because(cause)
	f.page = "expired_request"
	return f
}

// pushedBefore finds the pushed request that an authorization request names.
// What else comes along does not count (RFC 9126 §4).
func (p *Provider) pushedBefore(ctx context.Context, client idp.Client, uri string) (idp.AuthRequest, error) {
	name, err := idp.ParseCredential(strings.TrimPrefix(uri, pushedURI))
	if err != nil {
		return idp.AuthRequest{}, unknownPushed(err)
	}
	tenant := idp.TenantOf(ctx).ID
	stored, err := p.store.FindPushed(ctx, tenant, name.ID)
	for _, known := range []error{idp.ErrNotFound, idp.ErrUsed} {
		if errors.Is(err, known) {
			return idp.AuthRequest{}, unknownPushed(err)
		}
	}
	if err != nil {
		return idp.AuthRequest{}, fmt.Errorf("pushed request: %w", err)
	}
	plain, err := p.sealer.Open(tenant, purposePushed, string(stored.Sealed))
	if err != nil {
		return idp.AuthRequest{}, unknownPushed(err)
	}
	var kept pushedRequest
	if err := json.Unmarshal(plain, &kept); err != nil {
		return idp.AuthRequest{}, fmt.Errorf("pushed request: %w", err)
	}
	var secret idp.Digest
	if err := secret.Scan(kept.Digest); err != nil {
		return idp.AuthRequest{}, fmt.Errorf("pushed request: %w", err)
	}
	now := p.clock()
	switch {
	case !secret.Equal(name.Secret.Digest()), kept.Request.ClientID != client.ID:
		return idp.AuthRequest{}, unknownPushed(idp.ErrMismatch)
	case !now.Before(stored.Expires):
		return idp.AuthRequest{}, unknownPushed(idp.ErrExpired)
	}
	kept.Request.ReceivedAt = now
	return kept.Request, mayReturn(client, kept.Request.RedirectURI)
}

// credentialsOf reads what a client proves itself with; checkCall has seen that
// it is one thing.
func credentialsOf(r *http.Request) *zitadel.ClientCredentials {
	given := &zitadel.ClientCredentials{
		ClientID: r.PostForm.Get("client_id"), ClientSecret: r.PostForm.Get("client_secret"),
		ClientAssertion: r.PostForm.Get("client_assertion"), ClientAssertionType: r.PostForm.Get("client_assertion_type"),
	}
	if id, secret, ok := r.BasicAuth(); ok {
		given.ClientID, given.ClientSecret = decoded(id), decoded(secret)
	}
	return given
}

// decoded is a part of Basic credentials as it was before it was form-encoded
// (RFC 6749 §2.3.1); what cannot have been is itself.
func decoded(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}
