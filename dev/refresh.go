package dev

import (
	"net/http"

	"postern/edge"
)

// refresh uses the refresh token and shows what came of it.
func (p *Pages) refresh(w http.ResponseWriter, r *http.Request) error {
	signedIn, err := p.posted(r)
	if err != nil {
		return err
	}
	renewed, err := p.party.renew(r.Context(), *signedIn)
	if err != nil {
		return refusalError{http.StatusBadGateway, "The refresh was refused", "Sign in again to go on.", err}
	}
	p.sessions.signedIn(w, r, renewed)
	http.Redirect(w, r, "/dev/app", http.StatusSeeOther)
	return nil
}

// posted gives the account that a form of ours was posted for.
func (p *Pages) posted(r *http.Request) (*account, error) {
	if !edge.FromHere(r, p.cfg.PublicURL) {
		return nil, refusalError{http.StatusForbidden, "This did not come from this app", "Only the app's own pages can ask for that.", nil}
	}
	if _, found := p.sessions.find(r); found.account != nil {
		return found.account, nil
	}
	return nil, refusalError{http.StatusUnauthorized, "You are not signed in", "The app's session has ended.", nil}
}
