package login

import (
	"errors"
	"net/http"

	"postern/idp"
	"postern/templates"
)

// takeLink serves POST /auth/verify: the button under an opened link. It needs
// the secret of the browser that asked; a scanner that presses everything has
// none, and neither has a victim who was sent somebody else's link.
//
// What wins is not counted against the network address it came from; what is in
// vain is.
func (h *Handler) takeLink(w http.ResponseWriter, v *visit) error {
	if err := h.mayAttempt(v); err != nil {
		return err
	}
	if err := v.readForm(w); err != nil {
		if limited := h.attempt(v); limited != nil {
			return limited
		}
		return err
	}
	if m, flow, ok := h.pressed(v); ok {
		return h.pressLink(w, v, m, flow)
	}
	if err := h.attempt(v); err != nil {
		return err
	}
	return h.lookUpLink(w, v)
}

// lookUpLink answers a POST whose form does not tell of its link what is needed:
// another browser's, an old one, or none of ours.
func (h *Handler) lookUpLink(w http.ResponseWriter, v *visit) error {
	m, err := h.findMailed(v, v.form.Get("token"))
	if err != nil {
		return err
	}
	browser, ok := h.Sessions.browser(v.r)
	if m.flow.ID == "" {
		return over(v, m.ended(v), m.client, nil)
	}
	if !ok || !isOwn(v, m.flow, browser) {
		return h.forbidden(v)
	}
	if err := h.checkToken(v, m.action()); err != nil {
		return err
	}
	flow := own{Flow: m.flow, browser: browser}
	if what := m.ended(v); what != "" {
		return h.linkLost(w, v, m, flow, what)
	}
	return h.pressLink(w, v, m, flow)
}

// pressLink completes a login with a link that is not proven yet.
func (h *Handler) pressLink(w http.ResponseWriter, v *visit, m mailed, flow own) error {
	if _, ok := acrOf(flow.Request, idp.ByLink); !ok {
		return h.Responder.Error(w, v.r, flow.Request, "unmet_authentication_requirements", "")
	}
	done, err := h.complete(w, v, attempt{
		own: flow, link: m.link, verifier: m.credential.Secret.Digest(), by: idp.ByLink,
		here: m.client.FinishesAt() == idp.FinishLink,
	})
	if err == nil {
		return h.proceed(w, v, done)
	}
	if limited := h.attempt(v); limited != nil {
		return limited
	}
	switch {
	case errors.Is(err, idp.ErrUsed):
		return h.beaten(w, v, m, flow)
	case errors.Is(err, idp.ErrExpired):
		return over(v, templates.EndedExpired, m.client, flow.Request.UILocales)
	case errors.Is(err, idp.ErrNotFound), errors.Is(err, idp.ErrMismatch):
		return over(v, templates.EndedUnknown, idp.Client{}, flow.Request.UILocales)
	default:
		return err
	}
}

// beaten answers a press that another one outran.
func (h *Handler) beaten(w http.ResponseWriter, v *visit, m mailed, flow own) error {
	again, err := h.ownFlow(v, string(flow.ID))
	if err != nil {
		return err
	}
	m.flow = again.Flow
	what := m.ended(v)
	if what == "" {
		what = templates.EndedUsed
	}
	return h.linkLost(w, v, m, again, what)
}

// linkLost answers a press that came too late, or the link opened once more.
// This browser may have lost the answer to the press that was in time, so it is
// given its session again.
func (h *Handler) linkLost(w http.ResponseWriter, v *visit, m mailed, flow own, what templates.Ending) error {
	if what == templates.EndedUsed {
		if err := h.giveAgain(w, v, flow); err != nil {
			return err
		}
	}
	return h.writeUsedHere(w, v, m, flow, what)
}
