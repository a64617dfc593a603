package storagetest

import (
	"time"

	"postern/idp"
)

const elsewhere = idp.Address("person@elsewhere.example")

var addressCases = cases{
	"a proven address takes the old one's place, and ends what stood on that": func(w *world) {
		other := w.a.send("other")
		completed, err := w.store.CompleteFlow(w.ctx, w.a.completion(other))
		w.ok(err, "another session")
		off, _ := w.a.grantFor("offline", offline)
		l := w.a.proving()
		user, err := w.store.ChangeAddress(w.ctx, w.a.change(l))
		w.ok(err, "change")
		want := w.a.user
		want.Address = elsewhere
		w.same(want, user, "user")
		got, err := w.store.FindUser(w.ctx, w.a.id, elsewhere)
		w.ok(err, "find")
		w.same(want, got, "user found")
		_, err = w.store.FindUser(w.ctx, w.a.id, person)
		w.is(idp.ErrNotFound, err, "find by the old address")
		grantIs(w, off.ID, w.now, idp.ErrNotFound)
		grantIs(w, w.a.grant.ID, w.now, idp.ErrNotFound)
		stays, _, err := w.store.FindSession(w.ctx, w.a.id, w.a.session.ID)
		w.ok(err, "find session")
		w.same(false, stays.Revoked, "the session that changed it is over")
		ended, _, err := w.store.FindSession(w.ctx, w.a.id, completed.Session.ID)
		w.ok(err, "find the other session")
		w.same(true, ended.Revoked, "the other session is over")
		link, flow, err := w.store.FindLink(w.ctx, w.a.id, w.a.asked.link.ID)
		w.ok(err, "find link")
		w.same(idp.FlowLocked, flow.State, "a login that waits at the old address")
		w.same(idp.LinkDead, link.Outcome, "its link")
		_, flow, err = w.store.FindLink(w.ctx, w.a.id, l.link.ID)
		w.ok(err, "find the change's link")
		w.same(idp.FlowFinished, flow.State, "the change")
		w.a.audited(idp.EventAddress, 1)
	},
	"the old mailbox is told": func(w *world) {
		c := w.a.change(w.a.proving())
		_, err := w.store.ChangeAddress(w.ctx, c)
		w.ok(err, "change")
		m, err := w.store.ClaimMail(w.ctx, idp.MailRef{TenantID: w.a.id, ID: c.Notice.Mail.ID}, time.Minute, w.now)
		w.ok(err, "claim the notice")
		w.same(person, m.Flow.Address, "recipient")
		w.same(idp.ChangeNotice, m.Flow.Request.Change, "kind")
		w.same(true, m.Deliverable(), "deliverable")
	},
	"of many at once exactly one wins": func(w *world) {
		l := w.a.proving()
		_, errs := race(func(int) (idp.User, error) {
			c := w.a.change(l)
			c.Notice.Flow.ID, c.Notice.Mail.ID = idp.FlowID(idp.NewID(w.now)), idp.OutboxID(idp.NewID(w.now))
			return w.store.ChangeAddress(w.ctx, c)
		})
		w.won(errs, 1, idp.ErrUsed)
		w.a.audited(idp.EventAddress, 1)
	},
	"an address that somebody else has stays theirs": func(w *world) {
		other := w.a.newUser("other", elsewhere)
		w.ok(w.store.InviteUser(w.ctx, other), "invite")
		l := w.a.proving()
		_, err := w.store.ChangeAddress(w.ctx, w.a.change(l))
		w.is(idp.ErrConflict, err, "change")
		unchanged(w)
	},
	"a login's link changes no address": func(w *world) {
		_, err := w.store.ChangeAddress(w.ctx, w.a.change(w.a.asked))
		w.is(idp.ErrMismatch, err, "change")
		unchanged(w)
	},
	"a wrong verifier changes nothing":                      changeRefusal(idp.ErrMismatch, func(c *idp.AddressChange) { c.Verifier = idp.NewSecret().Digest() }),
	"another browser changes nothing":                       changeRefusal(idp.ErrMismatch, func(c *idp.AddressChange) { c.Browser = idp.NewSecret().Digest() }),
	"no browser changes nothing":                            changeRefusal(idp.ErrMismatch, func(c *idp.AddressChange) { c.Browser = idp.Digest{} }),
	"a link that is none is not found":                      changeRefusal(idp.ErrNotFound, func(c *idp.AddressChange) { c.LinkID = "none" }),
	"a link is good until it expires":                       changeRefusal(idp.ErrExpired, func(c *idp.AddressChange) { c.Now = c.Now.Add(10 * time.Minute) }),
	"another's session changes nothing":                     changeRefusal(idp.ErrNotAllowed, func(c *idp.AddressChange) { c.Session = "none" }),
	"another user's flow is not allowed":                    changeRefusal(idp.ErrNotAllowed, func(c *idp.AddressChange) { c.UserID = "none" }),
	"an address that is not theirs any more is not changed": changeRefusal(idp.ErrNotAllowed, func(c *idp.AddressChange) { c.From = "before@example.org" }),
	"a session that is over changes nothing": func(w *world) {
		l := w.a.proving()
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
		_, err := w.store.ChangeAddress(w.ctx, w.a.change(l))
		w.is(idp.ErrNotAllowed, err, "change")
	},
	"the other tenant's link is not there": func(w *world) {
		c := w.a.change(w.a.proving())
		c.TenantID = w.b.id
		_, err := w.store.ChangeAddress(w.ctx, c)
		w.is(idp.ErrNotFound, err, "change")
	},
}

// proving is a change of address whose mail is out.
func (s *side) proving() login {
	s.w.t.Helper()
	return s.sendAs("change", func(n *idp.NewFlow) {
		n.Flow.Address, n.Flow.Request.Change = elsewhere, idp.ChangeAddress
	})
}

func (s *side) change(l login) idp.AddressChange {
	notice := s.newFlow("notice", idp.NewSecret())
	notice.Flow.Browser, notice.Flow.Request.Change = idp.Digest{}, idp.ChangeNotice
	return idp.AddressChange{
		TenantID: s.id, LinkID: l.link.ID, Verifier: l.verifier.Digest(), Browser: l.browser.Digest(),
		UserID: s.user.ID, From: person, Session: s.session.ID, Notice: notice, Now: s.w.now,
	}
}

func changeRefusal(want error, spoil func(*idp.AddressChange)) func(*world) {
	return func(w *world) {
		c := w.a.change(w.a.proving())
		spoil(&c)
		_, err := w.store.ChangeAddress(w.ctx, c)
		w.is(want, err, "change")
		unchanged(w)
	}
}

func unchanged(w *world) {
	w.t.Helper()
	got, err := w.store.FindUser(w.ctx, w.a.id, person)
	w.ok(err, "find")
	w.same(w.a.user, got, "user")
	grantIs(w, w.a.grant.ID, w.now, nil)
	w.a.audited(idp.EventAddress, 0)
}
