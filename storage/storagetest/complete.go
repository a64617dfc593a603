package storagetest

import (
	"time"

	"postern/idp"
)

var completeCases = cases{
	"without a grant the flow is completed, with all that belongs to it": completeWhole,
	"with a grant the flow is finished, and the grant filled in":         completeWithGrant,
	"of many at once exactly one wins":                                   completeRace,
	"of many by two links of one flow exactly one wins":                  completeRaceOfLinks,
	"an invited tenant admits whom it knows and nobody else":             completeInvited,
	"a new person is made, verified and audited":                         completeSignUp,
	"a wrong verifier changes nothing":                                   completeRefusal(idp.ErrMismatch, func(c *idp.Completion) { c.Verifier = idp.NewSecret().Digest() }),
	"no verifier changes nothing":                                        completeRefusal(idp.ErrMismatch, func(c *idp.Completion) { c.Verifier = idp.Digest{} }),
	"another browser changes nothing":                                    completeRefusal(idp.ErrMismatch, func(c *idp.Completion) { c.Browser = idp.NewSecret().Digest() }),
	"no browser changes nothing":                                         completeRefusal(idp.ErrMismatch, func(c *idp.Completion) { c.Browser = idp.Digest{} }),
	"a link that is not there is not found":                              completeRefusal(idp.ErrNotFound, func(c *idp.Completion) { c.LinkID = "none" }),
	"a link is good until it expires":                                    completeRefusal(idp.ErrExpired, func(c *idp.Completion) { c.Now = c.Now.Add(10 * time.Minute) }),
	"a link works in its last moment": func(w *world) {
		c := w.a.completion(w.a.asked)
		c.Now = w.a.asked.link.Expires.Add(-time.Microsecond)
		_, err := w.store.CompleteFlow(w.ctx, c)
		w.ok(err, "complete")
	},
	"a flow that ends before its link ends it":     completeFlowExpired,
	"a link works once":                            completeTwice,
	"what the flow took from limits is given back": completeReturns,
	"the browser's former session is replaced":     completeReplaces,
	"a disabled person is not admitted":            completeDisabled,
}

func completeWhole(w *world) {
	c := w.a.completion(w.a.asked)
	got, err := w.store.CompleteFlow(w.ctx, c)
	w.ok(err, "complete")
	want := idp.Completed{Flow: w.a.asked.flow, User: w.a.user, Session: c.Session}
	want.Session.UserID = w.a.user.ID
	want.Flow.State, want.Flow.UserID, want.Flow.SessionID = idp.FlowCompleted, w.a.user.ID, c.Session.ID
	w.same(want, got, "completed")
	link, flow, err := w.store.FindLink(w.ctx, w.a.id, c.LinkID)
	w.ok(err, "find link")
	w.same(want.Flow, flow, "flow")
	w.same(idp.LinkUsed, link.Outcome, "outcome")
	session, user, err := w.store.FindSession(w.ctx, w.a.id, c.Session.ID)
	w.ok(err, "find session")
	w.same(want.Session, session, "session")
	w.same(want.User, user, "user")
	w.a.audited(idp.EventLogin, 2)
	w.a.audited(idp.EventSignUp, 0)
}

func completeWithGrant(w *world) {
	c := w.a.completion(w.a.asked)
	grant := w.a.newGrant("new", idp.NewSecret())
	c.Grant = &grant
	got, err := w.store.CompleteFlow(w.ctx, c)
	w.ok(err, "complete")
	w.same(idp.FlowFinished, got.Flow.State, "state")
	isGrantOf(w, grant, got)
	_, err = w.store.FinishFlow(w.ctx, w.a.id, got.Flow.ID, w.a.newGrant("late", idp.NewSecret()), w.now)
	w.is(idp.ErrUsed, err, "finish")
}

// isGrantOf fails unless the grant was written with who logged in, for what, and how.
func isGrantOf(w *world, g idp.Grant, by idp.Completed) {
	w.t.Helper()
	g.Request, g.ClientID = by.Flow.Request, by.Flow.Request.ClientID
	g.UserID, g.SessionID = by.User.ID, by.Session.ID
	g.AuthTime, g.ACR, g.AMR = by.Session.AuthTime, by.Session.ACR, by.Session.AMR
	got, user, err := w.store.FindGrant(w.ctx, w.a.id, g.ID, w.now)
	w.ok(err, "find grant")
	w.same(g, got, "grant")
	w.same(by.User, user, "user of the grant")
}

func completeRace(w *world) {
	done, errs := race(func(i int) (idp.Completed, error) {
		c := w.a.completion(w.a.asked)
		grant := w.a.newGrant("raced", idp.NewSecret())
		grant.ID = idp.GrantID(idp.NewID(w.now))
		if c.Grant = &grant; i%2 == 0 {
			c.Grant = nil
		}
		return w.store.CompleteFlow(w.ctx, c)
	})
	w.won(errs, 1, idp.ErrUsed)
	w.a.audited(idp.EventLogin, 2)
	sessions := 0
	for i := range done {
		if done[i].Session.ID == "" {
			continue
		}
		sessions++
		_, _, err := w.store.FindSession(w.ctx, w.a.id, done[i].Session.ID)
		w.ok(err, "the winner's session")
	}
	w.same(1, sessions, "sessions")
}

func completeRaceOfLinks(w *world) {
	second := w.a.asked
	second.verifier = idp.NewSecret()
	second.link = w.a.newLink("second", second)
	r := w.a.resend("second", w.a.asked.flow)
	w.ok(w.store.Resend(w.ctx, r), "resend")
	w.a.deliver(idp.MailRef{TenantID: w.a.id, ID: r.Mail.ID}, second.link)
	_, errs := race(func(i int) (idp.Completed, error) {
		return w.store.CompleteFlow(w.ctx, w.a.completion([]login{w.a.asked, second}[i%2]))
	})
	w.won(errs, 1, idp.ErrUsed)
	for _, l := range []login{w.a.asked, second} {
		link, _, err := w.store.FindLink(w.ctx, w.a.id, l.link.ID)
		w.ok(err, "find")
		w.same(idp.LinkUsed, link.Outcome, "outcome")
	}
}

func completeInvited(w *world) {
	c := w.a.completion(w.a.asked)
	c.SignUp = idp.SignUpInvited
	_, err := w.store.CompleteFlow(w.ctx, c)
	w.ok(err, "who is invited")
	stranger := w.a.sendAs("stranger", func(n *idp.NewFlow) { n.Flow.Address = "stranger@example.org" })
	c = w.a.completion(stranger)
	c.SignUp = idp.SignUpInvited
	_, err = w.store.CompleteFlow(w.ctx, c)
	w.is(idp.ErrNotAllowed, err, "a stranger")
	_, err = w.store.FindUser(w.ctx, w.a.id, "stranger@example.org")
	w.is(idp.ErrNotFound, err, "the stranger's user")
	flow, err := w.store.FindFlow(w.ctx, w.a.id, stranger.flow.ID)
	w.ok(err, "find")
	w.same(stranger.flow, flow, "the stranger's flow")
}

func completeSignUp(w *world) {
	l := w.a.sendAs("new", func(n *idp.NewFlow) { n.Flow.Address = "new@example.org" })
	c := w.a.completion(l)
	want := c.User
	want.TenantID, want.Address, want.Verified, want.CreatedAt = w.a.id, "new@example.org", true, w.now
	got, err := w.store.CompleteFlow(w.ctx, c)
	w.ok(err, "complete")
	w.same(want, got.User, "user")
	found, err := w.store.FindUser(w.ctx, w.a.id, "new@example.org")
	w.ok(err, "find")
	w.same(want, found, "user")
	w.a.audited(idp.EventSignUp, 1)
}

// completeRefusal is a completion that must fail and leave all as it was.
func completeRefusal(want error, change func(*idp.Completion)) func(*world) {
	return func(w *world) {
		before := w.a.snapshot()
		c := w.a.completion(w.a.asked)
		grant := w.a.newGrant("refused", idp.NewSecret())
		c.Grant = &grant
		change(&c)
		_, err := w.store.CompleteFlow(w.ctx, c)
		w.is(want, err, "complete")
		w.same(before, w.a.snapshot(), "the tenant")
		_, _, err = w.store.FindSession(w.ctx, w.a.id, c.Session.ID)
		w.is(idp.ErrNotFound, err, "session")
		_, _, err = w.store.FindGrant(w.ctx, w.a.id, grant.ID, w.now)
		w.is(idp.ErrNotFound, err, "grant")
	}
}

func completeFlowExpired(w *world) {
	l := w.a.sendAs("short", func(n *idp.NewFlow) { n.Flow.Expires = w.now.Add(time.Minute) })
	c := w.a.completion(l)
	c.Now = w.now.Add(time.Minute)
	_, err := w.store.CompleteFlow(w.ctx, c)
	w.is(idp.ErrExpired, err, "complete")
}

func completeTwice(w *world) {
	_, err := w.store.CompleteFlow(w.ctx, w.a.completion(w.a.asked))
	w.ok(err, "complete")
	before := w.a.snapshot()
	_, err = w.store.CompleteFlow(w.ctx, w.a.completion(w.a.asked))
	w.is(idp.ErrUsed, err, "complete again")
	w.same(before, w.a.snapshot(), "the tenant")
}

func completeReturns(w *world) {
	hit := idp.Hit{Key: idp.LimitKey{1}, Rules: []idp.Rule{{Limit: 1, Period: time.Hour}}}
	w.same([]bool{true}, w.take(w.now, hit), "first")
	w.same([]bool{false}, w.take(w.now, hit), "over the limit")
	taken := idp.Taken{Key: hit.Key, At: w.now, Rules: hit.Rules}
	l := w.a.sendAs("counted", func(n *idp.NewFlow) { n.Flow.Taken = []idp.Taken{taken, {Key: idp.LimitKey{2}, At: w.now}} })
	_, err := w.store.CompleteFlow(w.ctx, w.a.completion(l))
	w.ok(err, "complete")
	w.same([]bool{true}, w.take(w.now, hit), "after the login")
}

func completeReplaces(w *world) {
	waiting := w.a.send("waiting")
	first, err := w.store.CompleteFlow(w.ctx, w.a.completion(waiting))
	w.ok(err, "complete the first")
	c := w.a.completion(w.a.asked)
	c.Replaces = first.Session.ID
	second, err := w.store.CompleteFlow(w.ctx, c)
	w.ok(err, "complete the second")
	old, _, err := w.store.FindSession(w.ctx, w.a.id, first.Session.ID)
	w.ok(err, "find")
	if !old.Revoked {
		w.t.Error("the former session lives on")
	}
	// The same person's other tab still gets to its client, on the new session.
	grant := w.a.newGrant("waiting", idp.NewSecret())
	finished, err := w.store.FinishFlow(w.ctx, w.a.id, waiting.flow.ID, grant, w.now)
	w.ok(err, "finish the first")
	w.same(second.Session.ID, finished.Session.ID, "session")
	isGrantOf(w, grant, finished)
}

func completeDisabled(w *world) {
	u := w.a.newUser("disabled", "disabled@example.org")
	u.Disabled = true
	w.ok(w.store.InviteUser(w.ctx, u), "invite")
	l := w.a.sendAs("disabled", func(n *idp.NewFlow) { n.Flow.Address = u.Address })
	_, err := w.store.CompleteFlow(w.ctx, w.a.completion(l))
	w.is(idp.ErrNotAllowed, err, "complete")
	got, err := w.store.FindUser(w.ctx, w.a.id, u.Address)
	w.ok(err, "find")
	w.same(u, got, "user")
}
