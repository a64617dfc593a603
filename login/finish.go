package login

import (
	"errors"
	"fmt"
	"net/http"

	"postern/idp"
	"postern/templates"
)

// finish serves POST /auth/finish: "continue here", in the link's tab, where
// the waiting one would go on by itself. The first of the two to ask wins.
func (h *Handler) finish(w http.ResponseWriter, v *visit) error {
	if err := v.readForm(w); err != nil {
		return err
	}
	flow, err := h.postedFlow(v, formFinish, h.ownFlow)
	if err != nil {
		return err
	}
	return h.conclude(w, v, flow)
}

// conclude takes a completed flow to its end, once: the client, the consent
// page, or the error that somebody else was asked for. The store picks the
// winner; the loser is told that the login went on elsewhere.
func (h *Handler) conclude(w http.ResponseWriter, v *visit, flow own) error {
	client, err := h.clientOf(v, flow.Request)
	if err != nil {
		return err
	}
	if flow.State != idp.FlowCompleted {
		return h.concluded(w, v, flow, idp.ErrUsed)
	}
	_, user, err := h.sessionOf(v, flow)
	if err != nil {
		return h.concluded(w, v, flow, err)
	}
	wrongPerson := !flow.Request.Admits(user, client, h.Sealer)
	consent, err := h.consentDue(v, client, flow.Request, user)
	if err != nil {
		return err
	}
	var grant idp.Grant
	var code idp.Credential
	if !wrongPerson && !consent {
		grant, code = newGrant(v, flow.Request)
	}
	if _, err := h.Store.FinishFlow(v.ctx(), v.tenant.ID, flow.ID, grant, v.now); err != nil {
		return h.concluded(w, v, flow, err)
	}
	if err := h.giveAgain(w, v, flow); err != nil {
		return err
	}
	switch {
	case wrongPerson:
		return h.Responder.Error(w, v.r, flow.Request, "login_required", "Another person than the requested one signed in.")
	case grant.ID == "":
		return h.toConsent(w, v, flow.Request)
	default:
		return h.Responder.Code(w, v.r, flow.Request, code.Reveal())
	}
}

// concluded says why a flow cannot be taken to its end by this request.
func (h *Handler) concluded(w http.ResponseWriter, v *visit, flow own, err error) error {
	switch {
	case errors.Is(err, idp.ErrUsed):
		return h.notFirst(w, v, flow)
	case errors.Is(err, idp.ErrExpired) && !flow.expired(v):
		// The login is young and its session is not there any more: another person
		// has signed in with this browser since, or the session was ended.
		return h.overSession(v, flow)
	case errors.Is(err, idp.ErrExpired):
		return h.overFlow(v, templates.EndedExpired, flow.Flow)
	case errors.Is(err, idp.ErrNotFound):
		return over(v, templates.EndedUnknown, idp.Client{}, flow.Request.UILocales)
	default:
		return fmt.Errorf("finish: %w", err)
	}
}

// overSession says what became of the session that a login had opened.
func (h *Handler) overSession(v *visit, flow own) error {
	current, _, err := h.Sessions.Current(v.r)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return h.overFlow(v, templates.EndedExpired, flow.Flow)
	case err != nil:
		return err
	case current.UserID == flow.UserID:
		return h.overFlow(v, templates.EndedUsed, flow.Flow) // the same person, by a later login
	default:
		return h.overFlow(v, templates.EndedReplaced, flow.Flow)
	}
}

// notFirst looks again at a flow that was not there to be finished.
func (h *Handler) notFirst(w http.ResponseWriter, v *visit, flow own) error {
	now, err := h.ownFlow(v, string(flow.ID))
	if err != nil {
		return err
	}
	switch now.State {
	case idp.FlowFinished:
		return h.writeDone(w, v, now)
	case idp.FlowLocked:
		return h.overFlow(v, templates.EndedLocked, now.Flow)
	default:
		redirect(w, waitingURL(v, now.ID))
		return nil
	}
}
