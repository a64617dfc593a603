package login

import (
	"postern/idp"
	"postern/templates"
)

// about is what a client shows of itself: a picture that we serve, and links.
func about(v *visit, c idp.Client) templates.About {
	a := templates.About{PolicyURL: c.Metadata.PolicyURI, TermsURL: c.Metadata.TermsURI}
	a.Host, _ = c.ID.Document()
	if c.Metadata.Logo {
		a.Logo = v.at("/auth/logo/"+string(c.ID), nil)
	}
	return a
}
