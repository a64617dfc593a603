package login

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"postern/idp"
	"postern/templates"
)

// How many rows the account page shows.
const (
	shownBrowsers = 20
	shownApps     = 100
)

// fillAccess adds what else is signed in as the session's person.
func (h *Handler) fillAccess(v *visit, session idp.Session, page *templates.Account) error {
	// This browser's own, and one to know by that there are more.
	const most = shownBrowsers + 2
	sessions, err := h.Store.ListSessions(v.ctx(), v.tenant.ID, session.UserID, v.now, most)
	if err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	for _, in := range sessions {
		if in.Session.ID != session.ID {
			page.Others = append(page.Others, templates.Browser{Session: string(in.Session.ID), Since: in.Session.AuthTime})
		}
	}
	if page.More = len(page.Others) > shownBrowsers; page.More {
		page.Others = page.Others[:shownBrowsers]
	}
	access, err := h.Store.ListAccess(v.ctx(), v.tenant.ID, session.UserID, v.now, shownApps)
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	for _, a := range access {
		app := templates.App{ID: string(a.ClientID), Name: a.Metadata.Name, Since: a.Since, Offline: a.Offline}
		app.Host, _ = a.ClientID.Document()
		page.Apps = append(page.Apps, app)
	}
	// An app that nobody registered is known by its host for longer than by its
	// name; any other without a name is gone, and its access with it.
	page.Apps = slices.DeleteFunc(page.Apps, func(app templates.App) bool { return app.Name == "" && app.Host == "" })
	return nil
}

// signOutBrowser serves POST /auth/account/signout: it ends another session of
// the person's. One of somebody else's is answered like one that is over.
func (h *Handler) signOutBrowser(w http.ResponseWriter, v *visit) error {
	session, user, err := h.openAccountForm(w, v, pathSignOut)
	if err != nil {
		return h.orSignIn(w, v, user, err)
	}
	err = h.endSessionOf(v, user, idp.SessionID(v.form.Get("session")))
	switch {
	case errors.Is(err, idp.ErrNotFound):
		toAccount(w, v, session.ID, templates.NoticeNotSignedIn)
	case err != nil:
		return fmt.Errorf("end session: %w", err)
	default:
		toAccount(w, v, session.ID, templates.NoticeSignedOut)
	}
	return nil
}

// endSessionOf ends a session of this user; idp.ErrNotFound if it is not alive,
// or not theirs. Whose a session is never changes, so it may be looked up before.
func (h *Handler) endSessionOf(v *visit, user idp.User, id idp.SessionID) error {
	_, owner, err := h.Store.FindSession(v.ctx(), v.tenant.ID, id)
	if err != nil {
		return err
	}
	if owner.ID != user.ID {
		return idp.ErrNotFound
	}
	return h.Store.EndSession(v.ctx(), v.tenant.ID, id, v.now)
}

// signOutEverywhere serves POST /auth/account/everywhere: no session and no
// app's access is left, in this browser neither.
func (h *Handler) signOutEverywhere(w http.ResponseWriter, v *visit) error {
	session, user, err := h.openAccountForm(w, v, pathEverywhere)
	if err != nil {
		return h.orSignIn(w, v, user, err)
	}
	var frames []string
	if h.Frames != nil {
		if frames, err = h.Frames(v.r, session); err != nil {
			return fmt.Errorf("pages of clients: %w", err)
		}
	}
	if err := h.Store.SignOutUser(v.ctx(), v.tenant.ID, user.ID, v.now); err != nil {
		return fmt.Errorf("sign out everywhere: %w", err)
	}
	http.SetCookie(w, v.cookie(cookieSession, "", 0))
	h.write(w, v, http.StatusOK, nil, true, templates.SignedOut{Frames: frames})
	return nil
}

// removeAccess serves POST /auth/account/access: it ends what an app may do.
func (h *Handler) removeAccess(w http.ResponseWriter, v *visit) error {
	session, user, err := h.openAccountForm(w, v, pathAccess)
	if err != nil {
		return h.orSignIn(w, v, user, err)
	}
	err = h.Store.EndAccess(v.ctx(), v.tenant.ID, user.ID, idp.ClientID(v.form.Get("client")), v.now)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		toAccount(w, v, session.ID, templates.NoticeHadNoAccess)
	case err != nil:
		return fmt.Errorf("end access: %w", err)
	default:
		toAccount(w, v, session.ID, templates.NoticeAccessEnded)
	}
	return nil
}
