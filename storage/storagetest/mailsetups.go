package storagetest

import (
	"time"

	"postern/idp"
)

var mailSetupCases = cases{
	"a tenant's mail setup replaces the one before":      setupsReplace,
	"the instance has a mail setup beside its tenants'":  setupOfInstance,
	"a claim tells a suppressed address until it is not": claimTellsSuppressed,
	"suppressions come newest first, while they count":   suppressionsListed,
	"a suppression is lifted, and goes with its time":    suppressionsEnd,
}

func setupIs(w *world, want idp.MailSetup) {
	w.t.Helper()
	got, err := w.store.FindMailSetup(w.ctx, want.TenantID)
	w.ok(err, "find setup")
	w.same(want, got, "setup")
}

func setupsReplace(w *world) {
	_, err := w.store.FindMailSetup(w.ctx, w.a.id)
	w.is(idp.ErrNotFound, err, "none yet")
	others := idp.MailSetup{TenantID: w.b.id, ID: "1", Sealed: "b"}
	w.ok(w.store.SaveMailSetup(w.ctx, others), "save the other's")
	for _, id := range []string{"1", "2"} {
		setup := idp.MailSetup{TenantID: w.a.id, ID: id, Sealed: "sealed " + id}
		w.ok(w.store.SaveMailSetup(w.ctx, setup), "save")
		setupIs(w, setup)
	}
	setupIs(w, others)
}

func setupOfInstance(w *world) {
	setup := idp.MailSetup{TenantID: idp.Instance, ID: "1", Sealed: "all"}
	w.ok(w.store.SaveMailSetup(w.ctx, setup), "save")
	setupIs(w, setup)
	_, err := w.store.FindMailSetup(w.ctx, w.a.id)
	w.is(idp.ErrNotFound, err, "a tenant's")
}

func (s *side) suppression(a idp.Address) idp.Suppression {
	return idp.Suppression{
		TenantID: s.id, Address: a, Reason: "550 5.1.1",
		CreatedAt: s.w.now.Add(-time.Hour), Expires: s.w.now.Add(time.Hour),
	}
}

func claimTellsSuppressed(w *world) {
	w.ok(w.store.Suppress(w.ctx, w.b.suppression(person)), "suppress for the other tenant")
	w.ok(w.store.Suppress(w.ctx, w.a.suppression("else@example.org")), "suppress another address")
	for _, c := range []struct {
		name string
		at   time.Duration
		want bool
	}{
		{"not suppressed", 0, false},
		{"suppressed", 0, true},
		{"in its last moment", time.Hour - time.Microsecond, true},
		{"over", time.Hour, false},
	} {
		if c.want {
			w.ok(w.store.Suppress(w.ctx, w.a.suppression(person)), "suppress")
		}
		at := w.now.Add(c.at)
		l, err := w.a.startAs(c.name, func(n *idp.NewFlow) {
			n.Flow.Expires, n.Mail.Expires = at.Add(time.Minute), at.Add(time.Minute)
		})
		w.ok(err, "start flow")
		got, err := w.store.ClaimMail(w.ctx, l.mail, lease, at)
		w.ok(err, "claim")
		w.same(c.want, got.Suppressed, c.name)
	}
}

func suppressionsListed(w *world) {
	first, second := w.a.suppression("first@example.org"), w.a.suppression("second@example.org")
	second.CreatedAt = first.CreatedAt.Add(time.Second)
	over := w.a.suppression("over@example.org")
	over.Expires = w.now
	for _, s := range []idp.Suppression{first, over, second, w.b.suppression("b@example.org")} {
		w.ok(w.store.Suppress(w.ctx, s), "suppress")
	}
	longer := first
	longer.Reason, longer.Expires = "551", first.Expires.Add(time.Hour)
	w.ok(w.store.Suppress(w.ctx, longer), "suppress again")
	got, err := w.store.ListSuppressions(w.ctx, w.a.id, w.now, 10)
	w.ok(err, "list")
	w.same([]idp.Suppression{second, longer}, got, "suppressions")
	got, err = w.store.ListSuppressions(w.ctx, w.a.id, w.now, 1)
	w.ok(err, "list one")
	w.same([]idp.Suppression{second}, got, "suppressions, one")
}

func suppressionsEnd(w *world) {
	for _, s := range []*side{w.a, w.b} {
		w.ok(w.store.Suppress(w.ctx, s.suppression(person)), "suppress")
	}
	count := func(s *side) int {
		all, err := w.store.ListSuppressions(w.ctx, s.id, time.Unix(0, 0), 10)
		w.ok(err, "list")
		return len(all)
	}
	w.ok(w.store.Unsuppress(w.ctx, w.a.id, person), "lift")
	w.is(idp.ErrNotFound, w.store.Unsuppress(w.ctx, w.a.id, person), "lift again")
	w.same([2]int{0, 1}, [2]int{count(w.a), count(w.b)}, "suppressions")
	over := w.b.suppression(person).Expires
	sweepAt(w, over.Add(-time.Microsecond))
	w.same(1, count(w.b), "in its last moment")
	sweepAt(w, over)
	w.same(0, count(w.b), "when its time is over")
}
