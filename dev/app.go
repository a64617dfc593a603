package dev

import "net/http"

// signedOutState comes back from RP-initiated logout, to show that it is done.
const signedOutState = "signed-out"

// app is the web app's one page: an invitation, or who is signed in.
func (p *Pages) app(w http.ResponseWriter, r *http.Request) error {
	_, found := p.sessions.find(r)
	if found.account == nil {
		return p.render(w, http.StatusOK, "app", struct{ SignedOut bool }{r.URL.Query().Get("state") == signedOutState})
	}
	return p.render(w, http.StatusOK, "account", found.account)
}
