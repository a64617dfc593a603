package login

import (
	"context"
	"errors"
	"net/url"

	"postern/idp"
	"postern/templates"
)

// own is a flow of the browser that sent the request.
type own struct {
	idp.Flow
	browser idp.Secret
	mail    idp.OutboxEntry // the zero one where it tells nothing, or must not
}

// ownFlow finds the flow that the request names, for the browser that asked
// for it. To any other browser it is as if there were none.
func (h *Handler) ownFlow(v *visit, id string) (own, error) {
	return h.owned(v, id, func(ctx context.Context, t idp.TenantID, id idp.FlowID) (idp.Flow, idp.OutboxEntry, error) {
		flow, err := h.Store.FindFlow(ctx, t, id)
		return flow, idp.OutboxEntry{}, err
	})
}

// waitingFlow is ownFlow for the page that waits, with the mail it waits for. In
// tenants that don't mail everyone, the fate of a mail would tell who has an
// account: there it is not even asked for.
func (h *Handler) waitingFlow(v *visit, id string) (own, error) {
	if !v.tenant.Settings.MailsEveryone() {
		return h.ownFlow(v, id)
	}
	return h.owned(v, id, h.Store.FindFlowMail)
}

func (h *Handler) owned(v *visit, id string, find func(context.Context, idp.TenantID, idp.FlowID) (idp.Flow, idp.OutboxEntry, error)) (own, error) {
	unknown := over(v, templates.EndedUnknown, idp.Client{}, nil)
	browser, ok := h.Sessions.browser(v.r)
	if !ok || id == "" {
		return own{}, unknown
	}
	flow, mail, err := find(v.ctx(), v.tenant.ID, idp.FlowID(id))
	if errors.Is(err, idp.ErrNotFound) {
		return own{}, unknown
	}
	if err != nil {
		return own{}, err
	}
	if !isOwn(v, flow, browser) {
		return own{}, unknown
	}
	return own{Flow: flow, browser: browser, mail: mail}, nil
}

func isOwn(v *visit, flow idp.Flow, browser idp.Secret) bool {
	return flow.TenantID == v.tenant.ID && flow.Browser.Equal(browser.Digest())
}

// postedFlow finds the flow of a form that must be this browser's and this flow's.
func (h *Handler) postedFlow(v *visit, form string, find func(*visit, string) (own, error)) (own, error) {
	id := v.form.Get("flow")
	if err := h.checkToken(v, form+":"+id); err != nil {
		return own{}, err
	}
	return find(v, id)
}

// delivery tells how the mail fares that the flow waits for.
func (o own) delivery(v *visit) idp.Delivery {
	if o.State != idp.FlowAsked {
		return idp.DeliveryUntold
	}
	return o.mail.Delivery(v.now)
}

func (o own) expired(v *visit) bool { return !v.now.Before(o.Expires) }

func waitingURL(v *visit, flow idp.FlowID) string {
	return v.at("/auth/waiting", url.Values{"flow": {string(flow)}})
}
