package login

import (
	"errors"
	"net/http"
	"strings"

	"postern/idp"
	"postern/templates"
)

// takeCode serves POST /auth/code: the relay code or the pasted link, typed
// where the login was asked for. The attempt is counted and committed before
// anything is compared, so guesses sent at once don't get more than five.
func (h *Handler) takeCode(w http.ResponseWriter, v *visit) error {
	if err := h.attempt(v); err != nil {
		return err
	}
	if err := v.readForm(w); err != nil {
		return err
	}
	flow, err := h.postedFlow(v, formWaiting, h.waitingFlow)
	if err != nil {
		return err
	}
	if flow.State != idp.FlowAsked || flow.expired(v) {
		redirect(w, waitingURL(v, flow.ID)) // which goes on or says how it ended
		return nil
	}
	if _, ok := acrOf(flow.Request, idp.ByRelay); !ok {
		return h.writeWaiting(w, v, flow, http.StatusUnprocessableEntity, waitingNotice{problem: "waiting.problem.link_only"})
	}
	given, ok := parseAnswer(v.form.Get("code"))
	if !ok {
		problem := "waiting.problem.form"
		if strings.TrimSpace(v.form.Get("code")) == "" {
			problem = "waiting.problem.empty"
		}
		return h.writeWaiting(w, v, flow, http.StatusUnprocessableEntity, waitingNotice{problem: problem})
	}
	return h.tryAnswer(w, v, flow, given)
}

func (h *Handler) tryAnswer(w http.ResponseWriter, v *visit, flow own, given answer) error {
	links, err := h.Store.CountAttempt(v.ctx(), v.tenant.ID, flow.ID, v.now)
	if err != nil {
		return h.lost(w, v, flow, err)
	}
	link, ok := h.match(given, links)
	if !ok {
		return h.wrongAnswer(w, v, flow, given)
	}
	done, err := h.complete(w, v, attempt{own: flow, link: link, verifier: link.Verifier, by: idp.ByRelay, here: true})
	if err != nil {
		return h.lost(w, v, flow, err)
	}
	return h.proceed(w, v, done)
}

// wrongAnswer says how many attempts are left; the last one ends the flow.
func (h *Handler) wrongAnswer(w http.ResponseWriter, v *visit, flow own, given answer) error {
	counted, err := h.Store.FindFlow(v.ctx(), v.tenant.ID, flow.ID)
	if err != nil {
		return h.lost(w, v, flow, err)
	}
	left := idp.MaxAttempts - counted.Attempts
	if left > 0 {
		problem := "waiting.problem.code"
		if given.link != nil {
			problem = "waiting.problem.link"
		}
		h.refused(whyMismatch)
		return h.writeWaiting(w, v, flow, http.StatusUnprocessableEntity, waitingNotice{problem: problem, left: left})
	}
	if err := h.Store.LockFlow(v.ctx(), v.tenant.ID, flow.ID, v.now); err != nil {
		return h.lost(w, v, flow, err)
	}
	return h.overFlow(v, templates.EndedLocked, flow.Flow)
}

// lost maps what the store says where this request did not win.
func (h *Handler) lost(w http.ResponseWriter, v *visit, flow own, err error) error {
	switch {
	case errors.Is(err, idp.ErrExhausted):
		return h.overFlow(v, templates.EndedLocked, flow.Flow)
	case errors.Is(err, idp.ErrExpired):
		return h.overFlow(v, templates.EndedExpired, flow.Flow)
	case errors.Is(err, idp.ErrUsed):
		redirect(w, waitingURL(v, flow.ID)) // which goes on or says how it ended
		return nil
	case errors.Is(err, idp.ErrNotFound), errors.Is(err, idp.ErrMismatch):
		return over(v, templates.EndedUnknown, idp.Client{}, flow.Request.UILocales)
	default:
		return err
	}
}
