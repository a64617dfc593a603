package dev

import "net/http"

// signOut ends the app's own session, then the provider's by RP-initiated logout.
func (p *Pages) signOut(w http.ResponseWriter, r *http.Request) error {
	signedIn, err := p.posted(r)
	if err != nil {
		return err
	}
	target, err := p.party.signOutURL(r.Context(), *signedIn)
	if err != nil {
		return refusalError{http.StatusBadGateway, "The provider cannot be reached", "Its metadata could not be read.", err}
	}
	p.sessions.end(w, r)
	http.Redirect(w, r, target, http.StatusSeeOther)
	return nil
}
