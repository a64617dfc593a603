package storagetest

import (
	"time"

	"postern/idp"
)

var sweepCases = cases{
	"nothing goes before its time": func(w *world) {
		gone, err := w.store.Sweep(w.ctx, w.now, 100)
		w.ok(err, "sweep")
		w.same(0, gone, "gone")
	},
	"each row goes when its time is over":         sweepInTime,
	"a sweep takes no more than it may":           sweepIsBounded,
	"a retired key goes, and does not come again": sweepKeys,
	"counters go when they count no more":         sweepLimits,
}

// sweepAt sweeps all there is; the other tenant's rows go too.
func sweepAt(w *world, now time.Time) {
	w.t.Helper()
	w.bMayChange = true
	_, err := w.store.Sweep(w.ctx, now, 100)
	w.ok(err, "sweep")
}

func sweepInTime(w *world) {
	const moment = time.Microsecond
	stored := w.a.stored
	stored.ID, stored.Expires = w.id("later"), w.a.asked.flow.Expires.Add(time.Minute)
	w.ok(w.store.SaveRequest(w.ctx, stored), "save")
	find := map[string]func() error{
		"flow":    func() error { _, err := w.store.FindFlow(w.ctx, w.a.id, w.a.asked.flow.ID); return err },
		"request": func() error { _, err := w.store.FindRequest(w.ctx, w.a.id, stored.ID); return err },
		"session": func() error { _, _, err := w.store.FindSession(w.ctx, w.a.id, w.a.session.ID); return err },
	}
	for _, row := range []struct {
		name string
		over time.Time
	}{
		{"flow", w.a.asked.flow.Expires},
		{"request", stored.Expires},
		{"session", w.a.session.Expires},
	} {
		sweepAt(w, row.over.Add(-moment))
		w.ok(find[row.name](), row.name+" in its last moment")
		sweepAt(w, row.over)
		w.is(idp.ErrNotFound, find[row.name](), row.name)
	}
	// A grant is asked for with the clock put back, for it does not count after its time.
	free, _ := w.a.grantFor("free", offline)
	sweepAt(w, free.Expires.Add(-moment))
	grantIs(w, free.ID, w.now, nil)
	sweepAt(w, free.Expires.Add(24*time.Hour))
	grantIs(w, free.ID, w.now, idp.ErrNotFound)
}

func sweepIsBounded(w *world) {
	w.bMayChange = true
	// Two flows, two mails and a request of each tenant are over, and two of each kind may go.
	over := w.a.asked.flow.Expires
	for _, want := range []int{6, 4, 0} {
		gone, err := w.store.Sweep(w.ctx, over, 2)
		w.ok(err, "sweep")
		w.same(want, gone, "gone")
	}
}

func sweepKeys(w *world) {
	w.bMayChange = true
	retire := w.now.Add(time.Hour)
	second := w.a.newKey("second", idp.ES256, 2)
	w.ok(w.store.AddSigningKey(w.ctx, second, retire), "add")
	sweepAt(w, retire.Add(-time.Microsecond))
	got, err := w.store.SigningKeys(w.ctx, w.a.id, w.now)
	w.ok(err, "keys")
	w.same(2, len(got), "keys before")
	sweepAt(w, retire)
	keysAre(w, w.now, second)
	w.is(idp.ErrConflict, w.store.AddSigningKey(w.ctx, w.a.key, time.Time{}), "the first generation again")
}

func sweepLimits(w *world) {
	hit := hitOf(1, 1)
	w.take(w.now, hit)
	sweepAt(w, w.now.Add(time.Hour-time.Microsecond))
	w.same([]bool{false}, w.take(w.now, hit), "while it counts")
	sweepAt(w, w.now.Add(2*time.Hour))
	w.same([]bool{true}, w.take(w.now, hit), "with the clock put back")
}
