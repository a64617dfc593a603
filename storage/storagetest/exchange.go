package storagetest

import (
	"slices"
	"time"

	"postern/idp"
)

var exchangeCases = cases{
	"a token is exchanged with its grant and user, and audited": func(w *world) {
		got, user, err := w.store.ExchangeGrant(w.ctx, w.a.exchange(w.a.grant.ID))
		w.ok(err, "exchange")
		w.same(w.a.grant, got, "grant")
		w.same(w.a.user, user, "user")
		events, err := w.store.ListEvents(w.ctx, w.a.id, 1000)
		w.ok(err, "events")
		events = slices.DeleteFunc(events, func(e idp.Event) bool { return e.Kind != idp.EventExchanged })
		w.same([]idp.Event{{
			TenantID: w.a.id, ID: events[0].ID, At: w.now, Kind: idp.EventExchanged, UserID: w.a.user.ID, ClientID: "service", Detail: "for a test",
		}}, events, "events")
	},
	"a token is exchanged as often as one likes": func(w *world) {
		for range 3 {
			_, _, err := w.store.ExchangeGrant(w.ctx, w.a.exchange(w.a.grant.ID))
			w.ok(err, "exchange")
		}
		w.a.audited(idp.EventExchanged, 3)
	},
	"what does not stand is not exchanged, noted or audited": exchangeOfFallen,
	"a token of an offline grant is exchanged after the sign-out": func(w *world) {
		g, _ := w.a.grantFor("offline", offline)
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
		_, _, err := w.store.ExchangeGrant(w.ctx, w.a.exchange(g.ID))
		w.ok(err, "exchange")
	},
	"a token is exchanged after the same person's next login": func(w *world) {
		c := w.a.completion(w.a.asked)
		c.Replaces = w.a.session.ID
		_, err := w.store.CompleteFlow(w.ctx, c)
		w.ok(err, "complete")
		_, _, err = w.store.ExchangeGrant(w.ctx, w.a.exchange(w.a.grant.ID))
		w.ok(err, "exchange")
	},
}

// exchange is a service's, by a proof of its own.
func (s *side) exchange(id idp.GrantID) idp.Exchange {
	return idp.Exchange{TenantID: s.id, GrantID: id, ClientID: "service", Detail: "for a test", Once: s.w.proof(), Now: s.w.now}
}

func exchangeOfFallen(w *world) {
	u := w.a.newUser("disabled", "disabled@example.org")
	u.Disabled = true
	w.ok(w.store.InviteUser(w.ctx, u), "invite")
	disabled, _ := w.a.grantFor("disabled", func(g *idp.Grant) { g.UserID = u.ID; offline(g) })
	revoked, _ := w.a.grantFor("revoked", offline)
	w.ok(w.store.RevokeGrant(w.ctx, w.a.id, revoked.ID, "app", w.now), "revoke")
	short, _ := w.a.grantFor("short", func(g *idp.Grant) { g.Expires = w.now; offline(g) })
	bound, _ := w.a.grantFor("bound", func(*idp.Grant) {})
	w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "sign out")
	proof := w.proof()
	for name, id := range map[string]idp.GrantID{
		"one that is not there": "none", "a disabled person's": disabled.ID, "a revoked one": revoked.ID, "an old one": short.ID,
		"one signed out": bound.ID,
	} {
		e := w.a.exchange(id)
		e.Once = proof
		_, _, err := w.store.ExchangeGrant(w.ctx, e)
		w.is(idp.ErrNotFound, err, name)
	}
	w.a.audited(idp.EventExchanged, 0)
	w.ok(w.store.UseOnce(w.ctx, w.a.id, proof.Kind, proof.Digest, proof.Expires), "the proof, unspent")
}

func exchangeOneProof(w *world) {
	e := w.a.exchange(w.a.grant.ID)
	_, errs := race(func(int) (idp.Grant, error) {
		g, _, err := w.store.ExchangeGrant(w.ctx, e)
		return g, err
	})
	w.won(errs, 1, idp.ErrReplayed)
	w.a.audited(idp.EventExchanged, 1)
	e.Once = idp.Once{}
	e.Now = w.now.Add(time.Second)
	_, _, err := w.store.ExchangeGrant(w.ctx, e)
	w.ok(err, "without a proof")
}
