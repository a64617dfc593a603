package storagetest

import (
	"time"

	"postern/idp"
)

// listening is a client with both channels, on the side's session by a grant of its own.
func (s *side) listening(name idp.ClientID) idp.Client {
	s.w.t.Helper()
	c := s.newClient(name)
	c.Metadata.BackchannelLogoutURI = "https://" + string(name) + ".example/back"
	c.Metadata.FrontchannelLogoutURI = "https://" + string(name) + ".example/front"
	s.w.ok(s.w.store.CreateClient(s.w.ctx, c), "create client")
	s.grantFor(string(name), func(g *idp.Grant) { g.ClientID = name })
	return c
}

// told gives the side's logout tokens that are due, by client.
func (s *side) told(now time.Time) map[idp.ClientID][]idp.SessionID {
	s.w.t.Helper()
	refs, err := s.w.store.DueLogouts(s.w.ctx, now, 100)
	s.w.ok(err, "due logouts")
	all := map[idp.ClientID][]idp.SessionID{}
	for _, ref := range refs {
		if ref.TenantID == s.id {
			all[ref.ClientID] = append(all[ref.ClientID], ref.SID)
		}
	}
	return all
}

var logoutCases = cases{
	"however a session ends, its clients with a back channel are told, once": func(w *world) {
		w.a.listening("back")
		silent := w.a.newClient("silent")
		w.ok(w.store.CreateClient(w.ctx, silent), "create client")
		w.a.grantFor("silent", func(g *idp.Grant) { g.ClientID = "silent" })
		clients, err := w.store.SessionClients(w.ctx, w.a.id, w.a.session.ID)
		w.ok(err, "clients")
		w.same([]idp.SessionClient{{ClientID: "back", SID: w.a.session.ID}}, clients, "clients of the session")
		w.same(0, len(w.a.told(w.now)), "told while it is alive")
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke again")
		w.same(map[idp.ClientID][]idp.SessionID{"back": {w.a.session.ID}}, w.a.told(w.now), "told")
	},
	"one that the operator ends tells, too":   ends(func(w *world) error { return w.store.EndSession(w.ctx, w.a.id, w.a.session.ID, w.now) }),
	"one of a user who is disabled tells":     ends(func(w *world) error { return w.store.SetDisabled(w.ctx, w.a.id, w.a.user.ID, true, w.now) }),
	"one of a user who is signed out tells":   ends(func(w *world) error { return w.store.SignOutUser(w.ctx, w.a.id, w.a.user.ID, w.now) }),
	"one of a user who is deleted tells":      ends(func(w *world) error { return w.store.DeleteUser(w.ctx, w.a.id, w.a.user.ID, w.now) }),
	"one that another person replaces tells":  ends(func(w *world) error { return replaceBy(w, "another@example.org") }),
	"the same person's next session inherits": inherits,
	"a client of a login is noted as it completes, and as it finishes": func(w *world) {
		for _, name := range []string{"at once", "later"} {
			client := w.a.newClient(idp.ClientID("at-" + name[:2]))
			client.Metadata.FrontchannelLogoutURI = "https://front.example/"
			w.ok(w.store.CreateClient(w.ctx, client), "create client")
			l := w.a.sendAs(name, func(n *idp.NewFlow) { n.Flow.Request.ClientID = client.ID })
			c, g := w.a.completion(l), w.a.newGrant(name, idp.NewSecret())
			if name == "at once" {
				c.Grant = &g
			}
			done, err := w.store.CompleteFlow(w.ctx, c)
			w.ok(err, "complete")
			if name == "later" {
				_, err = w.store.FinishFlow(w.ctx, w.a.id, l.flow.ID, g, w.now)
				w.ok(err, "finish")
			}
			clients, err := w.store.SessionClients(w.ctx, w.a.id, done.Session.ID)
			w.ok(err, "clients")
			w.same([]idp.SessionClient{{ClientID: client.ID, SID: done.Session.ID}}, clients, name)
		}
	},
	"of many that claim a logout, one wins, and after its lease another": func(w *world) {
		client := w.a.listening("back")
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
		ref := idp.LogoutRef{TenantID: w.a.id, ClientID: "back", SID: w.a.session.ID}
		claim := func(now time.Time) func(int) (idp.ClaimedLogout, error) {
			return func(int) (idp.ClaimedLogout, error) { return w.store.ClaimLogout(w.ctx, ref, lease, now) }
		}
		got, errs := race(claim(w.now))
		w.won(errs, 1, idp.ErrNotFound)
		for i, err := range errs {
			if err == nil {
				w.same(idp.ClaimedLogout{Ref: ref, Tenant: w.a.tenant, Client: client, Subject: w.a.user.Subject, Attempt: 1}, got[i], "claimed")
			}
		}
		w.same(0, len(w.a.told(w.now)), "due while it is leased")
		_, errs = race(claim(w.now.Add(lease)))
		w.won(errs, 1, idp.ErrNotFound)
		w.is(idp.ErrUsed, w.store.FinishLogout(w.ctx, ref, 1, idp.LogoutTaken, time.Time{}, w.now), "the attempt that lost its lease")
		w.ok(w.store.FinishLogout(w.ctx, ref, 2, idp.LogoutRetry, w.now.Add(time.Hour), w.now), "retry")
		w.same(0, len(w.a.told(w.now.Add(59*time.Minute))), "due before its time")
		w.same(1, len(w.a.told(w.now.Add(time.Hour))), "due at its time")
		w.same(0, len(w.a.told(w.now.Add(idp.LogoutLife))), "due after its life")
	},
	"a logout that was taken is done; one that is given up is audited": func(w *world) {
		w.a.listening("one")
		w.a.listening("two")
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
		for client, end := range map[idp.ClientID]idp.LogoutEnd{"one": idp.LogoutTaken, "two": idp.LogoutGivenUp} {
			ref := idp.LogoutRef{TenantID: w.a.id, ClientID: client, SID: w.a.session.ID}
			_, err := w.store.ClaimLogout(w.ctx, ref, lease, w.now)
			w.ok(err, "claim")
			w.ok(w.store.FinishLogout(w.ctx, ref, 1, end, time.Time{}, w.now), "finish")
			w.is(idp.ErrUsed, w.store.FinishLogout(w.ctx, ref, 1, end, time.Time{}, w.now), "finish again")
		}
		w.same(0, len(w.a.told(w.now.Add(time.Hour))), "left")
		w.a.audited(idp.EventLogoutLost, 1)
	},
	"what nobody took is swept": func(w *world) {
		w.a.listening("back")
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
		w.bMayChange = true
		_, err := w.store.Sweep(w.ctx, w.now.Add(idp.LogoutLife+idp.SessionLife), 1000)
		w.ok(err, "sweep")
		clients, err := w.store.SessionClients(w.ctx, w.a.id, w.a.session.ID)
		w.ok(err, "clients")
		w.same(0, len(clients), "clients")
		_, err = w.store.ClaimLogout(w.ctx, idp.LogoutRef{TenantID: w.a.id, ClientID: "back", SID: w.a.session.ID}, lease, w.now)
		w.is(idp.ErrNotFound, err, "claim")
	},
	"the other tenant's logout is not there": func(w *world) {
		w.a.listening("back")
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
		foreign := idp.LogoutRef{TenantID: w.b.id, ClientID: "back", SID: w.a.session.ID}
		_, err := w.store.ClaimLogout(w.ctx, foreign, lease, w.now)
		w.is(idp.ErrNotFound, err, "claim")
		w.is(idp.ErrUsed, w.store.FinishLogout(w.ctx, foreign, 0, idp.LogoutTaken, time.Time{}, w.now), "finish")
		clients, err := w.store.SessionClients(w.ctx, w.b.id, w.a.session.ID)
		w.ok(err, "clients")
		w.same(0, len(clients), "clients")
		w.same(1, len(w.a.told(w.now)), "the owner's")
	},
}

// ends checks that a way in which a session ends tells its client, once.
func ends(end func(*world) error) func(*world) {
	return func(w *world) {
		w.a.listening("back")
		w.ok(end(w), "end")
		w.same(map[idp.ClientID][]idp.SessionID{"back": {w.a.session.ID}}, w.a.told(w.now), "told")
		session, _, err := w.store.FindSession(w.ctx, w.a.id, w.a.session.ID)
		if err == nil && !session.Revoked {
			w.t.Error("the session is alive")
		}
		clients, err := w.store.SessionClients(w.ctx, w.a.id, w.a.session.ID)
		w.ok(err, "clients")
		w.same(1, len(clients), "clients, for the front channel")
	}
}

func replaceBy(w *world, who idp.Address) error {
	l := w.a.sendAs("replacing", func(n *idp.NewFlow) { n.Flow.Address = who })
	c := w.a.completion(l)
	c.Session.ID, c.Replaces = idp.SessionID(w.id("session replacing")), w.a.session.ID
	_, err := w.store.CompleteFlow(w.ctx, c)
	return err
}

// inherits has the same person sign in again: nobody is told then, and who knew
// of the first session hears of the second one's end, by the sid they know.
func inherits(w *world) {
	w.a.listening("back")
	w.ok(replaceBy(w, person), "replace")
	w.same(0, len(w.a.told(w.now)), "told")
	w.ok(w.store.RevokeSession(w.ctx, w.a.id, idp.SessionID(w.id("session replacing")), w.now), "revoke")
	w.same(map[idp.ClientID][]idp.SessionID{"back": {w.a.session.ID}}, w.a.told(w.now), "told")
}
