package login

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"postern/idp"
	"postern/templates"
)

// toConsent sends the browser on to the consent page, with the request that it
// is about.
func (h *Handler) toConsent(w http.ResponseWriter, v *visit, req idp.AuthRequest) error {
	query, err := h.carry(v, req)
	if err != nil {
		return err
	}
	redirect(w, v.at("/auth/consent", query))
	return nil
}

// asked is a consent that is due to the person who is signed in.
type asked struct {
	carried
	session idp.Session
	user    idp.User
}

func (a asked) action() string { return a.carried.action("consent:" + string(a.user.ID)) }

// errSignIn: the request needs a login before anyone is asked for consent.
var errSignIn = errors.New("sign in first")

// openConsent opens a request and finds who is to agree. The sealed text is
// the one that login takes, so what that page would ask for is checked here
// again: nobody gets around a login by coming here instead.
func (h *Handler) openConsent(v *visit, values url.Values) (asked, error) {
	c, err := h.open(v, values)
	if err != nil {
		return asked{}, err
	}
	a := asked{carried: c}
	if !v.now.Before(c.request.ReceivedAt.Add(idp.RequestLife + v.tenant.FlowLife())) {
		return a, over(v, templates.EndedExpired, c.client, c.request.UILocales)
	}
	if !mayAsk(c.client, c.request) {
		return a, refuse(http.StatusBadRequest, "bad_request", nil)
	}
	a.session, a.user, err = h.Sessions.Current(v.r)
	if errors.Is(err, idp.ErrNotFound) || err == nil && (!c.request.Admits(a.user, c.client, h.Sealer) || !satisfies(a.session, c.request)) {
		return a, errSignIn
	}
	return a, err
}

// satisfies tells whether a session is one that the request asks for (OpenID
// Connect Core §3.1.2.1), as of when the request came.
func satisfies(s idp.Session, req idp.AuthRequest) bool {
	received := req.ReceivedAt.Truncate(time.Second)
	signedIn := s.AuthTime.Truncate(time.Second)
	switch {
	case req.HasPrompt("login") && signedIn.Before(received):
		return false
	case req.MaxAge != nil && signedIn.Add(time.Duration(*req.MaxAge)*time.Second).Before(received):
		return false
	default:
		return len(req.EssentialACR) == 0 || slices.Contains(req.EssentialACR, s.ACR)
	}
}

// askConsent serves GET /auth/consent.
func (h *Handler) askConsent(w http.ResponseWriter, v *visit) error {
	a, err := h.openConsent(v, v.r.URL.Query())
	if errors.Is(err, errSignIn) {
		redirect(w, v.at("/auth/login", a.query()))
		return nil
	}
	if err != nil {
		return err
	}
	if a.request.Device != "" {
		return h.confirmDevice(w, v, a)
	}
	h.write(w, v, http.StatusOK, a.request.UILocales, false, templates.Consent{
		Client: a.client.Metadata.Name, Address: string(a.user.Address), Scopes: a.request.Scope, About: about(v, a.client),
		Hidden: append(a.fields(), h.tokenField(w, v, a.action())),
	})
	return nil
}

// openPostedConsent reads the consent page's form and proves that it is ours.
func (h *Handler) openPostedConsent(w http.ResponseWriter, v *visit) (asked, error) {
	if err := v.readForm(w); err != nil {
		return asked{}, err
	}
	a, err := h.openConsent(v, v.form)
	if errors.Is(err, errSignIn) {
		return asked{}, h.forbidden(v)
	}
	if err != nil {
		return asked{}, err
	}
	return a, h.checkToken(v, a.action())
}

// cancelConsent serves POST /auth/consent/cancel, a path of its own like
// /auth/cancel and for the same reason.
func (h *Handler) cancelConsent(w http.ResponseWriter, v *visit) error {
	a, err := h.openPostedConsent(w, v)
	if err != nil {
		return err
	}
	return h.refuseConsent(w, v, a)
}

func (h *Handler) refuseConsent(w http.ResponseWriter, v *visit, a asked) error {
	if a.request.Device != "" {
		return h.decideDevice(w, v, a.request, idp.Grant{})
	}
	return h.Responder.Error(w, v.r, a.request, "access_denied", "The person did not agree.")
}

// takeConsent serves POST /auth/consent. Only agree agrees.
func (h *Handler) takeConsent(w http.ResponseWriter, v *visit) error {
	a, err := h.openPostedConsent(w, v)
	if err != nil {
		return err
	}
	if v.form.Get("action") != "agree" {
		return h.refuseConsent(w, v, a)
	}
	if err := h.keepClient(v, a.client); err != nil {
		return err
	}
	grant, code := newGrant(v, a.request)
	grant.ClientID, grant.UserID, grant.SessionID = a.client.ID, a.user.ID, a.session.ID
	grant.Request = a.request
	grant.AuthTime, grant.ACR, grant.AMR = a.session.AuthTime, a.session.ACR, a.session.AMR
	if a.request.Device != "" {
		grant.CodeUsed = true // there is none to redeem: the device has a code of its own
		return h.decideDevice(w, v, a.request, grant)
	}
	consent := idp.Consent{
		TenantID: v.tenant.ID, UserID: a.user.ID, ClientID: a.client.ID, Scope: a.request.Scope, AgreedAt: v.now,
	}
	if err := h.Store.Agree(v.ctx(), consent, grant); err != nil {
		return err
	}
	return h.Responder.Code(w, v.r, a.request, code.Reveal())
}
