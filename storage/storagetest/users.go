package storagetest

import (
	"time"

	"postern/idp"
)

var userCases = cases{
	"a user is found by address as invited, and verified by a login": func(w *world) {
		got, err := w.store.FindUser(w.ctx, w.a.id, person)
		w.ok(err, "find")
		w.same(w.a.user, got, "user")
	},
	"an address without a user is not found": func(w *world) {
		_, err := w.store.FindUser(w.ctx, w.a.id, "nobody@example.org")
		w.is(idp.ErrNotFound, err, "find")
	},
	"an address has one user in a tenant": func(w *world) {
		w.is(idp.ErrConflict, w.store.InviteUser(w.ctx, w.a.newUser("second", person)), "invite")
	},
	"a subject has one user in a tenant": func(w *world) {
		twin := w.a.newUser("second", "second@example.org")
		twin.Subject = w.a.user.Subject
		w.is(idp.ErrConflict, w.store.InviteUser(w.ctx, twin), "invite")
	},
	"of many that invite one address, one wins, audited once": func(w *world) {
		_, errs := race(func(int) (struct{}, error) {
			u := w.a.newUser("user", "wanted@example.org")
			u.ID = idp.UserID(idp.NewID(w.now))
			return struct{}{}, w.store.InviteUser(w.ctx, u)
		})
		w.won(errs, 1, idp.ErrConflict)
		w.a.audited(idp.EventUserInvited, 2)
	},
	"a profile is kept with its user, from the login that made them on": func(w *world) {
		const newcomer = "newcomer@example.org"
		l := w.a.sendAs("newcomer", func(n *idp.NewFlow) { n.Flow.Address = newcomer })
		c := w.a.completion(l)
		c.User.Profile = idp.DemoProfile(newcomer, w.now)
		done, err := w.store.CompleteFlow(w.ctx, c)
		w.ok(err, "complete")
		w.same(c.User.Profile, done.User.Profile, "profile of the login")
		got, err := w.store.FindUser(w.ctx, w.a.id, newcomer)
		w.ok(err, "find")
		w.same(c.User.Profile, got.Profile, "profile")
	},
	"a profile is replaced, with its audit event": func(w *world) {
		p := idp.Profile{Name: "Ada \u0001 \\ Lovelace", Address: &idp.PostalAddress{Locality: "London"}}
		w.ok(w.store.SetProfile(w.ctx, w.a.id, w.a.user.ID, p, w.now), "set")
		_, got, err := w.store.FindSession(w.ctx, w.a.id, w.a.session.ID)
		w.ok(err, "find")
		w.same(p, got.Profile, "profile")
		w.a.audited(idp.EventUserChanged, 1)
		w.is(idp.ErrNotFound, w.store.SetProfile(w.ctx, w.a.id, "none", p, w.now), "set nobody's")
	},
	"events come newest first, and no more than asked for": func(w *world) {
		for i := range 3 {
			c := w.a.newClient(idp.ClientID("c" + string(rune('0'+i))))
			c.CreatedAt = w.now.Add(time.Duration(i+1) * time.Second)
			w.ok(w.store.CreateClient(w.ctx, c), "create")
		}
		got, err := w.store.ListEvents(w.ctx, w.a.id, 2)
		w.ok(err, "list")
		ids := make([]idp.ClientID, 0, len(got))
		for _, e := range got {
			ids = append(ids, e.ClientID)
		}
		w.same([]idp.ClientID{"c2", "c1"}, ids, "clients of the events")
		w.same(w.now.Add(3*time.Second), got[0].At, "time")
	},
}

var sessionCases = cases{
	"a session is found with its user": func(w *world) {
		session, user, err := w.store.FindSession(w.ctx, w.a.id, w.a.session.ID)
		w.ok(err, "find")
		w.same(w.a.session, session, "session")
		w.same(w.a.user, user, "user")
	},
	"one that is not there is not found, nor an error to end": func(w *world) {
		_, _, err := w.store.FindSession(w.ctx, w.a.id, "none")
		w.is(idp.ErrNotFound, err, "find")
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, "none", w.now), "revoke")
		w.a.audited(idp.EventSignOut, 0)
	},
	"one that ended is still found, and ends once": func(w *world) {
		_, errs := race(func(int) (struct{}, error) {
			return struct{}{}, w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now)
		})
		w.won(errs, racers, nil)
		got, _, err := w.store.FindSession(w.ctx, w.a.id, w.a.session.ID)
		w.ok(err, "find")
		if !got.Revoked {
			w.t.Error("lives on")
		}
		w.a.audited(idp.EventSignOut, 1)
	},
}

var requestCases = cases{
	"a stored request is found as saved, also after its time": func(w *world) {
		got, err := w.store.FindRequest(w.ctx, w.a.id, w.a.stored.ID)
		w.ok(err, "find")
		w.same(w.a.stored, got, "request")
	},
	"one that is not there is not found": func(w *world) {
		_, err := w.store.FindRequest(w.ctx, w.a.id, "none")
		w.is(idp.ErrNotFound, err, "find")
	},
	"an id is taken once": func(w *world) {
		w.is(idp.ErrConflict, w.store.SaveRequest(w.ctx, w.a.stored), "save")
	},
}
