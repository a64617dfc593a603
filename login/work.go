package login

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"

	"postern/edge"
	"postern/idp"
	"postern/templates"
)

// What keeps bots from asking for mails, where a tenant wants that: a task that
// costs a browser about a second. Without scripts one waits for idp.WorkWait
// instead, of which a network can do one after the other only. A browser that has
// signed in with the address before is never asked.
//
// A task is handed in once, over all processes, at no cost: the flow that it lets
// in is named by it, and of two flows of one name the second is not written.

// What becomes of tasks, for the hook.
const (
	workAsked  = "asked"
	workSolved = "solved"
	workWaited = "waited"
	workFailed = "failed"
)

// work is what a form has to show for itself. The zero value is nothing.
type work struct {
	// by is how it was done: workSolved, workWaited, or workFailed where what was
	// handed in is wrong, too late or spent.
	by string
	// once names what may let in one login; empty where nothing was done.
	once []byte
	// task is the one that was handed in without an answer, and too early.
	task *task
	// excused: work is not asked of this form.
	excused bool
}

func (w work) lets() bool { return w.excused || len(w.once) > 0 }

// errIdle is that work is wanted and none was done; errSpent that it has let in
// another login.
var (
	errIdle  = errors.New("no work was done for this login")
	errSpent = errors.New("the work has let in another login")
)

// signer binds a task to the tenant, the browser and the form that it is in.
func (h *Handler) signer(v *visit, c carried) signer {
	browser, _ := h.Sessions.browser(v.r)
	return func(t task) string {
		mac := h.Sealer.MAC(v.tenant.ID, "altcha",
			browser.Bytes(), []byte(c.field), []byte(c.value), []byte(t.Salt), []byte(t.Challenge))
		return hex.EncodeToString(mac[:])
	}
}

// workOf looks at what was handed in with the address page's form.
func (h *Handler) workOf(v *visit, c carried, address idp.Address) work {
	if v.tenant.Settings.Work == idp.WorkNever || h.Sessions.known(v.r, address) != "" {
		return work{excused: true}
	}
	text := v.form.Get(fieldTask)
	if text == "" {
		return work{}
	}
	t, ok := parseTask(h.signer(v, c), text, v.now)
	switch {
	case !ok, t.Number != nil && !t.solved():
		return work{by: workFailed}
	case t.Number != nil:
		return work{by: workSolved, once: h.once(v, workSolved, []byte(t.Salt))}
	case v.now.Before(t.waited()):
		return work{task: &t}
	default:
		return work{by: workWaited, once: h.turn(v, t)}
	}
}

// turn names whose waiting is over: of one network, whoever comes first in each
// span of a wait.
func (h *Handler) turn(v *visit, t task) []byte {
	span := t.waited().Unix() / int64(idp.WorkWait/time.Second)
	return h.once(v, workWaited, idp.PeerNetwork(edge.ClientIP(v.ctx())), strconv.AppendInt(nil, span, 10))
}

func (h *Handler) once(v *visit, by string, parts ...[]byte) []byte {
	mac := h.Sealer.MAC(v.tenant.ID, "flow-"+by, parts...)
	return mac[:]
}

// firstTask is what an address page carries before its address is known: that of
// the form, if it is shown again, else a new one where work is always wanted. Who
// has signed in here before is asked only if they come with another address.
func (h *Handler) firstTask(v *visit, c carried) templates.Work {
	if v.tenant.Settings.Work == idp.WorkNever {
		return templates.Work{}
	}
	if t, ok := parseTask(h.signer(v, c), v.form.Get(fieldTask), v.now); ok {
		return t.page(v.now)
	}
	if v.tenant.Settings.Work != idp.WorkAlways || len(h.Sessions.readKnown(v.r).Mailboxes) > 0 {
		return templates.Work{}
	}
	return h.newTask(v, c).page(v.now)
}

// page is what a page shows of a task.
func (t task) page(now time.Time) templates.Work {
	return templates.Work{Task: t.text(), Wait: max(t.waited().Sub(now), time.Second)}
}

func (h *Handler) newTask(v *visit, c carried) task {
	h.worked(workAsked)
	return setTask(h.signer(v, c), v.now.Add(idp.WorkLife))
}

// askWork shows the address page again, with what was typed and a task: the same
// one to who only came too early, else a new one.
func (h *Handler) askWork(w http.ResponseWriter, v *visit, c carried, done work) error {
	page := loginPage{email: v.typedAddress()}
	if done.by == workFailed {
		h.worked(workFailed)
		page.problem = "login.problem.work"
	}
	if done.task != nil {
		page.work = done.task.page(v.now)
	} else {
		page.work = h.newTask(v, c).page(v.now)
	}
	page.work.Press = page.problem == ""
	w.Header().Set("Retry-After", strconv.Itoa(int((page.work.Wait+time.Second-1)/time.Second)))
	h.writeLogin(w, v, c, http.StatusTooManyRequests, page)
	return nil
}

func (h *Handler) worked(outcome string) {
	if h.OnWork != nil {
		h.OnWork(outcome)
	}
}
