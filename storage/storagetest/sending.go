package storagetest

import (
	"time"

	"postern/idp"
)

var sendingCases = cases{
	"the link is there before the mail leaves": func(w *world) {
		l, link := claimed(w)
		w.ok(w.store.BeginSending(w.ctx, l.mail.ID, 1, link, lease), "begin")
		got, flow, err := w.store.FindLink(w.ctx, w.a.id, link.ID)
		w.ok(err, "find")
		w.same(link, got, "link")
		w.same(l.flow, flow, "flow")
	},
	"of many that begin, one sends": func(w *world) {
		l, link := claimed(w)
		_, errs := race(func(int) (struct{}, error) {
			mine := link
			mine.ID = idp.NewID(w.now)
			return struct{}{}, w.store.BeginSending(w.ctx, l.mail.ID, 1, mine, lease)
		})
		w.won(errs, 1, idp.ErrUsed)
	},
	"nothing is sent that was not claimed": func(w *world) {
		l := queued(w, "new")
		beginIsUsed(w, l, 0, w.a.newLink("new", l))
		beginIsUsed(w, l, 1, w.a.newLink("new", l))
	},
	"nothing is sent of a flow that has ended": func(w *world) {
		l, link := claimed(w)
		w.ok(w.store.LockFlow(w.ctx, w.a.id, l.flow.ID, w.now), "lock")
		beginIsUsed(w, l, 1, link)
	},
	"nothing is sent of a flow that has expired": func(w *world) {
		l, link := claimed(w)
		link.SentAt = l.flow.Expires
		beginIsUsed(w, l, 1, link)
	},
	"nothing is sent of another flow": func(w *world) {
		l, link := claimed(w)
		link.FlowID = w.a.asked.flow.ID
		beginIsUsed(w, l, 1, link)
	},
	"an attempt ends once":            finishOnce,
	"what was put off is due later":   finishLater,
	"what was dropped was never sent": func(w *world) { l, _ := claimed(w); finishFor(w, l, idp.OutboxDropped) },
	"no attempt ends in the middle":   finishInTheMiddle,
	"what was being sent when its worker died is given up": func(w *world) {
		l, link := claimed(w)
		w.ok(w.store.BeginSending(w.ctx, l.mail.ID, 1, link, lease), "begin")
		before := w.now.Add(lease - time.Microsecond)
		w.same(0, len(w.a.dueAt(before)), "due under the lease")
		w.same(0, len(w.a.dueAt(w.now.Add(lease))), "due after it")
		w.is(idp.ErrUsed, w.store.FinishMail(w.ctx, l.mail, 1, idp.OutboxSent, time.Time{}, w.now), "finish")
		claimIs(w, l.mail, w.now.Add(2*lease), idp.ErrNotFound)
	},
	"a worker that is late but not given up may say how it ended": func(w *world) {
		l, link := claimed(w)
		w.ok(w.store.BeginSending(w.ctx, l.mail.ID, 1, link, lease), "begin")
		w.same(0, len(w.a.dueAt(w.now.Add(lease-time.Microsecond))), "due")
		finishFor(w, l, idp.OutboxSent)
	},
}

func claimed(w *world) (login, idp.Link) {
	w.t.Helper()
	l := queued(w, "new")
	claimIs(w, l.mail, w.now, nil)
	return l, w.a.newLink("new", l)
}

func beginIsUsed(w *world, l login, attempt int, link idp.Link) {
	w.t.Helper()
	w.is(idp.ErrUsed, w.store.BeginSending(w.ctx, l.mail.ID, attempt, link, lease), "begin")
	_, _, err := w.store.FindLink(w.ctx, w.a.id, link.ID)
	w.is(idp.ErrNotFound, err, "link")
}

func finishFor(w *world, l login, state idp.OutboxState) {
	w.t.Helper()
	w.ok(w.store.FinishMail(w.ctx, l.mail, 1, state, time.Time{}, w.now), "finish")
	w.is(idp.ErrUsed, w.store.FinishMail(w.ctx, l.mail, 1, state, time.Time{}, w.now), "finish again")
	claimIs(w, l.mail, w.now.Add(2*lease), idp.ErrNotFound)
}

func finishOnce(w *world) {
	for _, state := range []idp.OutboxState{idp.OutboxSent, idp.OutboxFailed, idp.OutboxUnknown} {
		l := queued(w, string(state))
		claimIs(w, l.mail, w.now, nil)
		w.ok(w.store.BeginSending(w.ctx, l.mail.ID, 1, w.a.newLink(string(state), l), lease), "begin")
		finishFor(w, l, state)
	}
}

func finishLater(w *world) {
	l, link := claimed(w)
	w.ok(w.store.BeginSending(w.ctx, l.mail.ID, 1, link, lease), "begin")
	due := w.now.Add(5 * time.Second)
	w.ok(w.store.FinishMail(w.ctx, l.mail, 1, idp.OutboxQueued, due, w.now), "put off")
	claimIs(w, l.mail, due.Add(-time.Microsecond), idp.ErrNotFound)
	got, err := w.store.ClaimMail(w.ctx, l.mail, lease, due)
	w.ok(err, "claim")
	w.same(2, got.Entry.Attempt, "attempt")
	_, flow, err := w.store.FindLink(w.ctx, w.a.id, link.ID)
	w.ok(err, "the first attempt's link")
	w.same(l.flow.ID, flow.ID, "its flow")
}

func finishInTheMiddle(w *world) {
	l, _ := claimed(w)
	for _, state := range []idp.OutboxState{idp.OutboxClaimed, idp.OutboxSending, "", "lost"} {
		if w.store.FinishMail(w.ctx, l.mail, 1, state, time.Time{}, w.now) == nil {
			w.t.Errorf("ended as %q", state)
		}
	}
	finishFor(w, l, idp.OutboxDropped)
}
