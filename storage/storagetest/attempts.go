package storagetest

import (
	"errors"
	"time"

	"postern/idp"
)

var attemptCases = cases{
	"an attempt is counted and gives the live links, newest first": attemptGivesLinks,
	"an expired link is not given":                                 attemptSkipsExpired,
	"a flow takes five attempts, then it is locked with its links": attemptsExhaust,
	"of many at once five are counted":                             attemptsRace,
	"an attempt at no flow is not found":                           func(w *world) { attemptIs(w, "none", w.now, idp.ErrNotFound) },
	"an attempt at an ended flow is used":                          func(w *world) { attemptIs(w, w.a.done.flow.ID, w.now, idp.ErrUsed) },
	"an attempt is good until the flow expires": func(w *world) {
		attemptIs(w, w.a.asked.flow.ID, w.a.asked.flow.Expires, idp.ErrExpired)
		attemptIs(w, w.a.asked.flow.ID, w.a.asked.flow.Expires.Add(-time.Microsecond), nil)
	},
	"locking ends a flow that is asked, once":         lockEnds,
	"locking leaves a flow that is completed":         lockLeavesCompleted,
	"a locked flow takes neither link nor resend":     lockedTakesNothing,
	"locking a flow that is not there is no error":    func(w *world) { w.ok(w.store.LockFlow(w.ctx, w.a.id, "none", w.now), "lock") },
	"a counted attempt stays though the caller fails": attemptStays,
}

func attemptIs(w *world, id idp.FlowID, now time.Time, want error) {
	w.t.Helper()
	links, err := w.store.CountAttempt(w.ctx, w.a.id, id, now)
	w.is(want, err, "attempt")
	if err != nil && links != nil {
		w.t.Errorf("an error and %d links", len(links))
	}
}

func attemptGivesLinks(w *world) {
	second := w.a.asked.link
	second.ID, second.SentAt, second.Expires = w.id("link second"), w.now.Add(time.Second), w.now.Add(11*time.Minute)
	r := w.a.resend("second", w.a.asked.flow)
	w.ok(w.store.Resend(w.ctx, r), "resend")
	w.a.deliver(idp.MailRef{TenantID: w.a.id, ID: r.Mail.ID}, second)
	got, err := w.store.CountAttempt(w.ctx, w.a.id, w.a.asked.flow.ID, w.now)
	w.ok(err, "attempt")
	w.same([]idp.Link{second, w.a.asked.link}, got, "links")
	flow, err := w.store.FindFlow(w.ctx, w.a.id, w.a.asked.flow.ID)
	w.ok(err, "find")
	w.same(1, flow.Attempts, "attempts")
}

func attemptSkipsExpired(w *world) {
	got, err := w.store.CountAttempt(w.ctx, w.a.id, w.a.asked.flow.ID, w.a.asked.link.Expires)
	w.ok(err, "attempt")
	w.same([]idp.Link{}, got, "links")
}

func attemptStays(w *world) {
	for range 2 {
		_, err := w.store.CountAttempt(w.ctx, w.a.id, w.a.asked.flow.ID, w.now)
		w.ok(err, "attempt")
	}
	wrong := w.a.completion(w.a.asked)
	wrong.Verifier = idp.NewSecret().Digest()
	_, err := w.store.CompleteFlow(w.ctx, wrong)
	w.is(idp.ErrMismatch, err, "complete")
	flow, err := w.store.FindFlow(w.ctx, w.a.id, w.a.asked.flow.ID)
	w.ok(err, "find")
	w.same(2, flow.Attempts, "attempts")
}

func attemptsExhaust(w *world) {
	id := w.a.asked.flow.ID
	for range idp.MaxAttempts {
		attemptIs(w, id, w.now, nil)
	}
	for range 2 {
		attemptIs(w, id, w.now, idp.ErrExhausted)
	}
	isLocked(w)
}

func isLocked(w *world) {
	w.t.Helper()
	link, flow, err := w.store.FindLink(w.ctx, w.a.id, w.a.asked.link.ID)
	w.ok(err, "find")
	w.same(idp.FlowLocked, flow.State, "state")
	w.same(idp.LinkDead, link.Outcome, "outcome")
	w.a.audited(idp.EventFlowLocked, 1)
}

func attemptsRace(w *world) {
	_, errs := race(func(int) ([]idp.Link, error) {
		return w.store.CountAttempt(w.ctx, w.a.id, w.a.asked.flow.ID, w.now)
	})
	w.won(errs, idp.MaxAttempts, idp.ErrExhausted)
	isLocked(w)
}

func lockEnds(w *world) {
	for range 2 {
		w.ok(w.store.LockFlow(w.ctx, w.a.id, w.a.asked.flow.ID, w.now), "lock")
	}
	isLocked(w)
}

func lockLeavesCompleted(w *world) {
	w.ok(w.store.LockFlow(w.ctx, w.a.id, w.a.done.flow.ID, w.now), "lock")
	got, err := w.store.FindFlow(w.ctx, w.a.id, w.a.done.flow.ID)
	w.ok(err, "find")
	w.same(w.a.done.flow, got, "flow")
	w.a.audited(idp.EventFlowLocked, 0)
}

func lockedTakesNothing(w *world) {
	w.ok(w.store.LockFlow(w.ctx, w.a.id, w.a.asked.flow.ID, w.now), "lock")
	_, err := w.store.CompleteFlow(w.ctx, w.a.completion(w.a.asked))
	w.is(idp.ErrUsed, err, "complete")
	w.is(idp.ErrUsed, w.store.Resend(w.ctx, w.a.resend("again", w.a.asked.flow)), "resend")
	if _, err := w.store.CountAttempt(w.ctx, w.a.id, w.a.asked.flow.ID, w.now); err == nil || errors.Is(err, idp.ErrNotFound) {
		w.t.Errorf("attempt: %v", err)
	}
}
