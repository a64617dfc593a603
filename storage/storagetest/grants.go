package storagetest

import (
	"time"

	"postern/idp"
)

var grantCases = cases{
	"a grant is found as it was made, with its user": func(w *world) {
		g, _ := w.a.grantFor("new", func(g *idp.Grant) {
			g.ACR, g.AMR = idp.ACRRelay, []string{"email", "otp"}
			g.Refresh, g.RefreshExpires = idp.NewSecret().Digest(), w.now.Add(time.Hour)
		})
		got, user, err := w.store.FindGrant(w.ctx, w.a.id, g.ID, w.now)
		w.ok(err, "find")
		w.same(g, got, "grant")
		w.same(w.a.user, user, "user")
	},
	"an id is taken once":   func(w *world) { w.is(idp.ErrConflict, w.store.CreateGrant(w.ctx, w.a.grant), "create") },
	"no grant is not found": func(w *world) { grantIs(w, "none", w.now, idp.ErrNotFound) },
	"a grant is good until it expires": func(w *world) {
		grantIs(w, w.a.grant.ID, w.a.grant.Expires.Add(-time.Microsecond), nil)
		grantIs(w, w.a.grant.ID, w.a.grant.Expires, idp.ErrNotFound)
	},
	"a grant ends with its session, unless it is offline": func(w *world) {
		g, _ := w.a.grantFor("offline", offline)
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
		grantIs(w, w.a.grant.ID, w.now, idp.ErrNotFound)
		grantIs(w, g.ID, w.now, nil)
	},
	"a grant ends when its session expires, unless it is offline": func(w *world) {
		long := func(g *idp.Grant) { g.Expires = w.now.Add(2 * idp.SessionLife) }
		bound, _ := w.a.grantFor("bound", long)
		free, _ := w.a.grantFor("offline", func(g *idp.Grant) { long(g); offline(g) })
		grantIs(w, bound.ID, w.a.session.Expires.Add(-time.Microsecond), nil)
		grantIs(w, bound.ID, w.a.session.Expires, idp.ErrNotFound)
		grantIs(w, free.ID, w.a.session.Expires, nil)
	},
	"a grant of a disabled person does not count": func(w *world) {
		u := w.a.newUser("disabled", "disabled@example.org")
		u.Disabled = true
		w.ok(w.store.InviteUser(w.ctx, u), "invite")
		g, _ := w.a.grantFor("new", func(g *idp.Grant) { g.UserID = u.ID; offline(g) })
		grantIs(w, g.ID, w.now, idp.ErrNotFound)
	},
	"its client revokes it, twice without an error": func(w *world) {
		for range 2 {
			w.ok(w.store.RevokeGrant(w.ctx, w.a.id, w.a.grant.ID, "app", w.now), "revoke")
		}
		grantIs(w, w.a.grant.ID, w.now, idp.ErrNotFound)
	},
	"another client revokes nothing, without an error": func(w *world) {
		w.ok(w.store.RevokeGrant(w.ctx, w.a.id, w.a.grant.ID, "other", w.now), "revoke")
		w.ok(w.store.RevokeGrant(w.ctx, w.a.id, "none", "app", w.now), "revoke what is not there")
		grantIs(w, w.a.grant.ID, w.now, nil)
	},
	"a login by someone else in the browser ends its grants": func(w *world) {
		l := w.a.sendAs("other", func(n *idp.NewFlow) { n.Flow.Address = "other@example.org" })
		c := w.a.completion(l)
		c.Replaces = w.a.session.ID
		_, err := w.store.CompleteFlow(w.ctx, c)
		w.ok(err, "complete")
		grantIs(w, w.a.grant.ID, w.now, idp.ErrNotFound)
	},
	"a login by the same person in the browser keeps its grants": func(w *world) {
		c := w.a.completion(w.a.asked)
		c.Replaces = w.a.session.ID
		_, err := w.store.CompleteFlow(w.ctx, c)
		w.ok(err, "complete")
		grantIs(w, w.a.grant.ID, w.now, nil)
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, c.Session.ID, w.now), "sign out of the new session")
		grantIs(w, w.a.grant.ID, w.now, idp.ErrNotFound)
	},
}

func grantIs(w *world, id idp.GrantID, now time.Time, want error) {
	w.t.Helper()
	_, _, err := w.store.FindGrant(w.ctx, w.a.id, id, now)
	w.is(want, err, "find grant")
}
