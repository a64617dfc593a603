package login

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"postern/edge"
	"postern/idp"
	"postern/templates"
)

// askAddress serves GET /auth/login. It writes nothing, so that a flood of
// authorization requests leaves no row.
func (h *Handler) askAddress(w http.ResponseWriter, v *visit) error {
	c, err := h.openFresh(v, v.r.URL.Query())
	if err != nil {
		return err
	}
	h.Sessions.keepBrowser(w, v.r)
	hint, err := idp.ParseAddress(c.request.LoginHint)
	if err != nil {
		hint = "" // a hint that no mail can go to prefills nothing
	}
	h.writeLogin(w, v, c, http.StatusOK, loginPage{email: string(hint), work: h.firstTask(v, c)})
	return nil
}

// openFresh opens a request that is still waiting for its address.
func (h *Handler) openFresh(v *visit, values url.Values) (carried, error) {
	c, err := h.open(v, values)
	if err != nil {
		return carried{}, err
	}
	if !v.now.Before(c.request.ReceivedAt.Add(idp.RequestLife)) {
		return carried{}, over(v, templates.EndedExpired, c.client, c.request.UILocales)
	}
	return c, nil
}

// loginPage is what the address page holds beside its request.
type loginPage struct {
	email, problem string
	work           templates.Work
}

func (h *Handler) writeLogin(w http.ResponseWriter, v *visit, c carried, status int, page loginPage) {
	hidden := append(c.fields(), h.tokenField(w, v, c.action("login")))
	h.write(w, v, status, c.request.UILocales, false, templates.Login{
		Client: c.client.Metadata.Name, Asks: asks(c.request), Hidden: hidden, Email: page.email, Problem: page.problem,
		About: about(v, c.client), Work: page.work,
	})
}

// asks says what the person is asked for. Which addresses have an account is
// told to nobody, so the words are all that differs.
func asks(req idp.AuthRequest) templates.Asking {
	switch {
	case req.HasPrompt("create"): // Initiating User Registration §4.1
		return templates.AskCreate
	case req.HasPrompt("select_account"):
		return templates.AskSelect
	default:
		return templates.AskSignIn
	}
}

// maxTyped is how much of what was typed comes back with its problem.
const maxTyped = 320

// takeAddress serves POST /auth/login. From here on, every address is alike:
// one question to the limits, one write, one answer.
func (h *Handler) takeAddress(w http.ResponseWriter, v *visit) error {
	c, err := h.openPosted(w, v)
	if err != nil {
		return err
	}
	if v.form.Get("action") == "cancel" && v.form.Get("email") == "" {
		return h.deny(w, v, c) // a browser too old for formaction
	}
	address, err := idp.ParseAddress(v.form.Get("email"))
	if err != nil {
		return h.badAddress(w, v, c)
	}
	done := h.workOf(v, c, address)
	if v.tenant.Settings.Work == idp.WorkAlways && !done.lets() {
		return h.askWork(w, v, c, done)
	}
	if err := h.keepClient(v, c.client); err != nil {
		return err
	}
	flow, err := h.start(w, v, c, address, done)
	switch {
	case errors.Is(err, errIdle):
		return h.askWork(w, v, c, done)
	case errors.Is(err, errSpent):
		return h.askWork(w, v, c, work{by: workFailed})
	case err != nil:
		return err
	}
	redirect(w, waitingURL(v, flow))
	return nil
}

// openPosted reads the address page's form and proves that it is ours.
func (h *Handler) openPosted(w http.ResponseWriter, v *visit) (carried, error) {
	if err := v.readForm(w); err != nil {
		return carried{}, err
	}
	c, err := h.openFresh(v, v.form)
	if err != nil {
		return carried{}, err
	}
	return c, h.checkToken(v, c.action("login"))
}

// cancel serves POST /auth/cancel, where the address page's Cancel button leads.
// It has a path of its own so that no form filled in by a program, with the
// values of all its buttons, cancels by accident.
func (h *Handler) cancel(w http.ResponseWriter, v *visit) error {
	c, err := h.openPosted(w, v)
	if err != nil {
		return err
	}
	return h.deny(w, v, c)
}

func (h *Handler) deny(w http.ResponseWriter, v *visit, c carried) error {
	if c.request.Device != "" {
		return h.decideDevice(w, v, c.request, idp.Grant{})
	}
	return h.Responder.Error(w, v.r, c.request, "access_denied", "The person cancelled the login.")
}

// badAddress shows the page again, with what was typed and what is wrong with it.
func (h *Handler) badAddress(w http.ResponseWriter, v *visit, c carried) error {
	h.writeLogin(w, v, c, http.StatusUnprocessableEntity, loginPage{
		email: v.typedAddress(), problem: "login.problem.address", work: h.firstTask(v, c),
	})
	return nil
}

// typedAddress is what was typed, as far as it is shown again.
func (v *visit) typedAddress() string {
	typed := v.form.Get("email")
	return strings.ToValidUTF8(typed[:min(len(typed), maxTyped)], "")
}

// start writes the flow and its outbox entry; errIdle, errSpent.
func (h *Handler) start(w http.ResponseWriter, v *visit, c carried, address idp.Address, done work) (idp.FlowID, error) {
	if len(done.once) > 0 { // work that is handed in twice is counted
		if err := h.mayAttempt(v); err != nil {
			return "", err
		}
	}
	decision, err := h.askLimits(v, address, done)
	if err != nil {
		return "", err
	}
	browser := h.Sessions.keepBrowser(w, v.r)
	flow := idp.Flow{
		TenantID: v.tenant.ID, ID: h.flowID(v, c, address, browser, done), Request: c.request, Address: address,
		Browser: browser.Digest(), Asked: device(v),
		Locale: h.locale(v, c.request.UILocales), State: idp.FlowAsked,
		CreatedAt: v.now, Expires: v.now.Add(v.tenant.FlowLife()),
		NextMail: decision.NextMail, Taken: decision.Taken,
	}
	err = h.begin(v, c.client, flow, decision)
	id := flow.ID
	switch {
	case errors.Is(err, idp.ErrConflict) && len(done.once) > 0:
		id, err = h.workedTwice(v, flow)
	case errors.Is(err, idp.ErrConflict):
		id, err = h.startTwice(v, c.client, flow, decision)
	case err == nil && len(done.once) > 0:
		h.worked(done.by)
	}
	if err != nil {
		h.Limits.GiveBack(v.ctx(), decision.Taken)
	}
	return id, err
}

// flowID names the flow by the form that asks for it, so that a form sent twice,
// as an impatient double click sends it, asks once. Where work was done, that
// names it, so that the work counts once.
func (h *Handler) flowID(v *visit, c carried, address idp.Address, browser idp.Secret, done work) idp.FlowID {
	if len(done.once) > 0 {
		return idp.FlowID(idp.DerivedID([16]byte(done.once)))
	}
	mac := h.Sealer.MAC(v.tenant.ID, "flow", browser.Bytes(), []byte(c.field), []byte(c.value), []byte(address))
	return idp.FlowID(idp.DerivedID([16]byte(mac[:16])))
}

// workedTwice leads the same form, sent again by the same browser, to the flow
// that its work has let in. Anything else is errSpent.
func (h *Handler) workedTwice(v *visit, flow idp.Flow) (idp.FlowID, error) {
	before, err := h.Store.FindFlow(v.ctx(), v.tenant.ID, flow.ID)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return "", fmt.Errorf("find flow: %w", err)
	}
	same := before.Browser.Equal(flow.Browser) && before.Address == flow.Address
	if err == nil && same && before.State == idp.FlowAsked && v.now.Before(before.Expires) {
		return before.ID, nil
	}
	if err := h.attempt(v); err != nil {
		return "", err
	}
	return "", errSpent
}

// startTwice leads a form that was sent before to the flow that it started. Is
// that one over, or a mail due again, it starts another.
func (h *Handler) startTwice(v *visit, client idp.Client, flow idp.Flow, decision MailDecision) (idp.FlowID, error) {
	before, err := h.Store.FindFlow(v.ctx(), v.tenant.ID, flow.ID)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return "", fmt.Errorf("find flow: %w", err)
	}
	waits := err == nil && before.State == idp.FlowAsked && v.now.Before(before.Expires)
	if waits && !decision.Send {
		return before.ID, nil // and the peer's count stays: what was sent twice was asked twice
	}
	flow.ID = idp.FlowID(idp.NewID(v.now))
	return flow.ID, h.begin(v, client, flow, decision)
}

// begin writes the flow. Its mail leaves at once if a hand is free for it, and is
// queued else: which of the two has nothing to do with the address.
func (h *Handler) begin(v *visit, client idp.Client, flow idp.Flow, decision MailDecision) error {
	mail := outboxEntry(v, flow, decision)
	dispatch := h.Courier.Hold(v.tenant, flow, v.now)
	found, err := h.Store.StartFlow(v.ctx(), idp.NewFlow{Flow: flow, Mail: mail, Dispatch: dispatch})
	switch {
	case err != nil:
		if dispatch != nil {
			h.Courier.Release()
		}
		return fmt.Errorf("start flow: %w", err)
	case dispatch == nil:
		h.Courier.Wake(idp.MailRef{TenantID: mail.TenantID, ID: mail.ID})
	default:
		mail.State, mail.Attempt = idp.OutboxSending, 1
		h.Courier.Send(idp.ClaimedMail{
			Entry: mail, Tenant: v.tenant, Client: client, Flow: flow,
			UserKnown: found.UserKnown, UserDisabled: found.UserDisabled, Suppressed: found.Suppressed,
		}, dispatch)
	}
	return nil
}

// outboxEntry is written also where a limit withholds the mail.
func outboxEntry(v *visit, flow idp.Flow, decision MailDecision) idp.OutboxEntry {
	return idp.OutboxEntry{
		TenantID: v.tenant.ID, ID: idp.OutboxID(idp.NewID(v.now)), FlowID: flow.ID,
		Withheld: !decision.Send, State: idp.OutboxQueued,
		Due: v.now, Expires: flow.Expires, CreatedAt: v.now,
	}
}

// askLimits counts a mail, and refuses where the peer or the tenant is over;
// errIdle where work is wanted and none was done.
func (h *Handler) askLimits(v *visit, address idp.Address, done work) (MailDecision, error) {
	decision, err := h.Limits.Mail(v.ctx(), v.tenant, idp.MailRequest{
		To: address, Peer: edge.ClientIP(v.ctx()), Known: h.Sessions.known(v.r, address), Worked: done.lets(),
	}, v.now)
	if err != nil {
		return MailDecision{}, fmt.Errorf("limits: %w", err)
	}
	switch decision.Refused {
	case RefusedPeer:
		return MailDecision{}, refuseUntil(http.StatusTooManyRequests, "too_many", decision.RetryAt.Sub(v.now))
	case RefusedTenant:
		return MailDecision{}, refuseUntil(http.StatusServiceUnavailable, "unavailable", decision.RetryAt.Sub(v.now))
	case RefusedIdle:
		return MailDecision{}, errIdle
	default:
		return decision, nil
	}
}
