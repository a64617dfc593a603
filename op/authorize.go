package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"postern/edge"
	"postern/idp"
)

const (
	// purposePosted seals a request that came by POST on its way to the GET that
	// sees the browser's session. It is no idp.PurposeAuthRequest: what is sealed
	// under that has been found to need the login room.
	purposePosted = "posted-authorization-request"
	// maxCarried is the longest sealed request that goes in a URL; with the rest of
	// it that stays below the 4 KB that every proxy takes.
	maxCarried = 3500
)

// authorize is the authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2).
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		return p.authorizePosted(w, r)
	}
	form, err := readQuery(r)
	if err != nil {
		return err
	}
	if form.Has("posted") || form.Has("stored") {
		return p.authorizeResumed(w, r, form)
	}
	req, client, err := p.readAuthRequest(r.Context(), form)
	if err != nil {
		return err
	}
	return p.decide(w, r, client, req)
}

// authorizePosted turns a POST into a GET: it may come from another site, and
// then brings no Lax cookie, so no session can be seen yet.
func (p *Provider) authorizePosted(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	req, _, err := p.readAuthRequest(r.Context(), form)
	if err != nil {
		return err
	}
	return p.carry(w, r, pathAuthorize, "posted", purposePosted, req)
}

// authorizeResumed goes on with a request that was posted.
func (p *Provider) authorizeResumed(w http.ResponseWriter, r *http.Request, form url.Values) error {
	tenant := idp.TenantOf(r.Context())
	sealed := form.Get("posted")
	if id := form.Get("stored"); id != "" {
		stored, err := p.store.FindRequest(r.Context(), tenant.ID, id)
		if errors.Is(err, idp.ErrNotFound) {
			return invalidRequest("there is no such authorization request").because(err)
		}
		if err != nil {
			return fmt.Errorf("stored request: %w", err)
		}
		sealed = string(stored.Sealed)
	}
	plain, err := p.sealer.Open(tenant.ID, purposePosted, sealed)
	if err != nil {
		return invalidRequest("there is no such authorization request").because(err)
	}
	var req idp.AuthRequest
	if err := json.Unmarshal(plain, &req); err != nil {
		return fmt.Errorf("posted request: %w", err)
	}
	if p.clock().Sub(req.ReceivedAt) > idp.RequestLife {
		return expiredRequest("the authorization request has expired; start again at the application")
	}
	client, err := p.findRedirectClient(r.Context(), string(req.ClientID), req.RedirectURI)
	if err != nil {
		return err
	}
	return p.decide(w, r, client, req)
}

// decide answers by the session that the browser has, if that suffices, and
// sends the person on to log in or to consent otherwise.
func (p *Provider) decide(w http.ResponseWriter, r *http.Request, client idp.Client, req idp.AuthRequest) error {
	session, user, err := p.sessions.Current(r)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return &clientError{req, fmt.Errorf("current session: %w", err)}
	}
	suffices := err == nil && req.Admits(user, client, p.sealer) && suits(req, session, user, p.clock())
	consent := false
	if suffices {
		if consent, err = p.consentDue(r.Context(), client, req, user); err != nil {
			return &clientError{req, err}
		}
	}
	silent := req.HasPrompt(promptNone)
	switch {
	case !suffices && silent:
		return &clientError{req, refuse("login_required", "the person has to sign in")}
	case !suffices:
		return p.carry(w, r, "/auth/login", "request", idp.PurposeAuthRequest, req)
	case consent && silent:
		return &clientError{req, refuse("consent_required", "the person has to consent")}
	case consent:
		return p.carry(w, r, "/auth/consent", "request", idp.PurposeAuthRequest, req)
	default:
		return p.grant(w, r, req, session)
	}
}

// consentDue tells whether the person is to be asked: by prompt=consent always,
// and for somebody else's client where it wants more than was agreed to.
func (p *Provider) consentDue(ctx context.Context, client idp.Client, req idp.AuthRequest, user idp.User) (bool, error) {
	if req.HasPrompt(promptConsent) || !client.Metadata.ThirdParty {
		return req.HasPrompt(promptConsent), nil
	}
	agreed, err := p.store.FindConsent(ctx, client.TenantID, user.ID, client.ID)
	if errors.Is(err, idp.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("find consent: %w", err)
	}
	return !agreed.Covers(req), nil
}

// suits tells whether a session answers a request without the person.
func suits(req idp.AuthRequest, session idp.Session, user idp.User, now time.Time) bool {
	switch {
	case user.Disabled || session.Revoked || !now.Before(session.Expires):
		return false
	case req.HasPrompt(promptLogin), req.HasPrompt(promptSelectAccount), req.HasPrompt(promptCreate):
		return false
	case req.MaxAge != nil && (*req.MaxAge == 0 || now.Sub(session.AuthTime) > time.Duration(*req.MaxAge)*time.Second):
		return false
	case len(req.EssentialACR) > 0 && !slices.Contains(req.EssentialACR, session.ACR):
		return false
	default:
		return true
	}
}

// grant writes a grant on a live session and answers with its code.
func (p *Provider) grant(w http.ResponseWriter, r *http.Request, req idp.AuthRequest, session idp.Session) error {
	now := p.clock()
	code := idp.NewCredential(idp.NewID(now))
	life := idp.CodeLife + req.TokenLife()
	if req.Offline() {
		life += idp.RefreshTokenLife
	}
	err := p.store.CreateGrant(r.Context(), idp.Grant{
		TenantID: session.TenantID, ID: idp.GrantID(code.ID), ClientID: req.ClientID,
		UserID: session.UserID, SessionID: session.ID, Request: req,
		AuthTime: session.AuthTime, ACR: session.ACR, AMR: session.AMR,
		Code: code.Secret.Digest(), CodeExpires: now.Add(idp.CodeLife),
		CreatedAt: now, Expires: now.Add(life),
	})
	if errors.Is(err, idp.ErrReplayed) {
		return unknownPushed(err)
	}
	if err != nil {
		return &clientError{req, fmt.Errorf("create grant: %w", err)}
	}
	return p.responder.Code(w, r, req, code.Reveal())
}

// carry sends the browser on with the sealed request: in the URL where it fits,
// else as a stored one, which costs a row and is therefore counted.
func (p *Provider) carry(w http.ResponseWriter, r *http.Request, path, name, purpose string, req idp.AuthRequest) error {
	tenant := idp.TenantOf(r.Context())
	plain, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	sealed := p.sealer.Seal(tenant.ID, purpose, plain)
	query := url.Values{name: {sealed}}
	if len(sealed) > maxCarried {
		id, err := p.keep(r, tenant, sealed)
		if err != nil {
			return err
		}
		query = url.Values{"stored": {id}}
	}
	_, base := splitIssuer(p.issuer(r))
	seeOther(w, base+path+"?"+query.Encode())
	return nil
}

func (p *Provider) keep(r *http.Request, tenant idp.Tenant, sealed string) (string, error) {
	if p.limits == nil {
		return "", invalidRequest("the request is too long")
	}
	now := p.clock()
	verdict, err := p.limits.Attempt(r.Context(), tenant, edge.ClientIP(r.Context()), now)
	if err != nil {
		return "", fmt.Errorf("count stored request: %w", err)
	}
	if !verdict.Allowed {
		return "", &refusal{
			status: http.StatusTooManyRequests, code: "temporarily_unavailable", page: "too_many",
			retryIn: max(verdict.RetryAt.Sub(now), time.Second),
		}
	}
	id := idp.NewID(now)
	err = p.store.SaveRequest(r.Context(), idp.StoredRequest{
		TenantID: tenant.ID, ID: id, Sealed: []byte(sealed), Expires: now.Add(idp.RequestLife),
	})
	if err != nil {
		return "", fmt.Errorf("save request: %w", err)
	}
	return id, nil
}
