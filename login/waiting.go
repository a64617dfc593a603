package login

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"postern/idp"
	"postern/templates"
)

// formWaiting names the forms of the waiting page.
const formWaiting = "waiting"

// waiting serves GET /auth/waiting: the page while the login is asked for, the
// way to the client once it is completed. It knows nothing of accounts, and of
// the mail's fate only where that tells nothing of them (waitingFlow).
func (h *Handler) waiting(w http.ResponseWriter, v *visit) error {
	flow, err := h.waitingFlow(v, v.r.URL.Query().Get("flow"))
	if err != nil {
		return err
	}
	switch {
	case flow.State == idp.FlowFinished && flow.Request.Change != idp.ChangeNothing:
		toAccount(w, v, flow.SessionID, templates.NoticeChanged)
		return nil
	case flow.State == idp.FlowFinished:
		return h.writeDone(w, v, flow)
	case flow.State == idp.FlowLocked:
		return h.overFlow(v, templates.EndedLocked, flow.Flow)
	case flow.expired(v):
		return h.overFlow(v, templates.EndedExpired, flow.Flow)
	case flow.State == idp.FlowCompleted && v.writes() && !looks(v):
		return h.conclude(w, v, flow)
	}
	return h.writeWaiting(w, v, flow, http.StatusOK, waitingNotice{sent: v.r.URL.Query().Get("sent") != ""})
}

// looks tells the script's request for the page, which must not take the login
// away from the tab that it belongs to.
func looks(v *visit) bool { return v.r.URL.Query().Get("look") != "" }

// waitingNotice is what the waiting page says of the last thing done on it.
type waitingNotice struct {
	sent    bool
	problem string
	left    int
}

func (h *Handler) writeWaiting(w http.ResponseWriter, v *visit, flow own, status int, notice waitingNotice) error {
	client, err := h.clientOf(v, flow.Request)
	if err != nil {
		return err
	}
	start, err := h.startAnew(v, flow.Request)
	if err != nil {
		return err
	}
	h.write(w, v, status, flow.Request.UILocales, false, templates.Waiting{
		Client:  client.Metadata.Name,
		Address: string(flow.Address),
		Hidden: []templates.Hidden{
			{Name: "flow", Value: string(flow.ID)},
			h.tokenField(w, v, formWaiting+":"+string(flow.ID)),
		},
		Delivery: flow.delivery(v),
		Asked:    flow.mail.CreatedAt,
		Until:    flow.mail.TriedUntil().Add(time.Minute - 1).Truncate(time.Minute), // for it is told in minutes
		SelfURL:  waitingURL(v, flow.ID),
		PollURL:  v.at("/auth/waiting/state", url.Values{"flow": {string(flow.ID)}}),
		NextMail: flow.NextMail,
		CanSend:  !v.now.Before(flow.NextMail),
		Sent:     notice.sent,
		Problem:  notice.problem,
		Left:     notice.left,
		StartURL: start,
		Change:   flow.Request.Change != idp.ChangeNothing,
	})
	return nil
}

// stateAsked is what the poll is told of a login of which there is no more to tell.
const stateAsked = "asked"

// waitingState serves GET /auth/waiting/state for the waiting page's script:
// one look, and an answer without a page.
func (h *Handler) waitingState(w http.ResponseWriter, v *visit) error {
	flow, err := h.waitingFlow(v, v.r.URL.Query().Get("flow"))
	status, state := http.StatusOK, stateAsked
	var f *refusal
	switch {
	case errors.As(err, &f):
		status, state = f.status, "expired"
	case err != nil:
		f = refusalOf(err)
		h.logRefusal(v.ctx(), f)
		status = f.status
		w.Header().Set("Retry-After", strconv.Itoa(int(retrySoon/time.Second)))
	case flow.State == idp.FlowCompleted, flow.State == idp.FlowFinished:
		state = "done"
	case flow.State == idp.FlowLocked, flow.expired(v):
		state = "expired"
	default:
		if delivery := flow.delivery(v); delivery != idp.DeliveryUntold {
			state = string(delivery)
		}
	}
	return writeState(w, v, status, state)
}

func writeState(w http.ResponseWriter, v *visit, status int, state string) error {
	body, err := json.Marshal(map[string]string{"state": state})
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		_, _ = w.Write(body) // a browser that has gone needs no answer
	}
	return nil
}

// writeDone says that the login went on in another tab. Where the answer that
// carried the session was lost, this one carries it again.
func (h *Handler) writeDone(w http.ResponseWriter, v *visit, flow own) error {
	if err := h.giveAgain(w, v, flow); err != nil {
		return err
	}
	client, err := h.Store.FindClient(v.ctx(), v.tenant.ID, flow.Request.ClientID)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return err
	}
	h.write(w, v, http.StatusOK, flow.Request.UILocales, true, templates.Done{
		Client: client.Metadata.Name, ReturnURL: startURL(client, v.issuer),
	})
	return nil
}
