package login

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"postern/idp"
	"postern/templates"
)

// resend serves POST /auth/resend: another mail for a flow that still waits.
// A limit in the way is no error here either: the page says when the next mail
// is possible, alike for every address.
func (h *Handler) resend(w http.ResponseWriter, v *visit) error {
	if err := v.readForm(w); err != nil {
		return err
	}
	flow, err := h.postedFlow(v, formWaiting, h.waitingFlow)
	if err != nil {
		return err
	}
	if flow.State != idp.FlowAsked || flow.expired(v) {
		redirect(w, waitingURL(v, flow.ID)) // which says how it ended
		return nil
	}
	if wait := flow.NextMail.Sub(v.now); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		return h.writeWaiting(w, v, flow, http.StatusTooManyRequests, waitingNotice{problem: "waiting.problem.toosoon"})
	}
	return h.mailAgain(w, v, flow)
}

func (h *Handler) mailAgain(w http.ResponseWriter, v *visit, flow own) error {
	decision, err := h.askLimits(v, flow.Address, work{excused: true}) // it was let in before
	if err != nil {
		return err
	}
	mail := outboxEntry(v, flow.Flow, decision)
	err = h.Store.Resend(v.ctx(), idp.Resend{
		TenantID: v.tenant.ID, FlowID: flow.ID, Mail: mail,
		NextMail: decision.NextMail, Taken: decision.Taken, Now: v.now,
	})
	if err != nil {
		h.Limits.GiveBack(v.ctx(), decision.Taken)
	}
	switch {
	case errors.Is(err, idp.ErrUsed), errors.Is(err, idp.ErrExpired):
		redirect(w, waitingURL(v, flow.ID))
		return nil
	case errors.Is(err, idp.ErrNotFound):
		return over(v, templates.EndedUnknown, idp.Client{}, flow.Request.UILocales)
	case err != nil:
		return err
	}
	h.Courier.Wake(idp.MailRef{TenantID: mail.TenantID, ID: mail.ID})
	redirect(w, v.at("/auth/waiting", url.Values{"flow": {string(flow.ID)}, "sent": {"1"}}))
	return nil
}
