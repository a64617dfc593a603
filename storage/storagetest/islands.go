package storagetest

import (
	"slices"
	"strconv"
	"time"

	"postern/idp"
)

// The twins share their ids, so a case that works on one shows when it touches
// the other. Here what belongs to one alone is asked of the other.
var islandCases = cases{
	"what is one's own is not there for the other": foreignIsNotThere,
	"one's secrets do not open the other's rows":   foreignSecrets,
	"a session of the other is not replaced":       foreignReplaces,
	"lists hold one's own":                         foreignLists,
	"mails of both are found as their own":         foreignMails,
	"logins of both end each by itself":            foreignLogins,
	"a login is finished on one's own session":     foreignFinish,
	"a login proves one's own address":             foreignAddress,
	"an unknown tenant has nothing":                unknownTenant,
}

// own is what exists in A alone.
func own(w *world) (login, idp.Completed, idp.Grant, idp.Secret) {
	w.t.Helper()
	l := w.a.send("own")
	done, err := w.store.CompleteFlow(w.ctx, w.a.completion(l))
	w.ok(err, "complete")
	g, code := w.a.grantFor("own", func(g *idp.Grant) { g.SessionID = done.Session.ID })
	w.ok(w.store.CreateClient(w.ctx, w.a.newClient("own")), "create client")
	w.ok(w.store.InviteUser(w.ctx, w.a.newUser("own", "own@example.org")), "invite")
	return l, done, g, code
}

func foreignIsNotThere(w *world) {
	l, done, g, code := own(w)
	asked := queued(w, "asked too")
	asOther := func(c idp.Completion) idp.Completion { c.TenantID = w.b.id; return c }
	redeem := w.a.redemption(g, code)
	redeem.TenantID = w.b.id
	rotate := w.a.rotation(g, code)
	rotate.TenantID = w.b.id
	resend := w.a.resend("foreign", asked.flow)
	resend.TenantID = w.b.id
	before := w.a.snapshot()
	for name, ask := range map[string]func() error{
		"FindClient":   func() error { _, err := w.store.FindClient(w.ctx, w.b.id, "own"); return err },
		"FindUser":     func() error { _, err := w.store.FindUser(w.ctx, w.b.id, "own@example.org"); return err },
		"FindSession":  func() error { _, _, err := w.store.FindSession(w.ctx, w.b.id, done.Session.ID); return err },
		"FindFlow":     func() error { _, err := w.store.FindFlow(w.ctx, w.b.id, l.flow.ID); return err },
		"FindLink":     func() error { _, _, err := w.store.FindLink(w.ctx, w.b.id, l.link.ID); return err },
		"Resend":       func() error { return w.store.Resend(w.ctx, resend) },
		"CountAttempt": func() error { _, err := w.store.CountAttempt(w.ctx, w.b.id, asked.flow.ID, w.now); return err },
		"CompleteFlow": func() error { _, err := w.store.CompleteFlow(w.ctx, asOther(w.a.completion(l))); return err },
		"FinishFlow":   func() error { _, err := w.store.FinishFlow(w.ctx, w.b.id, l.flow.ID, idp.Grant{}, w.now); return err },
		"RedeemCode":   func() error { _, _, err := w.store.RedeemCode(w.ctx, redeem); return err },
		"RotateRefresh": func() error {
			_, err := w.store.RotateRefresh(w.ctx, rotate)
			return err
		},
		"ExchangeGrant": func() error {
			_, _, err := w.store.ExchangeGrant(w.ctx, idp.Exchange{TenantID: w.b.id, GrantID: g.ID, ClientID: "app", Now: w.now})
			return err
		},
		"FindGrant": func() error { _, _, err := w.store.FindGrant(w.ctx, w.b.id, g.ID, w.now); return err },
		"ClaimMail": func() error {
			_, err := w.store.ClaimMail(w.ctx, idp.MailRef{TenantID: w.b.id, ID: asked.mail.ID}, lease, w.now)
			return err
		},
	} {
		w.is(idp.ErrNotFound, ask(), name)
	}
	w.ok(w.store.LockFlow(w.ctx, w.b.id, asked.flow.ID, w.now), "lock")
	w.ok(w.store.RevokeSession(w.ctx, w.b.id, done.Session.ID, w.now), "revoke session")
	w.ok(w.store.RevokeGrant(w.ctx, w.b.id, g.ID, "app", w.now), "revoke grant")
	w.same(before, w.a.snapshot(), "the owner")
	grantIs(w, g.ID, w.now, nil)
	_, err := w.store.CountAttempt(w.ctx, w.a.id, asked.flow.ID, w.now)
	w.ok(err, "the owner's flow")
}

func foreignSecrets(w *world) {
	theirs := w.a.completion(w.b.asked)
	_, err := w.store.CompleteFlow(w.ctx, theirs)
	w.is(idp.ErrMismatch, err, "the other's link and browser")
	theirs.Browser = w.a.asked.browser.Digest()
	_, err = w.store.CompleteFlow(w.ctx, theirs)
	w.is(idp.ErrMismatch, err, "the other's link")
	_, _, err = w.store.RedeemCode(w.ctx, w.a.redemption(w.a.grant, w.b.code))
	w.is(idp.ErrNotFound, err, "the other's code")
}

func foreignReplaces(w *world) {
	l := w.b.send("lone")
	theirs, err := w.store.CompleteFlow(w.ctx, w.b.completion(l))
	w.ok(err, "complete theirs")
	w.bMayChange = true
	c := w.a.completion(w.a.asked)
	c.Replaces = theirs.Session.ID
	_, err = w.store.CompleteFlow(w.ctx, c)
	w.ok(err, "complete")
	got, _, err := w.store.FindSession(w.ctx, w.b.id, theirs.Session.ID)
	w.ok(err, "find")
	if got.Revoked {
		w.t.Error("the other tenant's session was revoked")
	}
}

func foreignLists(w *world) {
	own(w)
	for _, s := range []*side{w.a, w.b} {
		clients, err := w.store.ListClients(w.ctx, s.id)
		w.ok(err, "clients")
		events, err := w.store.ListEvents(w.ctx, s.id, 1000)
		w.ok(err, "events")
		keys, err := w.store.SigningKeys(w.ctx, s.id, w.now)
		w.ok(err, "keys")
		foreign := slices.ContainsFunc(clients, func(c idp.Client) bool { return c.TenantID != s.id }) ||
			slices.ContainsFunc(events, func(e idp.Event) bool { return e.TenantID != s.id }) ||
			slices.ContainsFunc(keys, func(k idp.SigningKey) bool { return k.TenantID != s.id })
		if foreign {
			w.t.Errorf("a list of %s holds another tenant's", s.tenant.Slug)
		}
	}
	allowed, err := w.store.OriginAllowed(w.ctx, w.a.id, "https://app.south.example")
	w.ok(err, "origin")
	w.same(false, allowed, "the other's origin")
}

func foreignMails(w *world) {
	mine := queued(w, "twin")
	theirs, err := w.b.start("twin")
	w.ok(err, "start theirs")
	w.same(mine.mail.ID, theirs.mail.ID, "ids of the twins")
	w.bMayChange = true
	claimIs(w, mine.mail, w.now, nil)
	got, err := w.store.ClaimMail(w.ctx, theirs.mail, lease, w.now)
	w.ok(err, "claim theirs")
	w.same(w.b.tenant, got.Tenant, "tenant of their mail")
	w.same(w.b.client, got.Client, "client of their mail")
	w.same(theirs.flow, got.Flow, "flow of their mail")
	w.ok(w.store.BeginSending(w.ctx, mine.mail.ID, 1, w.a.newLink("twin", mine), lease), "send mine")
	w.ok(w.finish(mine.mail, 1, idp.OutboxSent, time.Time{}), "finish mine")
	w.ok(w.store.BeginSending(w.ctx, theirs.mail.ID, 1, w.b.newLink("twin", theirs), lease), "send theirs")
}

// foreignLogins has both complete a login on sessions of one id; what becomes of
// one leaves the other waiting for its tab.
func foreignLogins(w *world) {
	var theirs login
	for _, s := range []*side{w.a, w.b} {
		theirs = s.send("waiting")
		c := s.completion(theirs)
		c.Session.ID = idp.SessionID(w.id("session waiting"))
		_, err := w.store.CompleteFlow(w.ctx, c)
		w.ok(err, "complete")
	}
	w.bMayChange = true
	before, err := w.store.FindFlow(w.ctx, w.b.id, theirs.flow.ID)
	w.ok(err, "find theirs")
	c := w.a.completion(w.a.asked)
	c.Replaces = idp.SessionID(w.id("session waiting"))
	_, err = w.store.CompleteFlow(w.ctx, c)
	w.ok(err, "replace mine")
	_, err = w.store.FinishFlow(w.ctx, w.a.id, theirs.flow.ID, w.a.newGrant("waiting", idp.NewSecret()), w.now)
	w.ok(err, "finish mine")
	after, err := w.store.FindFlow(w.ctx, w.b.id, theirs.flow.ID)
	w.ok(err, "find theirs")
	w.same(before, after, "their flow")
}

func foreignFinish(w *world) {
	done := map[*side]idp.Completed{}
	for _, s := range []*side{w.b, w.a} {
		c := s.completion(s.send("waiting"))
		c.Session.ID = idp.SessionID(w.id("session waiting"))
		var err error
		done[s], err = w.store.CompleteFlow(w.ctx, c)
		w.ok(err, "complete")
	}
	w.bMayChange = true
	got, err := w.store.FinishFlow(w.ctx, w.a.id, done[w.a].Flow.ID, w.a.newGrant("waiting", idp.NewSecret()), w.now)
	w.ok(err, "finish")
	w.same(done[w.a].Session, got.Session, "session")
	w.same(done[w.a].User, got.User, "user")
}

func foreignAddress(w *world) {
	const address = "twin@example.org"
	for _, s := range []*side{w.a, w.b} {
		w.ok(w.store.InviteUser(w.ctx, s.newUser("twin", address)), "invite")
	}
	w.bMayChange = true
	l := w.a.sendAs("twin", func(n *idp.NewFlow) { n.Flow.Address = address })
	_, err := w.store.CompleteFlow(w.ctx, w.a.completion(l))
	w.ok(err, "complete")
	for s, want := range map[*side]bool{w.a: true, w.b: false} {
		got, err := w.store.FindUser(w.ctx, s.id, address)
		w.ok(err, "find")
		w.same(want, got.Verified, "verified in "+s.tenant.Slug)
	}
}

func unknownTenant(w *world) {
	nobody := idp.TenantID(idp.NewID(w.now))
	clients, err := w.store.ListClients(w.ctx, nobody)
	w.ok(err, "clients")
	events, err := w.store.ListEvents(w.ctx, nobody, 10)
	w.ok(err, "events")
	keys, err := w.store.SigningKeys(w.ctx, nobody, w.now)
	w.ok(err, "keys")
	if n := len(clients) + len(events) + len(keys); n != 0 {
		w.t.Error(strconv.Itoa(n) + " rows of nobody")
	}
}
