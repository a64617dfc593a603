package login

import (
	"errors"
	"net/url"

	"postern/idp"
	"postern/templates"
)

// own is a flow of the browser that sent the request.
type own struct {
	idp.Flow
	browser idp.Secret
}

// ownFlow finds the flow that the request names, for the browser that asked
// for it. To any other browser it is as if there were none.
func (h *Handler) ownFlow(v *visit, id string) (own, error) {
	unknown := over(v, templates.EndedUnknown, idp.Client{}, nil)
	browser, ok := h.Sessions.browser(v.r)
	if !ok || id == "" {
		return own{}, unknown
	}
	flow, err := h.Store.FindFlow(v.ctx(), v.tenant.ID, idp.FlowID(id))
	if errors.Is(err, idp.ErrNotFound) {
		return own{}, unknown
	}
	if err != nil {
		return own{}, err
	}
	if !isOwn(v, flow, browser) {
		return own{}, unknown
	}
	return own{Flow: flow, browser: browser}, nil
}

func isOwn(v *visit, flow idp.Flow, browser idp.Secret) bool {
	return flow.TenantID == v.tenant.ID && flow.Browser.Equal(browser.Digest())
}

// postedFlow is ownFlow for a form that must be this browser's and this flow's.
func (h *Handler) postedFlow(v *visit, form string) (own, error) {
	id := v.form.Get("flow")
	if err := h.checkToken(v, form+":"+id); err != nil {
		return own{}, err
	}
	return h.ownFlow(v, id)
}

func (o own) expired(v *visit) bool { return !v.now.Before(o.Expires) }

func waitingURL(v *visit, flow idp.FlowID) string {
	return v.at("/auth/waiting", url.Values{"flow": {string(flow)}})
}
