package storagetest

import (
	"time"

	"postern/idp"
)

var peopleCases = cases{
	"users are listed by address, page by page": func(w *world) {
		for _, address := range []idp.Address{"b@example.org", "a@example.org", "z@example.org"} {
			u := w.a.newUser(string(address), address)
			w.ok(w.store.InviteUser(w.ctx, u), "invite")
		}
		var got []idp.Address
		for after := idp.Address(""); ; {
			page, err := w.store.ListUsers(w.ctx, w.a.id, after, 3)
			w.ok(err, "list")
			for _, u := range page {
				got = append(got, u.Address)
				after = u.Address
			}
			if len(page) < 3 {
				break
			}
		}
		w.same([]idp.Address{"a@example.org", "b@example.org", person, "z@example.org"}, got, "addresses")
	},
	"sessions are listed while they are alive, of all or of one": func(w *world) {
		w.same([]idp.SignedIn{{Session: w.a.session, User: w.a.user}}, sessionsOf(w, "", w.now), "of all")
		w.same([]idp.SignedIn{{Session: w.a.session, User: w.a.user}}, sessionsOf(w, w.a.user.ID, w.now), "of the user")
		w.same(0, len(sessionsOf(w, idp.UserID(w.id("nobody")), w.now)), "of another")
		w.same(0, len(sessionsOf(w, "", w.a.session.Expires)), "after their time")
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
		w.same(0, len(sessionsOf(w, "", w.now)), "once ended")
	},
	"signing out leaves offline grants, and what the operator ends does not": func(w *world) {
		off, _ := w.a.grantFor("offline", offline)
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
		grantIs(w, w.a.grant.ID, w.now, idp.ErrNotFound)
		grantIs(w, off.ID, w.now, nil)
		w.ok(w.store.SignOutUser(w.ctx, w.a.id, w.a.user.ID, w.now), "sign out")
		grantIs(w, off.ID, w.now, idp.ErrNotFound)
		w.a.audited(idp.EventSignedOut, 1)
	},
	"a session that the operator ends takes its offline grants along, those it inherited too": func(w *world) {
		off, _ := w.a.grantFor("offline", offline)
		w.ok(replaceBy(w, person), "replace")
		w.ok(w.store.EndSession(w.ctx, w.a.id, idp.SessionID(w.id("session replacing")), w.now), "end")
		grantIs(w, off.ID, w.now, idp.ErrNotFound)
		w.a.audited(idp.EventSignOut, 1)
		w.is(idp.ErrNotFound, w.store.EndSession(w.ctx, w.a.id, idp.SessionID(w.id("session replacing")), w.now), "end again")
		w.is(idp.ErrNotFound, w.store.EndSession(w.ctx, w.a.id, "none", w.now), "end none")
	},
	"a disabled user has nothing; enabled again, they sign in anew": func(w *world) {
		off, _ := w.a.grantFor("offline", offline)
		w.ok(w.store.SetDisabled(w.ctx, w.a.id, w.a.user.ID, true, w.now), "disable")
		_, err := w.store.CompleteFlow(w.ctx, w.a.completion(w.a.asked))
		w.is(idp.ErrNotAllowed, err, "login")
		w.ok(w.store.SetDisabled(w.ctx, w.a.id, w.a.user.ID, false, w.now), "enable")
		grantIs(w, off.ID, w.now, idp.ErrNotFound)
		session, _, err := w.store.FindSession(w.ctx, w.a.id, w.a.session.ID)
		w.ok(err, "find")
		w.same(true, session.Revoked, "revoked")
		_, err = w.store.CompleteFlow(w.ctx, w.a.completion(w.a.asked))
		w.ok(err, "login")
		w.a.audited(idp.EventDisabled, 1)
		w.a.audited(idp.EventEnabled, 1)
	},
	"a deleted user is gone, with all but the audit log": func(w *world) {
		off, _ := w.a.grantFor("offline", offline)
		w.ok(w.store.DeleteUser(w.ctx, w.a.id, w.a.user.ID, w.now), "delete")
		_, err := w.store.FindUser(w.ctx, w.a.id, person)
		w.is(idp.ErrNotFound, err, "find")
		_, _, err = w.store.FindSession(w.ctx, w.a.id, w.a.session.ID)
		w.is(idp.ErrNotFound, err, "find session")
		grantIs(w, off.ID, w.now, idp.ErrNotFound)
		w.a.audited(idp.EventUserDeleted, 1)
		w.a.audited(idp.EventLogin, 1)
	},
	"nobody's is not found": func(w *world) {
		w.is(idp.ErrNotFound, w.store.SetDisabled(w.ctx, w.a.id, "none", true, w.now), "disable")
		w.is(idp.ErrNotFound, w.store.SetDisabled(w.ctx, w.a.id, "none", false, w.now), "enable")
		w.is(idp.ErrNotFound, w.store.SignOutUser(w.ctx, w.a.id, "none", w.now), "sign out")
		w.is(idp.ErrNotFound, w.store.DeleteUser(w.ctx, w.a.id, "none", w.now), "delete")
		w.a.audited(idp.EventUserDeleted, 0)
	},
}

func sessionsOf(w *world, u idp.UserID, now time.Time) []idp.SignedIn {
	w.t.Helper()
	all, err := w.store.ListSessions(w.ctx, w.a.id, u, now, 10)
	w.ok(err, "list sessions")
	return all
}

var consentCases = cases{
	"what was agreed to is remembered, and more is added": func(w *world) {
		_, err := w.store.FindConsent(w.ctx, w.a.id, w.a.user.ID, "app")
		w.is(idp.ErrNotFound, err, "find before")
		g := w.a.agree("first", w.now, "openid", "profile")
		grantIs(w, g.ID, w.now, nil)
		w.a.agree("second", w.now.Add(time.Second), "openid", "email")
		got, err := w.store.FindConsent(w.ctx, w.a.id, w.a.user.ID, "app")
		w.ok(err, "find")
		want := idp.Consent{
			TenantID: w.a.id, UserID: w.a.user.ID, ClientID: "app", Scope: []string{"email", "openid", "profile"}, AgreedAt: w.now.Add(time.Second),
		}
		w.same(want, got, "consent")
		all, err := w.store.ListConsents(w.ctx, w.a.id, w.a.user.ID)
		w.ok(err, "list")
		w.same([]idp.Consent{want}, all, "consents")
		w.a.audited(idp.EventConsent, 2)
	},
	"a grant that cannot be written leaves no consent": func(w *world) {
		c := idp.Consent{TenantID: w.a.id, UserID: w.a.user.ID, ClientID: "app", Scope: []string{"openid"}, AgreedAt: w.now}
		w.is(idp.ErrConflict, w.store.Agree(w.ctx, c, w.a.grant), "agree on a grant that is there")
		_, err := w.store.FindConsent(w.ctx, w.a.id, w.a.user.ID, "app")
		w.is(idp.ErrNotFound, err, "find")
	},
	"many that agree at once are all remembered": func(w *world) {
		_, errs := race(func(i int) (struct{}, error) {
			c := idp.Consent{TenantID: w.a.id, UserID: w.a.user.ID, ClientID: "app", Scope: []string{string(rune('A' + i))}, AgreedAt: w.now}
			g := w.a.grant
			g.ID = idp.GrantID(idp.NewID(w.now))
			return struct{}{}, w.store.Agree(w.ctx, c, g)
		})
		w.won(errs, racers, nil)
		got, err := w.store.FindConsent(w.ctx, w.a.id, w.a.user.ID, "app")
		w.ok(err, "find")
		w.same(racers, len(got.Scope), "scopes")
	},
	"the other tenant's is not there": func(w *world) {
		w.a.agree("first", w.now, "openid")
		_, err := w.store.FindConsent(w.ctx, w.b.id, w.b.user.ID, "app")
		w.is(idp.ErrNotFound, err, "find")
		all, err := w.store.ListConsents(w.ctx, w.b.id, w.b.user.ID)
		w.ok(err, "list")
		w.same(0, len(all), "consents")
	},
}

// agree has the side's person agree, with a grant.
func (s *side) agree(name string, at time.Time, scope ...string) idp.Grant {
	s.w.t.Helper()
	g := s.grant
	g.ID, g.Code, g.Request.Scope = idp.GrantID(s.w.id("grant agreed "+name)), idp.NewSecret().Digest(), scope
	c := idp.Consent{TenantID: s.id, UserID: s.user.ID, ClientID: "app", Scope: scope, AgreedAt: at}
	s.w.ok(s.w.store.Agree(s.w.ctx, c, g), "agree")
	return g
}
