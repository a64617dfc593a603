package login

import (
	"errors"
	"net/http"
	"net/url"

	"postern/idp"
	"postern/templates"
)

// over refuses with the page that says how a link or login ended and where a
// new one starts. The client may be the zero one.
func over(v *visit, what templates.Ending, client idp.Client, locales []string) error {
	status := http.StatusGone
	if what == templates.EndedUnknown {
		status = http.StatusNotFound
	}
	return &refusal{status: status, locales: locales, body: templates.Over{
		Client: client.Metadata.Name, What: what, StartURL: startURL(client, v.issuer),
	}}
}

// startURL is where a login at the client begins anew (OpenID Connect Core §4):
// its initiate_login_uri, else its home page, else nowhere.
func startURL(client idp.Client, issuer string) string {
	m := client.Metadata
	if m.InitiateLoginURI == "" {
		return m.ClientURI
	}
	u, err := url.Parse(m.InitiateLoginURI)
	if err != nil {
		return m.ClientURI
	}
	query := u.Query()
	query.Set("iss", issuer)
	if m.ClientURI != "" {
		query.Set("target_link_uri", m.ClientURI)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// overFlow is over for a flow, whose client may be gone by now.
func (h *Handler) overFlow(v *visit, what templates.Ending, flow idp.Flow) error {
	client, err := h.Store.FindClient(v.ctx(), v.tenant.ID, flow.Request.ClientID)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return err
	}
	return over(v, what, client, flow.Request.UILocales)
}
