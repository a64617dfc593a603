package login

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"postern/idp"
)

// Kinds of cookies.
const (
	cookieSession = "session"
	cookieBrowser = "browser"
	cookieKnown   = "known"
)

// Sessions is what a browser holds of ours: its session, the secret that its
// flows and forms are bound to, and the sign that it has signed in before.
type Sessions struct {
	store     Store
	sealer    Sealer
	publicURL string
	clock     func() time.Time
}

// NewSessions makes Sessions for the instance at publicURL.
func NewSessions(store Store, sealer Sealer, publicURL string, clock func() time.Time) *Sessions {
	return &Sessions{store: store, sealer: sealer, publicURL: publicURL, clock: clock}
}

func (s *Sessions) place(r *http.Request) place {
	return placeOf(s.publicURL, idp.TenantOf(r.Context()))
}

// Current gives the live session of the browser that sent r, and its user;
// idp.ErrNotFound if it has none in this tenant.
func (s *Sessions) Current(r *http.Request) (idp.Session, idp.User, error) {
	p := s.place(r)
	for _, cookie := range r.CookiesNamed(p.cookieName(cookieSession)) {
		credential, err := idp.ParseCredential(cookie.Value)
		if err != nil {
			continue
		}
		session, user, err := s.store.FindSession(r.Context(), p.tenant.ID, idp.SessionID(credential.ID))
		if err != nil && !errors.Is(err, idp.ErrNotFound) {
			return idp.Session{}, idp.User{}, fmt.Errorf("session: %w", err)
		}
		digest := credential.Secret.Digest()
		if err == nil && session.TenantID == p.tenant.ID && session.Digest.Equal(digest) && alive(session, user, s.clock()) {
			return session, user, nil
		}
	}
	return idp.Session{}, idp.User{}, fmt.Errorf("session: %w", idp.ErrNotFound)
}

func alive(session idp.Session, user idp.User, now time.Time) bool {
	return !session.Revoked && !user.Disabled && now.Before(session.Expires)
}

// End revokes the session and takes the cookie from the browser.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request, session idp.Session) error {
	p := s.place(r)
	if err := s.store.RevokeSession(r.Context(), p.tenant.ID, session.ID, s.clock()); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	http.SetCookie(w, p.cookie(cookieSession, "", 0))
	return nil
}

// secretOf derives the session's secret from the flow that opened it and the
// browser's own. So the browser that asked, and nobody else, can be given the
// cookie again where the answer that carried it was lost.
func (s *Sessions) secretOf(t idp.TenantID, flow idp.FlowID, browser idp.Secret) idp.Secret {
	mac := s.sealer.MAC(t, "session", []byte(flow), browser.Bytes())
	secret, err := idp.SecretFromBytes(mac[:])
	if err != nil {
		panic("login: a MAC is as long as a secret: " + err.Error())
	}
	return secret
}

// give sets the cookie of the session that this browser's flow opened, unless
// the session is over or another login has renewed it since.
func (s *Sessions) give(w http.ResponseWriter, r *http.Request, flow idp.FlowID, browser idp.Secret, session idp.Session) {
	p := s.place(r)
	secret := s.secretOf(p.tenant.ID, flow, browser)
	if session.Revoked || !session.Digest.Equal(secret.Digest()) {
		return
	}
	value := idp.Credential{ID: string(session.ID), Secret: secret}.Reveal()
	cookie := p.cookie(cookieSession, value, session.Expires.Sub(s.clock()))
	http.SetCookie(w, cookie)
	r.AddCookie(cookie) // what follows in this request is signed in, too
}
