package dev

import "net/http"

// spa is the single-page app: this page is all that the server knows of it.
func (p *Pages) spa(w http.ResponseWriter, _ *http.Request) error {
	return p.render(w, http.StatusOK, "spa", struct{ Issuer, ClientID, RedirectURI, HomeURI string }{
		p.cfg.Issuer, p.cfg.SPAClientID, p.cfg.PublicURL + "/dev/spa/callback", p.cfg.PublicURL + "/dev/spa",
	})
}
