package storagetest

import (
	"strconv"
	"time"

	"postern/idp"
)

// What may be presented once goes with a step and is noted in it: of many steps
// with the same one, only the first succeeds, and the rest change nothing.
var onceCases = cases{
	"of many codes redeemed with one proof one gives tokens":   redeemOneProof,
	"of many refreshes with one proof one gives tokens":        rotateOneProof,
	"of many uses of a token with one proof one is answered":   useOneProof,
	"of many exchanges with one proof one is answered":         exchangeOneProof,
	"a proof is not noted with what is refused":                proofOfRefused,
	"a code goes to the key that was asked for":                redeemForKey,
	"a bound refresh token is its key's":                       rotateForKey,
	"a token that stays is answered with itself":               rotateStays,
	"of many codes for one pushed request one is written":      pushedGrants,
	"a pushed request is found until it has given a code":      pushedFound,
	"a login answers a pushed request once":                    pushedLogins,
	"a login that waits answers a pushed request once":         pushedFinishes,
	"a consent answers a pushed request once":                  pushedConsents,
	"a pushed request of the other is not this one":            pushedOfBoth,
	"a pushed request is remembered as long as it can be told": pushedKept,
}

func (w *world) proof() idp.Once {
	return idp.Once{Kind: idp.OnceProof, Digest: idp.NewSecret().Digest(), Expires: w.now.Add(time.Minute)}
}

func redeemOneProof(w *world) {
	proof := w.proof()
	redemptions := make([]idp.Redemption, racers)
	for i := range redemptions {
		redemptions[i] = w.a.redemption(w.a.grantFor("raced "+strconv.Itoa(i), offline))
		redemptions[i].Once = proof
	}
	_, errs := race(func(i int) (idp.Grant, error) {
		g, _, err := w.store.RedeemCode(w.ctx, redemptions[i])
		return g, err
	})
	w.won(errs, 1, idp.ErrReplayed)
	for i, r := range redemptions {
		if errs[i] == nil {
			continue
		}
		r.Once = w.proof()
		_, _, err := w.store.RedeemCode(w.ctx, r)
		w.ok(err, "the code, with a fresh proof")
		return
	}
}

func rotateOneProof(w *world) {
	proof := w.proof()
	rotations := make([]idp.Rotation, racers)
	for i := range rotations {
		g, token := w.a.refreshable("raced " + strconv.Itoa(i))
		rotations[i] = w.a.rotation(g, token)
		rotations[i].Once = proof
	}
	_, errs := race(func(i int) (idp.Rotated, error) { return w.store.RotateRefresh(w.ctx, rotations[i]) })
	w.won(errs, 1, idp.ErrReplayed)
	for i, r := range rotations {
		if errs[i] == nil {
			continue
		}
		r.Once = w.proof()
		_, err := w.store.RotateRefresh(w.ctx, r)
		w.ok(err, "the token, with a fresh proof")
		return
	}
}

func useOneProof(w *world) {
	proof := w.proof()
	_, errs := race(func(int) (idp.Grant, error) {
		g, _, err := w.store.UseGrant(w.ctx, w.a.id, w.a.grant.ID, proof, w.now)
		return g, err
	})
	w.won(errs, 1, idp.ErrReplayed)
	got, user, err := w.store.UseGrant(w.ctx, w.a.id, w.a.grant.ID, w.proof(), w.now)
	w.ok(err, "a fresh proof")
	w.same(w.a.grant, got, "grant")
	w.same(w.a.user, user, "user")
	_, _, err = w.store.UseGrant(w.ctx, w.b.id, w.b.grant.ID, proof, w.now)
	w.ok(err, "in the other tenant")
	w.ok(w.store.RevokeGrant(w.ctx, w.a.id, w.a.grant.ID, "app", w.now), "revoke")
	_, _, err = w.store.UseGrant(w.ctx, w.a.id, w.a.grant.ID, w.proof(), w.now)
	w.is(idp.ErrNotFound, err, "a grant that is revoked")
}

func proofOfRefused(w *world) {
	r := w.a.redemption(w.a.grant, w.a.code)
	r.Once, r.RedirectURI = w.proof(), "https://elsewhere.example"
	_, _, err := w.store.RedeemCode(w.ctx, r)
	w.is(idp.ErrMismatch, err, "redeem")
	r.RedirectURI = w.a.grant.Request.RedirectURI
	_, _, err = w.store.RedeemCode(w.ctx, r)
	w.ok(err, "redeem with the same proof")
}

func redeemForKey(w *world) {
	g, code := w.a.grantFor("keyed", func(g *idp.Grant) { g.Request.DPoPKey = "the key" })
	r := w.a.redemption(g, code)
	for _, key := range []string{"", "another key"} {
		r.DPoPKey = key
		_, _, err := w.store.RedeemCode(w.ctx, r)
		w.is(idp.ErrMismatch, err, "redeem by "+strconv.Quote(key))
	}
	r.DPoPKey = "the key"
	_, _, err := w.store.RedeemCode(w.ctx, r)
	w.ok(err, "redeem by the key")
}

func rotateForKey(w *world) {
	g, code := w.a.grantFor("bound", offline)
	r := w.a.redemption(g, code)
	token := idp.NewSecret()
	r.Refresh, r.BindTo = token.Digest(), "jkt:mine"
	got, _, err := w.store.RedeemCode(w.ctx, r)
	w.ok(err, "redeem")
	w.same("jkt:mine", got.BoundTo, "bound to")
	for _, key := range []string{"", "jkt:another"} {
		rotation := w.a.rotation(g, token)
		rotation.BoundTo = key
		_, err := w.store.RotateRefresh(w.ctx, rotation)
		w.is(idp.ErrMismatch, err, "rotate by "+strconv.Quote(key))
	}
	rotation := w.a.rotation(g, token)
	rotation.BoundTo = "jkt:mine"
	rotated, err := w.store.RotateRefresh(w.ctx, rotation)
	w.ok(err, "rotate by the key")
	w.same("jkt:mine", rotated.Grant.BoundTo, "bound to, still")
}

func rotateStays(w *world) {
	g, token := w.a.refreshable("stays")
	for _, after := range []time.Duration{0, time.Hour, 2 * time.Hour} {
		r := w.a.rotation(g, token)
		r.Stay, r.Now = true, w.now.Add(after)
		rotated, err := w.store.RotateRefresh(w.ctx, r)
		w.ok(err, "rotate")
		if !rotated.Grant.Refresh.Equal(token.Digest()) {
			w.t.Fatal("another token")
		}
		w.same(r.Now.Add(idp.RefreshTokenLife), rotated.Grant.RefreshExpires, "life")
	}
}

// refreshable gives a grant that has been redeemed for a refresh token.
func (s *side) refreshable(name string) (idp.Grant, idp.Secret) {
	s.w.t.Helper()
	g, code := s.grantFor(name, offline)
	r := s.redemption(g, code)
	token := idp.NewSecret()
	r.Refresh = token.Digest()
	_, _, err := s.w.store.RedeemCode(s.w.ctx, r)
	s.w.ok(err, "redeem")
	return g, token
}

func pushed(id string) func(*idp.NewFlow) {
	return func(n *idp.NewFlow) { n.Flow.Request.Pushed = id }
}

// pushedGrant is what answers a pushed request by a session.
func (s *side) pushedGrant(name, id string) idp.Grant {
	g := s.grant
	g.ID, g.Code, g.Request.Pushed = idp.GrantID(s.w.id("grant "+name)), idp.NewSecret().Digest(), id
	return g
}

func pushedGrants(w *world) {
	id := w.id("pushed")
	grants := make([]idp.Grant, racers)
	for i := range grants {
		grants[i] = w.a.pushedGrant("pushed "+strconv.Itoa(i), id)
	}
	_, errs := race(func(i int) (struct{}, error) { return struct{}{}, w.store.CreateGrant(w.ctx, grants[i]) })
	w.won(errs, 1, idp.ErrReplayed)
	for i, g := range grants {
		_, _, err := w.store.FindGrant(w.ctx, w.a.id, g.ID, w.now)
		if errs[i] == nil {
			w.ok(err, "the winner's grant")
		} else {
			w.is(idp.ErrNotFound, err, "a loser's grant")
		}
	}
}

// pushedFound asks for a pushed request before and after its code.
func pushedFound(w *world) {
	_, err := w.store.FindPushed(w.ctx, w.a.id, w.id("none"))
	w.is(idp.ErrNotFound, err, "none")
	got, err := w.store.FindPushed(w.ctx, w.a.id, w.a.stored.ID)
	w.ok(err, "waiting")
	w.same(w.a.stored, got, "request")
	w.ok(w.store.CreateGrant(w.ctx, w.a.pushedGrant("pushed", w.a.stored.ID)), "answer")
	_, err = w.store.FindPushed(w.ctx, w.a.id, w.a.stored.ID)
	w.is(idp.ErrUsed, err, "answered")
	_, err = w.store.FindPushed(w.ctx, w.b.id, w.b.stored.ID)
	w.ok(err, "the other's")
}

func pushedLogins(w *world) {
	id := w.id("pushed")
	logins := []login{w.a.sendAs("first", pushed(id)), w.a.sendAs("second", pushed(id))}
	for i, want := range []error{nil, idp.ErrReplayed} {
		c, g := w.a.completion(logins[i]), w.a.newGrant("pushed "+strconv.Itoa(i), idp.NewSecret())
		c.Grant = &g
		_, err := w.store.CompleteFlow(w.ctx, c)
		w.is(want, err, "complete")
	}
	flow, err := w.store.FindFlow(w.ctx, w.a.id, logins[1].flow.ID)
	w.ok(err, "find flow")
	w.same(idp.FlowAsked, flow.State, "the second login")
}

func pushedFinishes(w *world) {
	id := w.id("pushed")
	for i, want := range []error{nil, idp.ErrReplayed} {
		name := "waiting " + strconv.Itoa(i)
		done, err := w.store.CompleteFlow(w.ctx, w.a.completion(w.a.sendAs(name, pushed(id))))
		w.ok(err, "complete")
		_, err = w.store.FinishFlow(w.ctx, w.a.id, done.Flow.ID, w.a.newGrant(name, idp.NewSecret()), w.now)
		w.is(want, err, "finish")
	}
}

func pushedConsents(w *world) {
	id := w.id("pushed")
	consent := idp.Consent{TenantID: w.a.id, UserID: w.a.user.ID, ClientID: "app", Scope: []string{"openid"}, AgreedAt: w.now}
	w.ok(w.store.Agree(w.ctx, consent, w.a.pushedGrant("agreed", id)), "agree")
	consent.Scope = []string{"openid", "email"}
	w.is(idp.ErrReplayed, w.store.Agree(w.ctx, consent, w.a.pushedGrant("agreed again", id)), "agree again")
	got, err := w.store.FindConsent(w.ctx, w.a.id, w.a.user.ID, "app")
	w.ok(err, "find consent")
	w.same([]string{"openid"}, got.Scope, "what was agreed to")
}

func pushedOfBoth(w *world) {
	id := w.id("pushed")
	w.bMayChange = true
	w.ok(w.store.CreateGrant(w.ctx, w.b.pushedGrant("pushed", id)), "theirs")
	w.ok(w.store.CreateGrant(w.ctx, w.a.pushedGrant("pushed", id)), "mine")
}

func pushedKept(w *world) {
	id := w.id("pushed")
	g := w.a.pushedGrant("first", id)
	w.ok(w.store.CreateGrant(w.ctx, g), "first")
	sweepAt(w, g.CreatedAt.Add(idp.PushedKept-time.Microsecond))
	w.is(idp.ErrReplayed, w.store.CreateGrant(w.ctx, w.a.pushedGrant("second", id)), "in the last moment")
	sweepAt(w, g.CreatedAt.Add(idp.PushedKept))
	w.ok(w.store.CreateGrant(w.ctx, w.a.pushedGrant("third", id)), "after its time")
}
