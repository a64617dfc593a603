package login_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"postern/idp"
)

func TestAMailLeavesAtOnceWhereAHandIsFree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outbox.free = 1
	b := w.browser()
	b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	if w.outbox.waiting() != 0 || len(w.outbox.sent) != 1 {
		t.Fatalf("%d queued, %d sent at once", w.outbox.waiting(), len(w.outbox.sent))
	}
	m := w.outbox.sent[0]
	if m.Entry.State != idp.OutboxSending || m.Entry.Attempt != 1 || m.Tenant.ID != w.acme.ID || m.Client.ID != "web" ||
		m.Flow.ID != m.Entry.FlowID || m.Flow.Address != "ann@example.org" || m.UserKnown || !m.Deliverable() {
		t.Errorf("%+v", m)
	}
	w.finish(m, idp.OutboxSent) // so it was written as being sent

	// The hand is busy now: the next one is queued.
	w.browser().ask(w.loginPath(w.acme, w.request("web")), "bob@example.org")
	if w.outbox.waiting() != 1 || len(w.outbox.sent) != 1 {
		t.Errorf("%d queued, %d sent at once", w.outbox.waiting(), len(w.outbox.sent))
	}
}

func TestAHandIsLetGoWhereNoFlowWasWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outbox.free = 1
	w.store.fail = func(method string) error {
		if method == "StartFlow" {
			return idp.ErrUnavailable
		}
		return nil
	}
	b := w.browser()
	page := b.get(w.loginPath(w.acme, w.request("web")))
	b.submit(page, "/auth/login", url.Values{"email": {"ann@example.org"}}).want(t, http.StatusServiceUnavailable)
	if w.outbox.free != 1 || len(w.outbox.sent) != 0 {
		t.Errorf("%d free, %d sent", w.outbox.free, len(w.outbox.sent))
	}
}

func TestADoubleClickSendsOneMailByAHeldHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outbox.free = 2
	b := w.browser()
	page := b.get(w.loginPath(w.acme, w.request("web")))
	address := url.Values{"email": {"ann@example.org"}}
	first := b.submit(page, "/auth/login", address)
	w.limits.mail = func(_ idp.Address, _ string, now time.Time) (idp.MailDecision, error) {
		return idp.MailDecision{NextMail: now.Add(time.Minute)}, nil
	}
	second := b.submit(page, "/auth/login", address)
	if first.location != second.location || len(w.outbox.sent) != 1 || w.outbox.free != 1 {
		t.Errorf("%s and %s, %d sent, %d free", first.location, second.location, len(w.outbox.sent), w.outbox.free)
	}
}
