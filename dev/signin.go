package dev

import (
	"crypto/rand"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// signIn sends the browser to the provider, with state, nonce and PKCE.
func (p *Pages) signIn(w http.ResponseWriter, r *http.Request) error {
	d, err := p.party.discover(r.Context())
	if err != nil {
		return refusalError{http.StatusBadGateway, "The provider cannot be reached", "Its metadata could not be read.", err}
	}
	state := rand.Text()
	begun := pending{nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), begun: p.cfg.Clock()}
	p.sessions.begin(w, r, state, begun)
	target := p.party.oauth(d).AuthCodeURL(state, oidc.Nonce(begun.nonce), oauth2.S256ChallengeOption(begun.verifier))
	http.Redirect(w, r, target, http.StatusSeeOther)
	return nil
}

// callback takes the authorization response, then leaves its address, which
// holds the code, by a redirect.
func (p *Pages) callback(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	begun, ok := p.sessions.take(r, q.Get("state"))
	switch {
	case !ok:
		return refusalError{
			http.StatusBadRequest, "This sign-in was not started here",
			"The state that came back is not one that this browser holds. It may have been used already, or belong to another browser.", nil,
		}
	case q.Get("iss") != p.cfg.Issuer: // RFC 9207 §2.4
		return refusalError{http.StatusBadRequest, "The answer comes from someone else", "Its iss is not the provider that was asked.", nil}
	case q.Get("error") == "access_denied":
		return refusalError{http.StatusForbidden, "You did not sign in", "The sign-in was cancelled, so the app got nothing but access_denied.", nil}
	case q.Has("error"):
		return refusalError{http.StatusBadRequest, "The provider refused", clip(q.Get("error") + ": " + q.Get("error_description")), nil}
	case q.Get("code") == "":
		return refusalError{http.StatusBadRequest, "The answer is incomplete", "It holds neither a code nor an error.", nil}
	}
	signedIn, err := p.party.redeem(r.Context(), q.Get("code"), begun)
	if err != nil {
		return refusalError{http.StatusBadGateway, "The sign-in could not be completed", "The code was not good for a verified ID token.", err}
	}
	p.sessions.signedIn(w, r, signedIn)
	http.Redirect(w, r, "/dev/app", http.StatusSeeOther)
	return nil
}

// clip keeps what a stranger can put on the page to a line.
func clip(s string) string {
	if runes := []rune(s); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return s
}
