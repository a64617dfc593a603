package storagetest

import (
	"time"

	"postern/idp"
)

var finishCases = cases{
	"a completed flow is finished with a grant, filled in": func(w *world) {
		done := completed(w)
		grant := w.a.newGrant("new", idp.NewSecret())
		got, err := w.store.FinishFlow(w.ctx, w.a.id, done.Flow.ID, grant, w.now)
		w.ok(err, "finish")
		done.Flow.State = idp.FlowFinished
		w.same(done, got, "completed")
		isGrantOf(w, grant, got)
	},
	"of many tabs that ask, one gets the code": func(w *world) {
		done := completed(w)
		_, errs := race(func(int) (idp.Completed, error) {
			g := w.a.newGrant("raced", idp.NewSecret())
			return w.store.FinishFlow(w.ctx, w.a.id, done.Flow.ID, g, w.now)
		})
		w.won(errs, 1, idp.ErrUsed)
	},
	"without a grant's id nothing is granted": func(w *world) {
		done := completed(w)
		got, err := w.store.FinishFlow(w.ctx, w.a.id, done.Flow.ID, idp.Grant{}, w.now)
		w.ok(err, "finish")
		w.same(idp.FlowFinished, got.Flow.State, "state")
		_, err = w.store.FinishFlow(w.ctx, w.a.id, done.Flow.ID, idp.Grant{}, w.now)
		w.is(idp.ErrUsed, err, "finish again")
	},
	"a flow that is still asked is not finished": func(w *world) { finishIs(w, w.a.asked.flow.ID, w.now, idp.ErrUsed) },
	"a finished flow is not finished again":      func(w *world) { finishIs(w, w.a.done.flow.ID, w.now, idp.ErrUsed) },
	"no flow is not found":                       func(w *world) { finishIs(w, "none", w.now, idp.ErrNotFound) },
	"a flow is good until it expires": func(w *world) {
		done := completed(w)
		finishIs(w, done.Flow.ID, done.Flow.Expires, idp.ErrExpired)
		finishIs(w, done.Flow.ID, done.Flow.Expires.Add(-time.Microsecond), nil)
	},
	"who signed out meanwhile gets no code": func(w *world) {
		done := completed(w)
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, done.Session.ID, w.now), "revoke")
		finishIs(w, done.Flow.ID, w.now, idp.ErrExpired)
	},
}

func completed(w *world) idp.Completed {
	w.t.Helper()
	done, err := w.store.CompleteFlow(w.ctx, w.a.completion(w.a.asked))
	w.ok(err, "complete")
	return done
}

func finishIs(w *world, id idp.FlowID, now time.Time, want error) {
	w.t.Helper()
	before := w.a.snapshot()
	_, err := w.store.FinishFlow(w.ctx, w.a.id, id, w.a.newGrant("finish", idp.NewSecret()), now)
	w.is(want, err, "finish")
	if want != nil {
		w.same(before, w.a.snapshot(), "the tenant")
		_, _, err = w.store.FindGrant(w.ctx, w.a.id, idp.GrantID(w.id("grant finish")), w.now)
		w.is(idp.ErrNotFound, err, "grant")
	}
}
