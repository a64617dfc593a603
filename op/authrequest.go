package op

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"postern/idp"
)

// Values of prompt (OpenID Connect Core §3.1.2.1, Initiating User Registration §4.1).
const (
	promptNone          = "none"
	promptLogin         = "login"
	promptConsent       = "consent"
	promptSelectAccount = "select_account"
	promptCreate        = "create"
)

var prompts = []string{promptNone, promptLogin, promptConsent, promptSelectAccount, promptCreate}

// scopes are those that mean something here; others are ignored (OpenID Connect Core §3.1.2.1).
var scopes = []string{"openid", "profile", "email", "address", "phone", "offline_access"}

// longest is how long the values of an authorization request may be.
var longest = map[string]int{
	"state": 4096, "nonce": 1024, "scope": 2048, "login_hint": 320, "redirect_uri": 2048,
	"id_token_hint": maxToken, "claims": 8192, "resource": 1024,
}

const (
	longestOther = 512
	maxResources = 5
)

// readAuthRequest validates an authorization request. Until client and redirect
// URI are known to belong together, an error is a page; after that it is an
// answer to the client.
func (p *Provider) readAuthRequest(ctx context.Context, form url.Values) (idp.AuthRequest, idp.Client, error) {
	for _, name := range []string{"client_id", "redirect_uri"} {
		if len(form[name]) > 1 {
			return idp.AuthRequest{}, idp.Client{}, invalidRequest("%s is there more than once", name)
		}
	}
	client, err := p.findClient(ctx, form.Get("client_id"))
	if err != nil {
		return idp.AuthRequest{}, idp.Client{}, err
	}
	if uri := form.Get("request_uri"); strings.HasPrefix(uri, pushedURI) && len(form["request_uri"]) == 1 {
		req, err := p.pushedBefore(ctx, client, uri)
		return req, client, err
	}
	signed := form.Has("request") || form.Has("request_uri")
	if signed {
		if form, err = p.unwrapped(ctx, client, form); err != nil {
			return idp.AuthRequest{}, idp.Client{}, err
		}
	}
	if err := mayReturn(client, form.Get("redirect_uri")); err != nil {
		return idp.AuthRequest{}, idp.Client{}, err
	}
	reading := p.reading(ctx, client, form)
	reading.signed = signed
	if err := p.validate(ctx, &reading); err != nil {
		return idp.AuthRequest{}, idp.Client{}, &clientError{reading.req, err}
	}
	return reading.req, client, nil
}

// validate reads a request of a client that may be answered where it asks to be.
func (p *Provider) validate(ctx context.Context, d *reading) error {
	for _, step := range steps {
		if err := step(d); err != nil {
			return err
		}
	}
	return p.readHint(ctx, d.form.Get("id_token_hint"), &d.req)
}

// reading begins to read the form of a client that may be answered.
func (p *Provider) reading(ctx context.Context, client idp.Client, form url.Values) reading {
	return reading{form: form, tenant: idp.TenantOf(ctx), client: client, req: idp.AuthRequest{
		ClientID: client.ID, RedirectURI: form.Get("redirect_uri"), ReceivedAt: p.clock(),
	}}
}

// unwrapped gives the parameters with those of a request object. What is wrong
// with the object is told to the client where the parameters outside it name a
// redirect URI of the client's, else to the person.
func (p *Provider) unwrapped(ctx context.Context, client idp.Client, form url.Values) (url.Values, error) {
	inside, err := url.Values(nil), once(form)
	if err == nil {
		inside, err = p.unwrap(ctx, client, form)
	}
	if err == nil || mayReturn(client, form.Get("redirect_uri")) != nil {
		return inside, err
	}
	outside := p.reading(ctx, client, howToAnswer(form))
	if answerErr := outside.answer(); answerErr != nil {
		err = answerErr
	}
	return nil, &clientError{outside.req, err}
}

// findRedirectClient gives the client if it may be answered at the URI.
func (p *Provider) findRedirectClient(ctx context.Context, id, redirectURI string) (idp.Client, error) {
	client, err := p.findClient(ctx, id)
	if err != nil {
		return idp.Client{}, err
	}
	return client, mayReturn(client, redirectURI)
}

// findClient gives the client that an authorization request names.
func (p *Provider) findClient(ctx context.Context, id string) (idp.Client, error) {
	if id == "" {
		return idp.Client{}, unknownClient("client_id is missing")
	}
	if !plausibleClientID(id) {
		return idp.Client{}, unknownClient("client_id is not known here")
	}
	client, err := p.store.FindClient(ctx, idp.TenantOf(ctx).ID, idp.ClientID(id))
	var said *refusal
	if errors.As(err, &said) {
		return idp.Client{}, said // of a document that makes no client
	}
	if errors.Is(err, idp.ErrNotFound) {
		return idp.Client{}, unknownClient("client_id is not known here").because(err)
	}
	if err != nil {
		return idp.Client{}, fmt.Errorf("find client: %w", err)
	}
	return client, nil
}

// mayReturn tells whether a client may be answered at a URI.
func mayReturn(client idp.Client, redirectURI string) error {
	switch {
	case redirectURI == "":
		return badRedirect("redirect_uri is missing")
	case !client.AllowsRedirect(redirectURI):
		return badRedirect("redirect_uri is not registered for this client")
	default:
		return nil
	}
}

func unknownClient(description string) *refusal {
	f := refuse("invalid_client", "%s", description)
	f.page = "bad_client"
	return f
}

func badRedirect(description string) *refusal {
	f := invalidRequest("%s", description)
	f.page = "bad_redirect"
	return f
}

// reading is an authorization request while it is read.
type reading struct {
	form   url.Values
	tenant idp.Tenant
	client idp.Client
	req    idp.AuthRequest
	pushed bool // by the client itself
	signed bool // by the client, as a request object
}

// steps go in this order: how to answer is settled first.
var steps = []func(*reading) error{
	(*reading).answer, (*reading).wellFormed, (*reading).profile, (*reading).unsupported, (*reading).responseType, (*reading).prompt,
	(*reading).resource, (*reading).scope, (*reading).challenge, (*reading).maxAge, (*reading).claims, (*reading).key, (*reading).plain,
}

// answer reads state and response mode, with which errors are answered too.
func (d *reading) answer() error {
	if state := d.form["state"]; len(state) == 1 && len(state[0]) <= longest["state"] && clean(state[0]) {
		d.req.State = state[0]
	}
	switch mode := d.form.Get("response_mode"); {
	case mode == "":
		// Where a token was asked for, the client reads the fragment (OAuth 2.0
		// Multiple Response Types §5).
		if kinds := strings.Fields(d.form.Get("response_type")); slices.Contains(kinds, "token") || slices.Contains(kinds, "id_token") {
			d.req.ResponseMode = modeFragment
		}
	case mode == "jwt":
		d.req.ResponseMode = modeQuery + modeSigned // that of codes (JARM §2.3.4)
	case slices.Contains(modes, mode):
		d.req.ResponseMode = mode
	default:
		return invalidRequest("response_mode is none of %s", strings.Join(modes, ", "))
	}
	if strings.HasSuffix(d.req.ResponseMode, modeSigned) {
		d.req.ResponseAlg = d.client.ResponseAlg()
	}
	return nil
}

func (d *reading) wellFormed() error {
	if err := once(d.form); err != nil {
		return err
	}
	for name, values := range d.form {
		most, ok := longest[name]
		if !ok {
			most = longestOther
		}
		for _, value := range values {
			if len(value) > most && name != "registration" {
				return invalidRequest("a parameter is too long: %s", printable(name))
			}
			if !clean(value) {
				return invalidRequest("a parameter holds control characters: %s", printable(name))
			}
		}
	}
	return nil
}

func clean(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// unsupported answers what there is an error of its own for (OpenID Connect Core §3.1.2.6).
func (d *reading) unsupported() error {
	if d.form.Has("registration") {
		return refuse("registration_not_supported", "registration is not supported")
	}
	return nil
}

func (d *reading) responseType() error {
	switch d.form.Get("response_type") {
	case "":
		return invalidRequest("response_type is missing")
	case "code":
		if !d.client.AllowsGrant(idp.GrantAuthorizationCode) {
			return refuse("unauthorized_client", "this client may not use authorization codes")
		}
		return nil
	default:
		return refuse("unsupported_response_type", "response_type must be code")
	}
}

func (d *reading) prompt() error {
	for _, prompt := range strings.Fields(d.form.Get("prompt")) {
		if !slices.Contains(prompts, prompt) {
			return invalidRequest("prompt has an unknown value")
		}
		if !slices.Contains(d.req.Prompt, prompt) {
			d.req.Prompt = append(d.req.Prompt, prompt)
		}
	}
	if d.req.HasPrompt(promptNone) && len(d.req.Prompt) > 1 {
		return invalidRequest("prompt=none goes with no other value")
	}
	return nil
}

func (d *reading) scope() error {
	to, err := targetOf(d.tenant, d.client, d.req.Resource)
	if err != nil {
		return err
	}
	for _, scope := range to.within(strings.Fields(d.form.Get("scope"))) {
		known := slices.Contains(scopes, scope) || d.client.AllowsScope(scope)
		if known && !slices.Contains(d.req.Scope, scope) {
			d.req.Scope = append(d.req.Scope, scope)
		}
	}
	if err := d.login(to); err != nil {
		return err
	}
	// A client of someone else's gets a refresh token by a consent that names it
	// (OpenID Connect Core §11): it is asked for as the other scopes are.
	if !d.client.AllowsGrant(idp.GrantRefreshToken) {
		d.req.Scope = slices.DeleteFunc(d.req.Scope, func(scope string) bool { return scope == "offline_access" })
	}
	return nil
}

// login wants a request to be one for a login, but for those that ask for an
// API alone, and for FAPI clients, whose profile is not of OpenID Connect: they
// get no ID token (RFC 6749 §3.3).
func (d *reading) login(to target) error {
	api := slices.ContainsFunc(d.req.Scope, func(scope string) bool { return slices.Contains(to.scopes, scope) })
	if d.req.HasScope("openid") || api || d.client.FAPI() && len(d.req.Scope) > 0 {
		return nil
	}
	return refuse("invalid_scope", "scope must hold openid, or one of the API that is asked for")
}

// challenge is the PKCE rule (RFC 7636 §4.3): S256 alone, and where none is
// required, one that is sent binds all the same.
func (d *reading) challenge() error {
	challenge, method := d.form.Get("code_challenge"), d.form.Get("code_challenge_method")
	switch {
	case challenge == "" && method != "":
		return invalidRequest("code_challenge is missing")
	case challenge == "" && d.client.NeedsPKCE(d.tenant):
		return invalidRequest("this client must use PKCE: code_challenge is missing")
	case challenge == "":
		return nil
	case method != "S256":
		return invalidRequest("code_challenge_method must be S256")
	case !pkceText(challenge):
		return invalidRequest("code_challenge must be 43 to 128 unreserved characters")
	}
	d.req.CodeChallenge = challenge
	return nil
}

func (d *reading) maxAge() error {
	text := d.form.Get("max_age")
	if text == "" {
		d.req.MaxAge = d.client.Metadata.DefaultMaxAge
		return nil
	}
	seconds, err := strconv.ParseInt(text, 10, 32)
	if err != nil || seconds < 0 {
		return invalidRequest("max_age must be a number of seconds")
	}
	d.req.MaxAge = &seconds
	return nil
}

// resource names the APIs where the access token shall count (RFC 8707 §2). The
// client's default stands in where it names none.
func (d *reading) resource() error {
	for _, resource := range or(d.form["resource"], d.client.DefaultResource()) {
		if !slices.Contains(d.req.Resource, resource) {
			d.req.Resource = append(d.req.Resource, resource)
		}
	}
	if len(d.req.Resource) > maxResources {
		return invalidTarget("at most %d resources", maxResources)
	}
	_, err := targetOf(d.tenant, d.client, d.req.Resource)
	return err
}

// key reads which key has to redeem the code (RFC 9449 §10).
func (d *reading) key() error {
	d.req.DPoPKey = d.form.Get("dpop_jkt")
	if d.req.DPoPKey != "" && !thumbprint(d.req.DPoPKey) {
		return invalidRequest("dpop_jkt is no SHA-256 thumbprint of a key")
	}
	return nil
}

// plain reads what is passed on as it is.
func (d *reading) plain() error {
	d.req.Nonce = d.form.Get("nonce")
	d.req.LoginHint = d.form.Get("login_hint")
	d.req.UILocales = strings.Fields(d.form.Get("ui_locales"))
	d.req.ACRValues = append(d.req.ACRValues, strings.Fields(d.form.Get("acr_values"))...)
	if len(d.req.ACRValues) == 0 {
		d.req.ACRValues = d.client.Metadata.DefaultACR
	}
	return nil
}

// pkceText is the form of verifiers and challenges (RFC 7636 §4.1, §4.2).
func pkceText(text string) bool {
	return len(text) >= 43 && len(text) <= 128 && unreserved(text)
}

// plausibleClientID keeps from the store what can be no client's id.
func plausibleClientID(id string) bool {
	_, document := idp.ClientID(id).Document()
	return document || id != "" && len(id) <= 128 && unreserved(id)
}

// unreserved characters are those of RFC 3986 §2.3.
func unreserved(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~", r)
	})
}
