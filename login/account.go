package login

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"postern/idp"
	"postern/templates"
)

// The account page, and where its forms post to.
const (
	pathAccount    = "/auth/account"
	pathSignOut    = pathAccount + "/signout"
	pathEverywhere = pathAccount + "/everywhere"
	pathAccess     = pathAccount + "/access"
)

// account serves GET /auth/account: where a person who has just signed in may
// change their address, and see and end where they are signed in and which apps
// have access. Anybody else is sent to sign in, and comes back here.
func (h *Handler) account(w http.ResponseWriter, v *visit) error {
	session, user, err := h.fresh(v)
	if err != nil {
		return h.orSignIn(w, v, user, err)
	}
	return h.writeAccount(w, v, http.StatusOK, session, user, templates.Account{Notice: noticeOf(v, session)})
}

// noticeOf is what a form of this page has just done, by the redirect that ended
// it. That names the session, which a link made by others cannot.
func noticeOf(v *visit, session idp.Session) templates.Notice {
	said := v.r.URL.Query()
	if said.Get("of") != string(session.ID) {
		return ""
	}
	switch notice := templates.Notice(said.Get("done")); notice {
	case templates.NoticeChanged, templates.NoticeSignedOut, templates.NoticeNotSignedIn,
		templates.NoticeAccessEnded, templates.NoticeHadNoAccess:
		return notice
	default:
		return ""
	}
}

// toAccount ends a form of the account page: back to it, with what was done.
func toAccount(w http.ResponseWriter, v *visit, session idp.SessionID, done templates.Notice) {
	redirect(w, v.at(pathAccount, url.Values{"done": {string(done)}, "of": {string(session)}}))
}

func (h *Handler) writeAccount(
	w http.ResponseWriter, v *visit, status int, session idp.Session, user idp.User, page templates.Account,
) error {
	page.Address, page.SignedIn = string(user.Address), session.AuthTime
	if err := h.fillAccess(v, session, &page); err != nil {
		return err
	}
	token := func(path string) []templates.Hidden {
		return []templates.Hidden{h.tokenField(w, v, accountAction(path, session))}
	}
	page.Hidden, page.SignOut, page.All, page.Remove = token(pathAccount), token(pathSignOut), token(pathEverywhere), token(pathAccess)
	h.write(w, v, status, nil, true, page)
	return nil
}

// accountAction names a form, for the session that it was shown to.
func accountAction(path string, session idp.Session) string { return path + ":" + string(session.ID) }

// openAccountForm reads one of the account page's forms, and proves that it was
// shown to who is signed in by a fresh login; errSignIn as fresh.
func (h *Handler) openAccountForm(w http.ResponseWriter, v *visit, path string) (idp.Session, idp.User, error) {
	if err := v.readForm(w); err != nil {
		return idp.Session{}, idp.User{}, err
	}
	session, user, err := h.fresh(v)
	if err != nil {
		return session, user, err
	}
	return session, user, h.checkToken(v, accountAction(path, session))
}

// orSignIn leads who is not signed in freshly to a login; other errors stay.
func (h *Handler) orSignIn(w http.ResponseWriter, v *visit, user idp.User, err error) error {
	if errors.Is(err, errSignIn) {
		return h.toAccountLogin(w, v, user)
	}
	return err
}

// fresh gives who is signed in by a login that is not older than idp.FreshLogin;
// errSignIn, with the user if there is one, where it is.
func (h *Handler) fresh(v *visit) (idp.Session, idp.User, error) {
	session, user, err := h.Sessions.Current(v.r)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return idp.Session{}, idp.User{}, errSignIn
	case err != nil:
		return idp.Session{}, idp.User{}, err
	case !v.now.Before(session.AuthTime.Add(idp.FreshLogin)):
		return session, user, errSignIn
	default:
		return session, user, nil
	}
}

// toAccountLogin leads to a login that ends at the account page. Its code is
// nobody's to redeem: the verifier of its challenge is thrown away.
func (h *Handler) toAccountLogin(w http.ResponseWriter, v *visit, user idp.User) error {
	req, _, err := h.accountRequest(v)
	if err != nil {
		return err
	}
	req.Prompt, req.LoginHint, req.Subject = []string{"login"}, string(user.Address), user.Subject
	query, err := h.carry(v, req)
	if err != nil {
		return err
	}
	redirect(w, v.at("/auth/login", query))
	return nil
}

// accountRequest is what the account page asks of a login, as a client of its own.
func (h *Handler) accountRequest(v *visit) (idp.AuthRequest, idp.Client, error) {
	client, err := h.accountClient(v)
	if err != nil {
		return idp.AuthRequest{}, idp.Client{}, err
	}
	challenge := sha256.Sum256([]byte(rand.Text()))
	return idp.AuthRequest{
		ClientID: client.ID, RedirectURI: v.issuer + pathAccount, Scope: []string{"openid"},
		CodeChallenge: base64.RawURLEncoding.EncodeToString(challenge[:]), ReceivedAt: v.now,
	}, client, nil
}

// accountClient gives the tenant's account page as a client, made at first need.
func (h *Handler) accountClient(v *visit) (idp.Client, error) {
	client, err := h.Store.FindClient(v.ctx(), v.tenant.ID, idp.AccountClient)
	if !errors.Is(err, idp.ErrNotFound) {
		return client, err
	}
	client = idp.Client{
		TenantID: v.tenant.ID, ID: idp.AccountClient, CreatedAt: v.now,
		Metadata: idp.ClientMetadata{
			Name: v.tenant.Name, AuthMethods: []idp.AuthMethod{idp.AuthNone}, GrantTypes: []string{idp.GrantAuthorizationCode},
			RedirectURIs: []string{v.issuer + pathAccount}, Finish: idp.FinishLink, ClientURI: v.issuer + pathAccount,
		},
	}
	if err := h.Store.CreateClient(v.ctx(), client); err != nil && !errors.Is(err, idp.ErrConflict) {
		return idp.Client{}, fmt.Errorf("account client: %w", err)
	}
	return client, nil
}

// takeNewAddress serves POST /auth/account. Whether somebody has the address
// already is not looked at: who proves the mailbox may know, and nobody else.
func (h *Handler) takeNewAddress(w http.ResponseWriter, v *visit) error {
	session, user, err := h.openAccountForm(w, v, pathAccount)
	if err != nil {
		return h.orSignIn(w, v, user, err)
	}
	address, err := idp.ParseAddress(v.form.Get("email"))
	switch {
	case err != nil:
		return h.badNewAddress(w, v, session, user, "login.problem.address")
	case address == user.Address:
		return h.badNewAddress(w, v, session, user, "account.problem.same")
	}
	req, client, err := h.accountRequest(v)
	if err != nil {
		return err
	}
	req.Change, req.Subject = idp.ChangeAddress, user.Subject
	flow, err := h.start(w, v, carried{field: "change", value: req.CodeChallenge, request: req, client: client}, address, work{excused: true})
	if err != nil {
		return err
	}
	redirect(w, waitingURL(v, flow))
	return nil
}

func (h *Handler) badNewAddress(w http.ResponseWriter, v *visit, session idp.Session, user idp.User, problem string) error {
	return h.writeAccount(w, v, http.StatusUnprocessableEntity, session, user, templates.Account{
		Email: v.typedAddress(), Problem: problem,
	})
}

// change makes one attempt to give who is signed in the address that a link has
// proven. The session has to be the one of a fresh login still.
func (h *Handler) change(v *visit, a attempt) (idp.Session, error) {
	session, user, err := h.fresh(v)
	if errors.Is(err, errSignIn) || err == nil && user.Subject != a.Request.Subject {
		return idp.Session{}, over(v, templates.EndedExpired, idp.Client{}, nil)
	}
	if err != nil {
		return idp.Session{}, err
	}
	_, err = h.Store.ChangeAddress(v.ctx(), idp.AddressChange{
		TenantID: v.tenant.ID, LinkID: a.link.ID, Verifier: a.verifier, Browser: a.browser.Digest(),
		UserID: user.ID, From: user.Address, Session: session.ID, Notice: h.notice(v, a, user), Now: v.now,
	})
	switch {
	case errors.Is(err, idp.ErrConflict):
		return idp.Session{}, refuse(http.StatusConflict, "address_taken", err)
	case errors.Is(err, idp.ErrNotAllowed):
		return idp.Session{}, over(v, templates.EndedExpired, idp.Client{}, nil)
	case err != nil:
		return idp.Session{}, fmt.Errorf("change address: %w", err)
	}
	return session, nil
}

// notice is what tells the old mailbox: a flow that no browser has, and its mail.
func (h *Handler) notice(v *visit, a attempt, user idp.User) idp.NewFlow {
	req := a.Request
	req.Change = idp.ChangeNotice
	flow := idp.Flow{
		TenantID: v.tenant.ID, ID: idp.FlowID(idp.NewID(v.now)), Request: req, Address: user.Address,
		Locale: a.Locale, State: idp.FlowAsked, CreatedAt: v.now, Expires: v.now.Add(v.tenant.FlowLife()), NextMail: v.now,
	}
	return idp.NewFlow{Flow: flow, Mail: outboxEntry(v, flow, MailDecision{Send: true})}
}
