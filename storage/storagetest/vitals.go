package storagetest

import (
	"time"

	"postern/idp"
)

var vitalCases = cases{
	"the database tells what time it is": func(w *world) {
		got, err := w.store.Clock(w.ctx)
		w.ok(err, "clock")
		if off := time.Since(got).Abs(); off > time.Minute {
			w.t.Errorf("%s from ours, on the same machine", off)
		}
	},
	"mails that are due are counted, and the oldest told": func(w *world) {
		before := vitalsAt(w, w.now)
		first, second := queued(w, "first"), queued(w, "second")
		got := vitalsAt(w, w.now)
		w.same(before.MailsWaiting+2, got.MailsWaiting, "mails waiting")
		w.same(w.now, got.OldestMail, "oldest")
		claimIs(w, first.mail, w.now, nil)
		claimIs(w, second.mail, w.now, nil)
		w.same(before.MailsWaiting, vitalsAt(w, w.now).MailsWaiting, "mails waiting, with two claimed")
		w.same(before.MailsWaiting+2, vitalsAt(w, w.now.Add(lease)).MailsWaiting, "mails waiting, with their leases lapsed")
		w.same(0, vitalsAt(w, first.flow.Expires).MailsWaiting, "mails waiting, with their flows over")
	},
	"the age of keys is that of those that sign": func(w *world) {
		w.bMayChange = true
		next := w.now.Add(2 * time.Hour)
		for _, s := range []*side{w.a, w.b} {
			k := s.newKey("second", idp.ES256, 2)
			k.ActiveFrom = next
			w.ok(w.store.AddSigningKey(w.ctx, k, next.Add(time.Hour)), "add")
		}
		w.same(w.a.key.ActiveFrom, vitalsAt(w, next.Add(-time.Microsecond)).OldestKey, "the oldest before the next one signs")
		w.same(next, vitalsAt(w, next).OldestKey, "the oldest afterwards")
	},
	"connections are told without asking": func(w *world) {
		if c := w.store.Connections(); c.Most < 1 || c.Open < c.Busy || c.Open > c.Most {
			w.t.Errorf("connections %+v", c)
		}
	},
}

func vitalsAt(w *world, now time.Time) idp.Vitals {
	w.t.Helper()
	v, err := w.store.Vitals(w.ctx, now)
	w.ok(err, "vitals")
	return v
}
