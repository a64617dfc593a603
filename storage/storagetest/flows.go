package storagetest

import (
	"time"

	"postern/idp"
)

var flowCases = cases{
	"a flow is found as it was started, expired or not": func(w *world) {
		got, err := w.store.FindFlow(w.ctx, w.a.id, w.a.asked.flow.ID)
		w.ok(err, "find")
		w.same(w.a.asked.flow, got, "flow")
	},
	"one that is not there is not found": func(w *world) {
		_, err := w.store.FindFlow(w.ctx, w.a.id, "none")
		w.is(idp.ErrNotFound, err, "find")
	},
	"a flow is found with its newest mail":                   flowMail,
	"a mail that a limit withholds is not the newest":        flowMailWithheld,
	"a flow whose mail has gone has none":                    flowMailGone,
	"the mail of a flow that is not there is not found":      func(w *world) { flowMailIs(w, "none", "", "") },
	"a flow starts once, and neither half without the other": flowStartsWhole,
	"a resend queues a mail and adds what it took":           resendQueues,
	"a resend of no flow is not found":                       func(w *world) { resendIs(w, "none", w.now, idp.ErrNotFound) },
	"a resend is good until the flow expires":                resendExpires,
	"a resend of an ended flow is used":                      func(w *world) { resendIs(w, w.a.done.flow.ID, w.now, idp.ErrUsed) },
	"a resend whose mail exists changes nothing":             resendConflict,
}

// flowMailIs looks for a flow with its mail: not found where the mail has no state.
func flowMailIs(w *world, id idp.FlowID, mail idp.OutboxID, state idp.OutboxState) idp.OutboxEntry {
	w.t.Helper()
	flow, got, err := w.store.FindFlowMail(w.ctx, w.a.id, id)
	if id == "none" {
		w.is(idp.ErrNotFound, err, "find")
		return got
	}
	w.ok(err, "find")
	alone, err := w.store.FindFlow(w.ctx, w.a.id, id)
	w.ok(err, "find without its mail")
	w.same(alone, flow, "flow")
	w.same([]any{mail, state}, []any{got.ID, got.State}, "mail")
	return got
}

func flowMail(w *world) {
	flowMailIs(w, w.a.done.flow.ID, w.a.done.mail.ID, idp.OutboxSent)
	l := queued(w, "new")
	w.same(w.a.newMail("new", l.flow), flowMailIs(w, l.flow.ID, l.mail.ID, idp.OutboxQueued), "mail")
	claimIs(w, l.mail, w.now, nil)
	w.same(1, flowMailIs(w, l.flow.ID, l.mail.ID, idp.OutboxClaimed).Attempt, "attempt")
	due := w.now.Add(5 * time.Second)
	w.ok(w.finish(l.mail, 1, idp.OutboxQueued, due), "put off")
	w.same(due, flowMailIs(w, l.flow.ID, l.mail.ID, idp.OutboxQueued).Due, "due")
	second := w.a.resend("second", l.flow)
	w.ok(w.store.Resend(w.ctx, second), "resend")
	flowMailIs(w, l.flow.ID, second.Mail.ID, idp.OutboxQueued)
	claimIs(w, idp.MailRef{TenantID: w.a.id, ID: second.Mail.ID}, w.now, nil)
	w.ok(w.finish(idp.MailRef{TenantID: w.a.id, ID: second.Mail.ID}, 1, idp.OutboxRefused, time.Time{}), "finish")
	flowMailIs(w, l.flow.ID, second.Mail.ID, idp.OutboxRefused)
}

func flowMailWithheld(w *world) {
	l, err := w.a.startAs("withheld", func(n *idp.NewFlow) { n.Mail.Withheld = true })
	w.ok(err, "start flow")
	flowMailIs(w, l.flow.ID, "", "")
	r := w.a.resend("second", l.flow)
	w.ok(w.store.Resend(w.ctx, r), "resend")
	flowMailIs(w, l.flow.ID, r.Mail.ID, idp.OutboxQueued)
	withheld := w.a.resend("third", l.flow)
	withheld.Mail.Withheld = true
	w.ok(w.store.Resend(w.ctx, withheld), "resend")
	flowMailIs(w, l.flow.ID, r.Mail.ID, idp.OutboxQueued)
}

func flowMailGone(w *world) {
	w.bMayChange = true // sweeping is for all tenants
	l, err := w.a.startAs("new", func(n *idp.NewFlow) { n.Mail.Expires = w.now.Add(time.Minute) })
	w.ok(err, "start flow")
	_, err = w.store.Sweep(w.ctx, w.now.Add(2*time.Minute), 100)
	w.ok(err, "sweep")
	flowMailIs(w, l.flow.ID, "", "")
}

func flowStartsWhole(w *world) {
	_, err := w.a.start("asked")
	w.is(idp.ErrConflict, err, "the same flow")
	_, err = w.a.startAs("other", func(n *idp.NewFlow) { n.Mail.ID = w.a.asked.mail.ID })
	w.is(idp.ErrConflict, err, "the same mail")
	_, err = w.store.FindFlow(w.ctx, w.a.id, idp.FlowID(w.id("flow other")))
	w.is(idp.ErrNotFound, err, "the flow whose mail was refused")
}

func (s *side) resend(name string, f idp.Flow) idp.Resend {
	return idp.Resend{
		TenantID: s.id, FlowID: f.ID, Mail: s.newMail(name, f), NextMail: s.w.now.Add(2 * time.Minute), Now: s.w.now,
		Taken: []idp.Taken{{Key: idp.LimitKey{7}, At: s.w.now, Rules: []idp.Rule{{Limit: 1, Period: time.Minute}}}},
	}
}

func resendQueues(w *world) {
	r := w.a.resend("again", w.a.asked.flow)
	w.ok(w.store.Resend(w.ctx, r), "resend")
	second := w.a.resend("and again", w.a.asked.flow)
	w.ok(w.store.Resend(w.ctx, second), "resend")
	want := w.a.asked.flow
	want.NextMail, want.Taken = r.NextMail, append(r.Taken, second.Taken...)
	got, err := w.store.FindFlow(w.ctx, w.a.id, want.ID)
	w.ok(err, "find")
	w.same(want, got, "flow")
	w.same(2, len(w.a.dueAt(w.now)), "mails due")
}

func resendIs(w *world, id idp.FlowID, now time.Time, want error) {
	w.t.Helper()
	r := w.a.resend("again", w.a.asked.flow)
	r.FlowID, r.Now = id, now
	w.is(want, w.store.Resend(w.ctx, r), "resend")
	w.same(0, len(w.a.dueAt(w.now)), "mails due")
}

func resendExpires(w *world) {
	expires := w.a.asked.flow.Expires
	resendIs(w, w.a.asked.flow.ID, expires, idp.ErrExpired)
	r := w.a.resend("last", w.a.asked.flow)
	r.Now = expires.Add(-time.Microsecond)
	w.ok(w.store.Resend(w.ctx, r), "resend at the last moment")
}

func resendConflict(w *world) {
	r := w.a.resend("asked", w.a.asked.flow)
	w.is(idp.ErrConflict, w.store.Resend(w.ctx, r), "resend")
	got, err := w.store.FindFlow(w.ctx, w.a.id, w.a.asked.flow.ID)
	w.ok(err, "find")
	w.same(w.a.asked.flow, got, "flow")
}

var linkCases = cases{
	"a link is found with its flow": func(w *world) {
		link, flow, err := w.store.FindLink(w.ctx, w.a.id, w.a.asked.link.ID)
		w.ok(err, "find")
		w.same(w.a.asked.link, link, "link")
		w.same(w.a.asked.flow, flow, "flow")
	},
	"one that is not there is not found": func(w *world) {
		_, _, err := w.store.FindLink(w.ctx, w.a.id, "none")
		w.is(idp.ErrNotFound, err, "find")
	},
	"a link of a finished flow says that it is used": func(w *world) {
		link, flow, err := w.store.FindLink(w.ctx, w.a.id, w.a.done.link.ID)
		w.ok(err, "find")
		w.same(idp.LinkUsed, link.Outcome, "outcome")
		w.same(w.a.done.flow, flow, "flow")
	},
	"a tombstone outlives its flow by its life, and then goes": tombstone,
}

func tombstone(w *world) {
	w.bMayChange = true // sweeping is for all tenants
	used, expired := w.a.done, w.a.asked
	_, err := w.store.Sweep(w.ctx, used.flow.Expires, 100)
	w.ok(err, "sweep")
	link, flow, err := w.store.FindLink(w.ctx, w.a.id, used.link.ID)
	w.ok(err, "find")
	w.same(idp.Flow{}, flow, "flow")
	w.same(idp.LinkUsed, link.Outcome, "outcome")
	w.same(idp.ClientID("app"), link.ClientID, "client")
	_, err = w.store.CompleteFlow(w.ctx, w.a.completion(used))
	w.is(idp.ErrUsed, err, "complete by a used tombstone")
	_, err = w.store.CompleteFlow(w.ctx, w.a.completion(expired))
	w.is(idp.ErrExpired, err, "complete by an expired tombstone")
	_, err = w.store.Sweep(w.ctx, used.flow.Expires.Add(idp.TombstoneLife-time.Microsecond), 100)
	w.ok(err, "sweep")
	_, _, err = w.store.FindLink(w.ctx, w.a.id, used.link.ID)
	w.ok(err, "find in its last moment")
	_, err = w.store.Sweep(w.ctx, used.flow.Expires.Add(idp.TombstoneLife), 100)
	w.ok(err, "sweep")
	_, _, err = w.store.FindLink(w.ctx, w.a.id, used.link.ID)
	w.is(idp.ErrNotFound, err, "find after it")
}
