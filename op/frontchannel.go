package op

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"postern/idp"
)

// end ends the browser's session and gives the pages of clients that the
// signed-out page loads (OpenID Connect Front-Channel Logout §2).
func (p *Provider) end(w http.ResponseWriter, r *http.Request, session idp.Session) ([]string, error) {
	frames, err := p.LogoutFrames(r, session)
	if err != nil {
		return nil, err
	}
	if err := p.sessions.End(w, r, session); err != nil {
		return nil, fmt.Errorf("end session: %w", err)
	}
	return frames, nil
}

// LogoutFrames gives the pages of clients that are told of a session's end by
// being loaded in its browser. It has to be asked before the end.
func (p *Provider) LogoutFrames(r *http.Request, session idp.Session) ([]string, error) {
	known, err := p.store.SessionClients(r.Context(), session.TenantID, session.ID)
	if err != nil {
		return nil, fmt.Errorf("clients of the session: %w", err)
	}
	var frames []string
	for _, k := range known {
		c, err := p.store.FindClient(r.Context(), session.TenantID, k.ClientID)
		if errors.Is(err, idp.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find client: %w", err)
		}
		uri := c.Metadata.FrontchannelLogoutURI
		switch {
		case uri == "":
			continue
		case c.Metadata.FrontchannelLogoutSessionRequired:
			uri = withQuery(uri, url.Values{"iss": {p.issuer(r)}, "sid": {string(k.SID)}})
		}
		frames = append(frames, uri)
	}
	return frames, nil
}
