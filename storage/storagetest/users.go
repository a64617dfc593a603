package storagetest

import (
	"strconv"
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
	"old events are pruned, the oldest first, and that is noted": func(w *world) {
		made := events(w, 4)
		gone, err := w.store.PruneEvents(w.ctx, w.a.id, made.Add(3*time.Hour), made.Add(9*time.Hour), 2)
		w.ok(err, "prune")
		w.same(2, gone, "pruned")
		w.same([]idp.ClientID{"c3", "c2"}, clientsOfEvents(w), "left")
		gone, err = w.store.PruneEvents(w.ctx, w.a.id, made.Add(3*time.Hour), made.Add(9*time.Hour), 2)
		w.ok(err, "prune again")
		w.same(1, gone, "pruned")
		gone, err = w.store.PruneEvents(w.ctx, w.a.id, made.Add(3*time.Hour), made.Add(9*time.Hour), 2)
		w.ok(err, "prune in vain")
		w.same(0, gone, "pruned")
		w.same([]idp.ClientID{"c3"}, clientsOfEvents(w), "left")
		w.a.audited(idp.EventPruned, 1+2)
	},
	"of many who prune, each event goes once": func(w *world) {
		made := events(w, 8)
		counts, errs := race(func(int) (int, error) {
			return w.store.PruneEvents(w.ctx, w.a.id, made.Add(24*time.Hour), made.Add(48*time.Hour), 3)
		})
		w.won(errs, racers, nil)
		rest, err := w.store.PruneEvents(w.ctx, w.a.id, made.Add(24*time.Hour), made.Add(48*time.Hour), 100)
		w.ok(err, "prune the rest")
		for _, gone := range counts {
			rest += gone
		}
		w.same(8, rest, "pruned in all")
	},
}

// events leaves tenant a with one event an hour, of clients c0, c1 and so on, and
// that of the pruning, long after them. It gives the time of the first.
func events(w *world, n int) time.Time {
	w.t.Helper()
	first := w.now.Add(time.Hour)
	_, err := w.store.PruneEvents(w.ctx, w.a.id, first, first.Add(1000*time.Hour), 1000)
	w.ok(err, "prune what there is")
	for i := range n {
		c := w.a.newClient(idp.ClientID("c" + strconv.Itoa(i)))
		c.CreatedAt = first.Add(time.Duration(i) * time.Hour)
		w.ok(w.store.CreateClient(w.ctx, c), "create")
	}
	return first
}

// clientsOfEvents are those of tenant a's events that name one, newest first.
func clientsOfEvents(w *world) []idp.ClientID {
	w.t.Helper()
	all, err := w.store.ListEvents(w.ctx, w.a.id, 1000)
	w.ok(err, "list")
	var clients []idp.ClientID
	for _, e := range all {
		if e.ClientID != "" {
			clients = append(clients, e.ClientID)
		}
	}
	return clients
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
