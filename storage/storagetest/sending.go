package storagetest

import (
	"errors"
	"fmt"
	"slices"
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
		w.is(idp.ErrUsed, w.finish(l.mail, 1, idp.OutboxSent, time.Time{}), "finish")
		claimIs(w, l.mail, w.now.Add(2*lease), idp.ErrNotFound)
	},
	"of what is given up, one process tells": func(w *world) {
		l, link := claimed(w)
		w.ok(w.store.BeginSending(w.ctx, l.mail.ID, 1, link, lease), "begin")
		told, errs := race(func(int) ([]idp.MailRef, error) {
			_, lapsed, err := w.store.DueMails(w.ctx, w.now.Add(lease), 1000)
			return lapsed, err
		})
		w.ok(errors.Join(errs...), "sweeps")
		w.same([]idp.MailRef{l.mail}, slices.Concat(told...), "given up")
	},
	"a worker that is late but not given up may say how it ended": func(w *world) {
		l, link := claimed(w)
		w.ok(w.store.BeginSending(w.ctx, l.mail.ID, 1, link, lease), "begin")
		w.same(0, len(w.a.dueAt(w.now.Add(lease-time.Microsecond))), "due")
		finishFor(w, l, idp.OutboxSent)
	},
	"attempts end together, each as it did":               finishTogether,
	"a mail that leaves at once is written with its link": dispatchWritesLink,
	"a mail that leaves at once is nobody else's":         dispatchIsHeld,
	"of a form sent twice one mail leaves":                dispatchOnce,
	"a start tells known, disabled, suppressed":           startTellsUser,
}

// finish ends one attempt; idp.ErrUsed if it was not under way any more.
func (w *world) finish(ref idp.MailRef, attempt int, state idp.OutboxState, due time.Time) error {
	written, err := w.store.FinishMails(w.ctx, ref.TenantID, []idp.MailResult{
		{ID: ref.ID, Attempt: attempt, State: state, Due: due, At: w.now},
	})
	if err == nil && written != 1 {
		return idp.ErrUsed
	}
	return err
}

func finishTogether(w *world) {
	due := w.now.Add(5 * time.Second)
	sent, later, lost := queued(w, "sent"), queued(w, "later"), queued(w, "lost")
	for _, l := range []login{sent, later, lost} {
		claimIs(w, l.mail, w.now, nil)
	}
	written, err := w.store.FinishMails(w.ctx, w.a.id, []idp.MailResult{
		{ID: sent.mail.ID, Attempt: 1, State: idp.OutboxSent, At: w.now},
		{ID: lost.mail.ID, Attempt: 2, State: idp.OutboxSent, At: w.now}, // it was another attempt's
		{ID: later.mail.ID, Attempt: 1, State: idp.OutboxQueued, Due: due, At: w.now},
		{ID: "none", Attempt: 1, State: idp.OutboxSent, At: w.now},
	})
	w.ok(err, "finish")
	w.same(2, written, "written")
	w.same([]idp.OutboxID{later.mail.ID}, w.a.dueAt(due), "due later")
	claimIs(w, sent.mail, w.now.Add(2*lease), idp.ErrNotFound)
	claimIs(w, lost.mail, w.now.Add(lease), nil) // its lease just lapses

	written, err = w.store.FinishMails(w.ctx, w.b.id, []idp.MailResult{{ID: later.mail.ID, Attempt: 1, State: idp.OutboxSent, At: w.now}})
	w.ok(err, "finish another tenant's")
	w.same(0, written, "written of another tenant's")
}

// dispatched starts a flow whose mail leaves at once.
func dispatched(w *world, name string) (login, idp.Link) {
	w.t.Helper()
	var link idp.Link
	l, err := w.a.startAs(name, func(n *idp.NewFlow) {
		link = w.a.newLink(name, login{flow: n.Flow, verifier: idp.NewSecret()})
		n.Dispatch = &idp.Dispatch{Link: link, Lease: lease}
	})
	w.ok(err, "start flow")
	return l, link
}

func dispatchWritesLink(w *world) {
	l, link := dispatched(w, "new")
	got, flow, err := w.store.FindLink(w.ctx, w.a.id, link.ID)
	w.ok(err, "find")
	w.same(link, got, "link")
	w.same(l.flow, flow, "flow")
	w.ok(w.finish(l.mail, 1, idp.OutboxSent, time.Time{}), "finish")
}

func dispatchIsHeld(w *world) {
	l, _ := dispatched(w, "new")
	claimIs(w, l.mail, w.now, idp.ErrNotFound)
	w.same(0, len(w.a.dueAt(w.now.Add(lease-time.Microsecond))), "due under the lease")
	w.same(0, len(w.a.dueAt(w.now.Add(lease))), "due after it")
	w.is(idp.ErrUsed, w.finish(l.mail, 1, idp.OutboxSent, time.Time{}), "finish what was given up")
}

func dispatchOnce(w *world) {
	l, link := dispatched(w, "new")
	other := link
	_, err := w.a.startAs("new", func(n *idp.NewFlow) {
		other.ID = idp.NewID(w.now)
		n.Mail.ID = idp.OutboxID(idp.NewID(w.now))
		n.Dispatch = &idp.Dispatch{Link: other, Lease: lease}
	})
	w.is(idp.ErrConflict, err, "start again")
	_, _, err = w.store.FindLink(w.ctx, w.a.id, other.ID)
	w.is(idp.ErrNotFound, err, "the second link")
	w.ok(w.finish(l.mail, 1, idp.OutboxSent, time.Time{}), "finish")
}

func startTellsUser(w *world) {
	disabled := w.a.newUser("disabled", "disabled@example.org")
	disabled.Disabled = true
	w.ok(w.store.InviteUser(w.ctx, disabled), "invite")
	w.bMayChange = true
	w.ok(w.store.InviteUser(w.ctx, w.b.newUser("nobody", "nobody@example.org")), "invite to the other tenant")
	w.ok(w.store.Suppress(w.ctx, w.a.suppression("gone@example.org")), "suppress")
	w.ok(w.store.Suppress(w.ctx, w.b.suppression(person)), "suppress for the other tenant")
	over := w.a.suppression("back@example.org")
	over.Expires = w.now
	w.ok(w.store.Suppress(w.ctx, over), "suppress until now")
	for address, want := range map[idp.Address]idp.Started{
		person: {UserKnown: true}, disabled.Address: {UserDisabled: true}, "nobody@example.org": {},
		"gone@example.org": {Suppressed: true}, "back@example.org": {},
	} {
		for _, d := range []*idp.Dispatch{nil, {Lease: lease}} {
			name := fmt.Sprint(address, d == nil)
			n := w.a.newFlow(name, idp.NewSecret())
			n.Flow.Address, n.Dispatch = address, d
			if d != nil {
				d.Link = w.a.newLink(name, login{flow: n.Flow, verifier: idp.NewSecret()})
			}
			got, err := w.store.StartFlow(w.ctx, n)
			w.ok(err, "start flow")
			w.same(want, got, name)
		}
	}
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
	w.ok(w.finish(l.mail, 1, state, time.Time{}), "finish")
	w.is(idp.ErrUsed, w.finish(l.mail, 1, state, time.Time{}), "finish again")
	claimIs(w, l.mail, w.now.Add(2*lease), idp.ErrNotFound)
}

func finishOnce(w *world) {
	for _, state := range []idp.OutboxState{idp.OutboxSent, idp.OutboxRefused, idp.OutboxFailed, idp.OutboxUnknown} {
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
	w.ok(w.finish(l.mail, 1, idp.OutboxQueued, due), "put off")
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
		if w.finish(l.mail, 1, state, time.Time{}) == nil {
			w.t.Errorf("ended as %q", state)
		}
	}
	finishFor(w, l, idp.OutboxDropped)
}
