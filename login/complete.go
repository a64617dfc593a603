package login

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"postern/idp"
	"postern/templates"
)

// attempt is one try to complete a flow, by the browser that asked for it.
type attempt struct {
	own
	link     idp.Link
	verifier idp.Digest
	by       idp.CompletedBy
	// here: it goes on to the client from this very request.
	here bool
}

// completed is a login that this request won.
type completed struct {
	own
	client idp.Client
	code   *idp.Credential // nil while no grant is written
	here   bool
	// changed is the session that has a new address, where that was asked for.
	changed idp.SessionID
}

// complete makes one attempt. The grant is written along with it where nothing
// is left to ask: whose login it must be, consent, or the waiting tab.
func (h *Handler) complete(w http.ResponseWriter, v *visit, a attempt) (completed, error) {
	client, err := h.clientOf(v, a.Request)
	if err != nil {
		return completed{}, err
	}
	acr, ok := acrOf(a.Request, a.by)
	if !ok {
		return completed{}, fmt.Errorf("acr: %w", idp.ErrMismatch)
	}
	done := completed{client: client, here: a.here}
	if a.Request.Change != idp.ChangeNothing {
		session, err := h.change(v, a)
		if err != nil {
			return completed{}, err
		}
		h.Sessions.remember(w, v.r, a.Address)
		done.own, done.changed = a.own, session.ID
		return done, nil
	}
	c := h.completion(v, a, acr)
	if current, _, err := h.Sessions.Current(v.r); err == nil {
		c.Replaces = current.ID
	} else if !errors.Is(err, idp.ErrNotFound) {
		return completed{}, err
	}
	if a.here && a.Request.Subject == "" && !mayAsk(client, a.Request) {
		grant, code := newGrant(v, a.Request)
		c.Grant, done.code = &grant, &code
	}
	result, err := h.Store.CompleteFlow(v.ctx(), c)
	if errors.Is(err, idp.ErrNotAllowed) {
		return completed{}, refuse(http.StatusForbidden, "not_allowed", err)
	}
	if err != nil {
		return completed{}, fmt.Errorf("complete: %w", err)
	}
	done.own = own{Flow: result.Flow, browser: a.browser}
	h.Sessions.give(w, v.r, a.ID, a.browser, result.Session)
	h.Sessions.remember(w, v.r, a.Address)
	return done, nil
}

func (h *Handler) completion(v *visit, a attempt, acr string) idp.Completion {
	var profile idp.Profile
	if v.tenant.Settings.DemoClaims {
		profile = idp.DemoProfile(a.Address, v.now)
	}
	return idp.Completion{
		TenantID: v.tenant.ID, LinkID: a.link.ID, Verifier: a.verifier,
		Browser: a.browser.Digest(), By: a.by,
		User: idp.User{
			TenantID: v.tenant.ID, ID: idp.UserID(idp.NewID(v.now)), Subject: idp.NewSubject(),
			Address: a.Address, Verified: true, Locale: a.Locale, Profile: profile, CreatedAt: v.now,
		},
		SignUp: v.tenant.Settings.SignUpOf(a.Address),
		Session: idp.Session{
			TenantID: v.tenant.ID, ID: idp.SessionID(idp.NewID(v.now)),
			Digest:   h.Sessions.secretOf(v.tenant.ID, a.ID, a.browser).Digest(),
			AuthTime: v.now, ACR: acr, AMR: []string{"email"}, Expires: v.now.Add(v.tenant.SessionLife()),
		},
		Now: v.now,
	}
}

// acrOf tells how a login so completed is reported, and whether the client
// takes it. The link proves all that the relay code does and more, so it serves
// a client that insists on the lesser, under the name it asked for.
func acrOf(req idp.AuthRequest, by idp.CompletedBy) (string, bool) {
	acr := by.ACR()
	switch {
	case len(req.EssentialACR) == 0, slices.Contains(req.EssentialACR, acr):
		return acr, true
	case by == idp.ByLink && slices.Contains(req.EssentialACR, idp.ACRRelay):
		return idp.ACRRelay, true
	default:
		return "", false
	}
}

// mayAsk tells whether the person may have to agree before the client is
// answered; whether they have agreed before is known once it is known who they are.
func mayAsk(client idp.Client, req idp.AuthRequest) bool {
	return client.Metadata.ThirdParty || req.HasPrompt("consent") || req.Device != ""
}

// consentDue tells whether this person is to be asked: by prompt=consent and for
// a device always, and for somebody else's client where it wants more than they agreed to.
func (h *Handler) consentDue(v *visit, client idp.Client, req idp.AuthRequest, user idp.User) (bool, error) {
	if always := req.HasPrompt("consent") || req.Device != ""; always || !client.Metadata.ThirdParty {
		return always, nil
	}
	agreed, err := h.Store.FindConsent(v.ctx(), v.tenant.ID, user.ID, client.ID)
	if errors.Is(err, idp.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("find consent: %w", err)
	}
	return !agreed.Covers(req), nil
}

// newGrant makes what an authorization code stands on. The store fills in
// whose it is, from flow and session.
func newGrant(v *visit, req idp.AuthRequest) (idp.Grant, idp.Credential) {
	id := idp.NewID(v.now)
	code := idp.NewCredential(id)
	life := req.TokenLife()
	if req.Offline() {
		life = idp.RefreshTokenLife
	}
	return idp.Grant{
		TenantID: v.tenant.ID, ID: idp.GrantID(id), Code: code.Secret.Digest(),
		CodeExpires: v.now.Add(idp.CodeLife), CreatedAt: v.now, Expires: v.now.Add(idp.CodeLife + life),
	}, code
}

// proceed goes on after a completed login: to the client, or back to the tab
// that waits.
func (h *Handler) proceed(w http.ResponseWriter, v *visit, done completed) error {
	switch {
	case done.changed != "":
		toAccount(w, v, done.changed, templates.NoticeChanged)
		return nil
	case done.code != nil:
		return h.Responder.Code(w, v.r, done.Request, done.code.Reveal())
	case done.here:
		return h.conclude(w, v, done.own)
	default:
		h.writeCompleted(w, v, done.own, done.client)
		return nil
	}
}

// formFinish names the form that continues in this tab.
const formFinish = "finish"

func (h *Handler) writeCompleted(w http.ResponseWriter, v *visit, flow own, client idp.Client) {
	h.write(w, v, http.StatusOK, flow.Request.UILocales, false, templates.Completed{
		Client: client.Metadata.Name,
		Hidden: []templates.Hidden{
			{Name: "flow", Value: string(flow.ID)},
			h.tokenField(w, v, formFinish+":"+string(flow.ID)),
		},
	})
}

// sessionOf gives the session that a completed flow opened, while it is alive.
func (h *Handler) sessionOf(v *visit, flow own) (idp.Session, idp.User, error) {
	session, user, err := h.Store.FindSession(v.ctx(), v.tenant.ID, flow.SessionID)
	if err != nil {
		return idp.Session{}, idp.User{}, fmt.Errorf("session of flow: %w", err)
	}
	if !alive(session, user, v.now) {
		return idp.Session{}, idp.User{}, fmt.Errorf("session of flow: %w", idp.ErrExpired)
	}
	return session, user, nil
}

// giveAgain sets the session's cookie where this browser has lost the answer
// that carried it.
func (h *Handler) giveAgain(w http.ResponseWriter, v *visit, flow own) error {
	if _, _, err := h.Sessions.Current(v.r); !errors.Is(err, idp.ErrNotFound) {
		return err
	}
	session, _, err := h.sessionOf(v, flow)
	switch {
	case errors.Is(err, idp.ErrNotFound), errors.Is(err, idp.ErrExpired):
		return nil
	case err != nil:
		return err
	}
	h.Sessions.give(w, v.r, flow.ID, flow.browser, session)
	return nil
}
