package op

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/edge"
	"postern/idp"
	"postern/templates"
)

// Purposes of what end session seals: a request on its way from a cross-site
// POST to the GET that sees the session, and one that waits for the person.
const (
	purposeLogout        = "logout-request"
	purposeLogoutConfirm = "logout-confirmation"
)

// logout is a validated logout request (RP-Initiated Logout §2).
type logout struct {
	ClientID   idp.ClientID  `json:"client_id,omitempty"`
	Client     string        `json:"client,omitempty"`     // its name
	ClientURI  string        `json:"client_uri,omitempty"` // its home
	ReturnURI  string        `json:"uri,omitempty"`
	State      string        `json:"state,omitempty"`
	Hinted     idp.SessionID `json:"sid,omitempty"` // the session that the hint names
	Session    idp.SessionID `json:"session,omitempty"`
	ReceivedAt time.Time     `json:"at"`
}

// endSession is the logout endpoint. A POST is either the answer to our own
// confirmation or a client's; the latter may come without cookies and goes on as a GET.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodGet {
		form, err := readQuery(r)
		if err != nil {
			return err
		}
		l, err := p.readLogout(r, form)
		if err != nil {
			return err
		}
		return p.logOut(w, r, l)
	}
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	if form.Has("confirm") {
		return p.confirmed(w, r, form)
	}
	l, err := p.readLogout(r, form)
	if err != nil {
		return err
	}
	sealed, err := p.sealLogout(r, purposeLogout, l)
	if err != nil {
		return err
	}
	_, base := splitIssuer(p.issuer(r))
	seeOther(w, base+pathEndSession+"?"+url.Values{"posted": {sealed}}.Encode())
	return nil
}

// readLogout validates a logout request, or opens one that was posted.
func (p *Provider) readLogout(r *http.Request, form url.Values) (logout, error) {
	if err := once(form); err != nil {
		return logout{}, err
	}
	if r.Method == http.MethodGet && form.Has("posted") {
		return p.openLogout(r, purposeLogout, form.Get("posted"))
	}
	l := logout{ClientID: idp.ClientID(form.Get("client_id")), State: form.Get("state"), ReceivedAt: p.clock()}
	if len(l.State) > 1024 || !clean(l.State) {
		return logout{}, invalidRequest("state is too long or holds control characters")
	}
	if err := p.readLogoutHint(r, form.Get("id_token_hint"), &l); err != nil {
		return logout{}, err
	}
	if l.ClientID == "" {
		// A post_logout_redirect_uri is nobody's then, and not gone to (§3); the
		// person may sign out all the same.
		return l, nil
	}
	return p.readLogoutClient(r, form.Get("post_logout_redirect_uri"), l)
}

// readLogoutHint takes client and session from the hint. One under a key that is
// no longer shown counts as none: then the person is asked.
func (p *Provider) readLogoutHint(r *http.Request, hint string, l *logout) error {
	if hint == "" {
		return nil
	}
	claims, err := p.openHint(r.Context(), hint)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return nil
	case errors.Is(err, errNoToken):
		return invalidRequest("id_token_hint is no ID token of this issuer").because(err)
	case err != nil:
		return fmt.Errorf("id_token_hint: %w", err)
	case l.ClientID == "" && len(claims.Audience) == 1:
		l.ClientID = idp.ClientID(claims.Audience[0])
	case !claims.Audience.has(string(l.ClientID)):
		return invalidRequest("id_token_hint was issued to another client")
	}
	l.Hinted = claims.Session
	return nil
}

func (p *Provider) readLogoutClient(r *http.Request, uri string, l logout) (logout, error) {
	if !plausibleClientID(string(l.ClientID)) {
		return logout{}, unknownClient("client_id is not known here")
	}
	c, err := p.store.FindClient(r.Context(), idp.TenantOf(r.Context()).ID, l.ClientID)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return logout{}, unknownClient("client_id is not known here").because(err)
	case err != nil:
		return logout{}, fmt.Errorf("find client: %w", err)
	case uri != "" && !c.AllowsPostLogoutRedirect(uri):
		return logout{}, invalidRequest("post_logout_redirect_uri is not registered for this client")
	}
	l.Client, l.ClientURI, l.ReturnURI = c.Metadata.Name, c.Metadata.ClientURI, uri
	return l, nil
}

// logOut ends the session that the hint names. Any other is ended only by the
// person: everyone can make a link to this endpoint.
func (p *Provider) logOut(w http.ResponseWriter, r *http.Request, l logout) error {
	session, user, err := p.sessions.Current(r)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return p.loggedOut(w, r, l, nil)
	case err != nil:
		return fmt.Errorf("current session: %w", err)
	case l.Hinted != "" && l.Hinted == session.ID:
		frames, err := p.end(w, r, session)
		if err != nil {
			return err
		}
		return p.loggedOut(w, r, l, frames)
	}
	l.Session = session.ID
	sealed, err := p.sealLogout(r, purposeLogoutConfirm, l)
	if err != nil {
		return err
	}
	_, base := splitIssuer(p.issuer(r))
	p.show(w, r, http.StatusOK, false, templates.LogoutConfirm{
		Client: l.Client, Address: string(user.Address), Action: base + pathEndSession, Cancel: base + pathStay,
		Hidden: []templates.Hidden{
			{Name: "confirm", Value: sealed},
			{Name: "token", Value: p.sessions.FormToken(w, r, logoutAction(l))},
		},
	})
	return nil
}

// logoutAction names the form: one session's end.
func logoutAction(l logout) string { return "logout:" + string(l.Session) }

// openConfirmation reads the confirmation page's form and proves that it is ours.
func (p *Provider) openConfirmation(r *http.Request, form url.Values) (logout, error) {
	if err := once(form); err != nil {
		return logout{}, err
	}
	l, err := p.openLogout(r, purposeLogoutConfirm, form.Get("confirm"))
	if err != nil {
		return logout{}, err
	}
	origin, _ := splitIssuer(p.issuer(r))
	if !edge.FromHere(r, origin) || !p.sessions.FormTokenOK(r, logoutAction(l), form.Get("token")) {
		f := refuse("access_denied", "the form did not come from this browser's page")
		f.status, f.page = http.StatusForbidden, "forbidden"
		return logout{}, f
	}
	return l, nil
}

// stay is where the confirmation page's Cancel button leads: a path of its own,
// so that no form filled in by a program, with the values of all its buttons,
// signs anyone out that was told to cancel.
func (p *Provider) stay(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	l, err := p.openConfirmation(r, form)
	if err != nil {
		return err
	}
	return p.stayed(w, r, l)
}

// confirmed is the answer to the confirmation page. Only agree agrees.
func (p *Provider) confirmed(w http.ResponseWriter, r *http.Request, form url.Values) error {
	l, err := p.openConfirmation(r, form)
	if err != nil {
		return err
	}
	switch form.Get("action") {
	case "agree":
	case "", "cancel":
		return p.stayed(w, r, l)
	default:
		return invalidRequest("action must be agree or cancel")
	}
	session, _, err := p.sessions.Current(r)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return fmt.Errorf("current session: %w", err)
	}
	// Another session than the one that was asked about stays.
	var frames []string
	if err == nil && session.ID == l.Session {
		if frames, err = p.end(w, r, session); err != nil {
			return err
		}
	}
	return p.loggedOut(w, r, l, frames)
}

// loggedOut goes back to the client, or says that it is done. Where other
// clients' pages have to be loaded first, the page that does so goes on.
func (p *Provider) loggedOut(w http.ResponseWriter, r *http.Request, l logout, frames []string) error {
	page := templates.SignedOut{Client: l.Client, ReturnURL: l.ClientURI, Frames: frames}
	switch {
	case l.ReturnURI == "":
	case len(frames) == 0, !strings.HasPrefix(l.ReturnURI, "http"):
		// No page links to an app's private scheme.
		seeOther(w, l.returnURL())
		return nil
	default:
		page.ReturnURL, page.Onward = l.returnURL(), true
	}
	p.show(w, r, http.StatusOK, true, page)
	return nil
}

// stayed goes back to the client without an end of the session, or says so.
func (p *Provider) stayed(w http.ResponseWriter, r *http.Request, l logout) error {
	switch {
	case l.ReturnURI != "":
		seeOther(w, l.returnURL())
	case l.ClientURI != "":
		seeOther(w, l.ClientURI)
	default:
		p.show(w, r, http.StatusOK, true, templates.Fault{Key: "signed_in"})
	}
	return nil
}

func (l logout) returnURL() string {
	if l.State == "" {
		return l.ReturnURI
	}
	return withQuery(l.ReturnURI, url.Values{"state": {l.State}})
}

func (p *Provider) sealLogout(r *http.Request, purpose string, l logout) (string, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return "", fmt.Errorf("encode logout: %w", err)
	}
	return p.sealer.Seal(idp.TenantOf(r.Context()).ID, purpose, plain), nil
}

func (p *Provider) openLogout(r *http.Request, purpose, sealed string) (logout, error) {
	plain, err := p.sealer.Open(idp.TenantOf(r.Context()).ID, purpose, sealed)
	if err != nil {
		return logout{}, invalidRequest("there is no such logout request").because(err)
	}
	var l logout
	if err := json.Unmarshal(plain, &l); err != nil {
		return logout{}, fmt.Errorf("logout request: %w", err)
	}
	if p.clock().Sub(l.ReceivedAt) > idp.RequestLife {
		return logout{}, expiredRequest("the logout request has expired")
	}
	return l, nil
}
