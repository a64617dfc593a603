package login

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"time"

	"postern/idp"
)

// browserLife is how long a browser keeps its secret after its last login page:
// longer than any flow, too short to follow anyone.
const browserLife = 24 * time.Hour

// browser gives the secret of the browser that sent r.
func (s *Sessions) browser(r *http.Request) (idp.Secret, bool) {
	for _, cookie := range r.CookiesNamed(s.place(r).cookieName(cookieBrowser)) {
		if secret, err := idp.ParseSecret(cookie.Value); err == nil {
			return secret, true
		}
	}
	return idp.Secret{}, false
}

// keepBrowser gives the browser's secret, makes one if there is none, and
// starts its life anew. The request carries it from here on, so that several
// forms of one page agree.
func (s *Sessions) keepBrowser(w http.ResponseWriter, r *http.Request) idp.Secret {
	secret, ok := s.browser(r)
	if !ok {
		secret = idp.NewSecret()
	}
	cookie := s.place(r).cookie(cookieBrowser, secret.Reveal(), browserLife)
	http.SetCookie(w, cookie)
	if !ok {
		r.AddCookie(cookie)
	}
	return secret
}

// FormToken binds a form to this browser and an action, which names the form
// and what it is about. It sets the browser's cookie if there is none yet.
func (s *Sessions) FormToken(w http.ResponseWriter, r *http.Request, action string) string {
	secret, ok := s.browser(r)
	if !ok {
		secret = s.keepBrowser(w, r)
	}
	return s.formToken(r, action, secret)
}

// FormTokenOK checks a token that was posted.
func (s *Sessions) FormTokenOK(r *http.Request, action, token string) bool {
	secret, ok := s.browser(r)
	if !ok {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(s.formToken(r, action, secret)), []byte(token)) == 1
}

func (s *Sessions) formToken(r *http.Request, action string, secret idp.Secret) string {
	mac := s.sealer.MAC(idp.TenantOf(r.Context()).ID, "form", []byte(action), secret.Bytes())
	return base64.RawURLEncoding.EncodeToString(mac[:])
}
