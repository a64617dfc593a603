package storagetest

import (
	"time"

	"postern/idp"
)

var keyCases = cases{
	"keys come as they were added, newest first": func(w *world) {
		second, other := w.a.newKey("second", idp.ES256, 2), w.a.newKey("other", idp.RS256, 1)
		other.CreatedAt = w.now
		w.ok(w.store.AddSigningKey(w.ctx, other, time.Time{}), "add")
		w.ok(w.store.AddSigningKey(w.ctx, second, time.Time{}), "add")
		keysAre(w, w.now, second, w.a.key, other)
	},
	"a generation is made once": func(w *world) {
		w.is(idp.ErrConflict, w.store.AddSigningKey(w.ctx, w.a.newKey("twin", idp.ES256, 1), w.now), "add")
		keysAre(w, w.now, w.a.key)
	},
	"a key id is taken once": func(w *world) {
		w.is(idp.ErrConflict, w.store.AddSigningKey(w.ctx, w.a.newKey("key", idp.ES256, 2), w.now), "add")
		keysAre(w, w.now, w.a.key)
	},
	"of many replicas that make the next, one wins": func(w *world) {
		_, errs := race(func(int) (struct{}, error) {
			k := w.a.newKey("key", idp.ES256, 2)
			k.KID = idp.NewID(w.now)
			return struct{}{}, w.store.AddSigningKey(w.ctx, k, time.Time{})
		})
		w.won(errs, 1, idp.ErrConflict)
		w.a.audited(idp.EventKeyRotated, 1)
	},
	"older keys of its algorithm retire, and no others": keysRetire,
	"a key that is revoked is gone at once, and that once": func(w *world) {
		second := w.a.newKey("second", idp.ES256, 2)
		w.ok(w.store.AddSigningKey(w.ctx, second, w.now.Add(time.Hour)), "add")
		w.ok(w.store.RetireSigningKey(w.ctx, w.a.id, w.a.key.KID, w.now), "retire")
		keysAre(w, w.now, second)
		w.is(idp.ErrNotFound, w.store.RetireSigningKey(w.ctx, w.a.id, w.a.key.KID, w.now), "retire again")
		w.is(idp.ErrNotFound, w.store.RetireSigningKey(w.ctx, w.a.id, w.id("none"), w.now), "retire none")
		w.a.audited(idp.EventKeyRevoked, 1)
	},
	"any key is one of those that are there": func(w *world) {
		got, err := w.store.AnySigningKey(w.ctx)
		w.ok(err, "any key")
		want := w.a.key
		if got.TenantID == w.b.id {
			want = w.b.key
		}
		w.same(want, got, "any key")
	},
	"a retirement that is set stays": func(w *world) {
		retire := w.now.Add(time.Hour)
		w.ok(w.store.AddSigningKey(w.ctx, w.a.newKey("second", idp.ES256, 2), retire), "add")
		w.ok(w.store.AddSigningKey(w.ctx, w.a.newKey("third", idp.ES256, 3), retire.Add(time.Hour)), "add")
		got, err := w.store.SigningKeys(w.ctx, w.a.id, w.now)
		w.ok(err, "keys")
		w.same([]time.Time{{}, retire.Add(time.Hour), retire}, []time.Time{got[0].RetiredAt, got[1].RetiredAt, got[2].RetiredAt}, "retirements")
	},
}

func keysAre(w *world, now time.Time, want ...idp.SigningKey) {
	w.t.Helper()
	got, err := w.store.SigningKeys(w.ctx, w.a.id, now)
	w.ok(err, "keys")
	w.same(want, got, "keys")
}

func keysRetire(w *world) {
	other, second := w.a.newKey("other", idp.RS256, 1), w.a.newKey("second", idp.ES256, 2)
	other.CreatedAt = w.now
	w.ok(w.store.AddSigningKey(w.ctx, other, time.Time{}), "add")
	retire := w.now.Add(time.Hour)
	w.ok(w.store.AddSigningKey(w.ctx, second, retire), "add")
	first := w.a.key
	first.RetiredAt = retire
	keysAre(w, retire.Add(-time.Microsecond), second, first, other)
	keysAre(w, retire, second, other)
}
