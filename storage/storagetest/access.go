package storagetest

import (
	"time"

	"postern/idp"
)

var accessCases = cases{
	"an app has access by its grants that count, all as one":    accessAsOne,
	"an app keeps access where a refresh token outlives logins": accessOffline,
	"access ends with the session, unless it is offline": func(w *world) {
		off, _ := w.a.grantFor("offline", refreshed)
		w.accessIs(w.now, w.a.offlineAccess(w.now))
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "sign out")
		w.accessIs(w.now, w.a.offlineAccess(w.now))
		w.ok(w.store.RevokeGrant(w.ctx, w.a.id, off.ID, "app", w.now), "revoke")
		w.accessIs(w.now)
	},
	"access stands on the session that took its session's place": func(w *world) {
		w.ok(replaceBy(w, person), "replace")
		w.accessIs(w.now, w.a.access(w.now))
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, idp.SessionID(w.id("session replacing")), w.now), "sign out")
		w.accessIs(w.now)
	},
	"access ends in time": func(w *world) {
		w.accessIs(w.a.grant.Expires.Add(-time.Microsecond), w.a.access(w.now))
		w.accessIs(w.a.grant.Expires)
		w.a.grantFor("long", func(g *idp.Grant) { g.Expires = w.now.Add(2 * idp.SessionLife) })
		w.accessIs(w.a.session.Expires.Add(-time.Microsecond), w.a.access(w.now))
		w.accessIs(w.a.session.Expires)
	},
	"newer access is listed first, and so much of it": func(w *world) {
		newer := w.a.clientWithAccess("newer", w.now.Add(time.Second))
		w.accessIs(w.now, newer, w.a.access(w.now))
		one, err := w.store.ListAccess(w.ctx, w.a.id, w.a.user.ID, w.now, 1)
		w.ok(err, "list one")
		w.same([]idp.Access{newer}, one, "access")
	},
	"the account page is no app": func(w *world) {
		w.a.clientWithAccess(idp.AccountClient, w.now)
		w.accessIs(w.now, w.a.access(w.now))
	},
	"an app that is deleted has no access": func(w *world) {
		w.ok(w.store.DeleteClient(w.ctx, w.a.id, "app", w.now), "delete client")
		w.accessIs(w.now)
	},
	"an app that nobody registered has access for longer than it is kept": func(w *world) {
		c := w.a.newDocument()
		w.a.grantFor("document", func(g *idp.Grant) { g.ClientID, g.CreatedAt = c.ID, w.now.Add(time.Second) })
		w.accessIs(w.now, idp.Access{ClientID: c.ID, Since: w.now.Add(time.Second)}, w.a.access(w.now))
	},
	"another person's apps are not one's own": func(w *world) {
		other := w.a.newUser("other", "other@example.org")
		w.ok(w.store.InviteUser(w.ctx, other), "invite")
		theirs, _ := w.a.grantFor("theirs", func(g *idp.Grant) { g.UserID = other.ID; refreshed(g) })
		w.accessIs(w.now, w.a.access(w.now))
		w.ok(w.store.EndAccess(w.ctx, w.a.id, w.a.user.ID, "app", w.now), "end")
		w.accessIs(w.now)
		grantIs(w, theirs.ID, w.now, nil)
	},
	"access that ends takes the consent and every grant of the app along": func(w *world) {
		agreed := w.a.agree("agreed", w.now, "openid", "offline_access")
		w.a.clientWithAccess("another", w.now)
		w.ok(w.store.EndAccess(w.ctx, w.a.id, w.a.user.ID, "app", w.now), "end")
		grantIs(w, w.a.grant.ID, w.now, idp.ErrNotFound)
		grantIs(w, agreed.ID, w.now, idp.ErrNotFound)
		grantIs(w, idp.GrantID(w.id("grant another")), w.now, nil)
		_, err := w.store.FindConsent(w.ctx, w.a.id, w.a.user.ID, "app")
		w.is(idp.ErrNotFound, err, "find consent")
		w.a.audited(idp.EventConsentGone, 1)
	},
	"access without a consent ends alike": func(w *world) {
		w.ok(w.store.EndAccess(w.ctx, w.a.id, w.a.user.ID, "app", w.now), "end")
		grantIs(w, w.a.grant.ID, w.now, idp.ErrNotFound)
		w.a.audited(idp.EventConsentGone, 1)
	},
	"access that is not there does not end": func(w *world) {
		w.is(idp.ErrNotFound, w.store.EndAccess(w.ctx, w.a.id, w.a.user.ID, "none", w.now), "no such app")
		w.is(idp.ErrNotFound, w.store.EndAccess(w.ctx, w.a.id, "none", "app", w.now), "no such person")
		w.is(idp.ErrNotFound, w.store.EndAccess(w.ctx, w.a.id, w.a.user.ID, "app", w.a.grant.Expires), "after its time")
		w.a.audited(idp.EventConsentGone, 0)
	},
	"of many that end it at once, one does": func(w *world) {
		w.a.agree("agreed", w.now, "openid")
		w.a.grantFor("third", offline)
		_, errs := race(func(int) (struct{}, error) {
			return struct{}{}, w.store.EndAccess(w.ctx, w.a.id, w.a.user.ID, "app", w.now)
		})
		w.won(errs, 1, idp.ErrNotFound)
		w.accessIs(w.now)
		w.a.audited(idp.EventConsentGone, 1)
	},
	"the other tenant's is not there": func(w *world) {
		w.a.clientWithAccess("own", w.now)
		theirs, err := w.store.ListAccess(w.ctx, w.b.id, w.b.user.ID, w.now, 10)
		w.ok(err, "list theirs")
		w.same([]idp.Access{w.b.access(w.now)}, theirs, "their access")
		w.is(idp.ErrNotFound, w.store.EndAccess(w.ctx, w.b.id, w.b.user.ID, "own", w.now), "end")
		grantIs(w, idp.GrantID(w.id("grant own")), w.now, nil)
	},
}

func accessAsOne(w *world) {
	w.a.grantFor("older", func(g *idp.Grant) { g.CreatedAt = w.now.Add(-time.Minute) })
	w.a.grantFor("oldest, ended", func(g *idp.Grant) { g.CreatedAt, g.Revoked = w.now.Add(-time.Hour), true })
	w.accessIs(w.now, w.a.access(w.now.Add(-time.Minute)))
}

func accessOffline(w *world) {
	w.a.grantFor("unredeemed", offline)
	w.a.grantFor("not asked for", func(g *idp.Grant) { refreshed(g); g.Request.Scope = []string{"openid"} })
	w.accessIs(w.now, w.a.access(w.now))
	off, _ := w.a.grantFor("offline", func(g *idp.Grant) { refreshed(g); g.Expires = g.RefreshExpires.Add(time.Hour) })
	w.accessIs(off.RefreshExpires.Add(-time.Microsecond), w.a.offlineAccess(w.now))
	w.accessIs(off.RefreshExpires, w.a.access(w.now))
}

// refreshed makes a grant one that has a refresh token.
func refreshed(g *idp.Grant) {
	offline(g)
	g.Refresh, g.RefreshExpires = idp.NewSecret().Digest(), g.CreatedAt.Add(idp.RefreshTokenLife)
	g.Expires = g.RefreshExpires
}

// clientWithAccess makes a client and a grant of the side's person for it.
func (s *side) clientWithAccess(id idp.ClientID, since time.Time) idp.Access {
	s.w.t.Helper()
	c := s.newClient(id)
	s.w.ok(s.w.store.CreateClient(s.w.ctx, c), "create client")
	s.grantFor(string(id), func(g *idp.Grant) { g.ClientID, g.CreatedAt = id, since })
	return idp.Access{ClientID: id, Metadata: c.Metadata, Since: since}
}

// access is that of the side's client.
func (s *side) access(since time.Time) idp.Access {
	return idp.Access{ClientID: s.client.ID, Metadata: s.client.Metadata, Since: since}
}

func (s *side) offlineAccess(since time.Time) idp.Access {
	a := s.access(since)
	a.Offline = true
	return a
}

// accessIs fails unless just these apps have access at now.
func (w *world) accessIs(now time.Time, want ...idp.Access) {
	w.t.Helper()
	got, err := w.store.ListAccess(w.ctx, w.a.id, w.a.user.ID, now, 10)
	w.ok(err, "list access")
	w.same(want, got, "access")
}
