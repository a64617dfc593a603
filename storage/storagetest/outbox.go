package storagetest

import (
	"time"

	"postern/idp"
)

const lease = time.Minute

var outboxCases = cases{
	"a claim gives all that sending needs": claimGivesAll,
	"of many workers one gets the lease": func(w *world) {
		l := queued(w, "new")
		_, errs := race(func(int) (idp.ClaimedMail, error) { return w.store.ClaimMail(w.ctx, l.mail, lease, w.now) })
		w.won(errs, 1, idp.ErrNotFound)
	},
	"a lapsed lease is taken over and counts an attempt": claimTakesOver,
	"nothing is claimed before it is due":                claimWaits,
	"nothing is claimed after it expires": func(w *world) {
		l := queued(w, "new")
		claimIs(w, l.mail, l.flow.Expires, idp.ErrNotFound)
		w.same(0, len(w.a.dueAt(l.flow.Expires)), "mails due")
	},
	"a mail that is sent is not claimed":                      func(w *world) { claimIs(w, w.a.asked.mail, w.now.Add(2*lease), idp.ErrNotFound) },
	"a mail that is not there is not found":                   func(w *world) { claimIs(w, idp.MailRef{TenantID: w.a.id, ID: "none"}, w.now, idp.ErrNotFound) },
	"a claim tells known, disabled, unknown":                  claimTellsUser,
	"due mails come oldest first, and no more than asked for": dueInOrder,
	"due mails are those that can be claimed":                 dueIsClaimable,
}

func queued(w *world, name string) login {
	w.t.Helper()
	l, err := w.a.start(name)
	w.ok(err, "start flow")
	return l
}

func claimIs(w *world, ref idp.MailRef, now time.Time, want error) {
	w.t.Helper()
	_, err := w.store.ClaimMail(w.ctx, ref, lease, now)
	w.is(want, err, "claim")
}

func claimGivesAll(w *world) {
	l, err := w.a.startAs("new", func(n *idp.NewFlow) { n.Mail.Withheld = true })
	w.ok(err, "start flow")
	got, err := w.store.ClaimMail(w.ctx, l.mail, lease, w.now)
	w.ok(err, "claim")
	entry := w.a.newMail("new", l.flow)
	entry.State, entry.Attempt, entry.Withheld = idp.OutboxClaimed, 1, true
	want := idp.ClaimedMail{Entry: entry, Tenant: w.a.tenant, Client: w.a.client, Flow: l.flow, UserKnown: true}
	w.same(want, got, "claimed")
}

func claimTakesOver(w *world) {
	l := queued(w, "new")
	claimIs(w, l.mail, w.now, nil)
	claimIs(w, l.mail, w.now.Add(lease-time.Microsecond), idp.ErrNotFound)
	got, err := w.store.ClaimMail(w.ctx, l.mail, lease, w.now.Add(lease))
	w.ok(err, "claim after the lease")
	w.same(2, got.Entry.Attempt, "attempt")
	// Who had it first can do no more.
	w.is(idp.ErrUsed, w.store.BeginSending(w.ctx, l.mail.ID, 1, w.a.newLink("late", l), lease), "begin")
	for _, state := range []idp.OutboxState{idp.OutboxDropped, idp.OutboxQueued} {
		w.is(idp.ErrUsed, w.finish(l.mail, 1, state, w.now), "finish")
	}
}

func claimWaits(w *world) {
	l, err := w.a.startAs("later", func(n *idp.NewFlow) { n.Mail.Due = w.now.Add(time.Second) })
	w.ok(err, "start flow")
	claimIs(w, l.mail, w.now.Add(time.Second-time.Microsecond), idp.ErrNotFound)
	claimIs(w, l.mail, w.now.Add(time.Second), nil)
}

func claimTellsUser(w *world) {
	disabled := w.a.newUser("disabled", "disabled@example.org")
	disabled.Disabled = true
	w.ok(w.store.InviteUser(w.ctx, disabled), "invite")
	w.bMayChange = true
	for _, address := range []idp.Address{disabled.Address, "nobody@example.org"} {
		w.ok(w.store.InviteUser(w.ctx, w.b.newUser(string(address), address)), "invite to the other tenant")
	}
	for address, want := range map[idp.Address][2]bool{
		person: {true, false}, disabled.Address: {false, true}, "nobody@example.org": {false, false},
	} {
		l, err := w.a.startAs(string(address), func(n *idp.NewFlow) { n.Flow.Address = address })
		w.ok(err, "start flow")
		got, err := w.store.ClaimMail(w.ctx, l.mail, lease, w.now)
		w.ok(err, "claim")
		w.same(want, [2]bool{got.UserKnown, got.UserDisabled}, string(address))
	}
}

func dueInOrder(w *world) {
	ids := make([]idp.OutboxID, 3)
	for i, name := range []string{"third", "first", "second"} {
		wait := []time.Duration{2, 0, 1}[i]
		l, err := w.a.startAs(name, func(n *idp.NewFlow) { n.Mail.Due = w.now.Add(wait * time.Second) })
		w.ok(err, "start flow")
		ids[wait] = l.mail.ID
	}
	w.same(ids, w.a.dueAt(w.now.Add(time.Minute)), "due")
	w.same(ids[:2], w.a.dueAt(w.now.Add(time.Second)), "due a second on")
	got, _, err := w.store.DueMails(w.ctx, w.now.Add(time.Minute), 1)
	w.ok(err, "due")
	w.same([]idp.MailRef{{TenantID: w.a.id, ID: ids[0]}}, got, "the oldest")
}

func dueIsClaimable(w *world) {
	l := queued(w, "new")
	w.same([]idp.OutboxID{l.mail.ID}, w.a.dueAt(w.now), "queued")
	claimIs(w, l.mail, w.now, nil)
	w.same(0, len(w.a.dueAt(w.now)), "claimed")
	w.same([]idp.OutboxID{l.mail.ID}, w.a.dueAt(w.now.Add(lease)), "claimed, the lease lapsed")
}
