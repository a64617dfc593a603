package storagetest

import (
	"time"

	"postern/idp"
)

var redeemCases = cases{
	"a code gives the grant and its user, once": func(w *world) {
		r := w.a.redemption(w.a.grant, w.a.code)
		got, user, err := w.store.RedeemCode(w.ctx, r)
		w.ok(err, "redeem")
		want := w.a.grant
		want.CodeUsed = true
		w.same(want, got, "grant")
		w.same(w.a.user, user, "user")
		found, _, err := w.store.FindGrant(w.ctx, w.a.id, want.ID, w.now)
		w.ok(err, "find")
		w.same(want, found, "grant")
	},
	"an offline grant gets the refresh token and lives as long": redeemOffline,
	"a grant that is not offline gets no refresh token": func(w *world) {
		r := w.a.redemption(w.a.grant, w.a.code)
		r.Refresh = idp.NewSecret().Digest()
		got, _, err := w.store.RedeemCode(w.ctx, r)
		w.ok(err, "redeem")
		if !got.Refresh.IsZero() {
			w.t.Error("has one")
		}
	},
	"of many at once one wins and the rest revoke":           redeemRace,
	"a code again revokes the grant, whatever comes with it": redeemAgain,
	"no grant is not found":                                  func(w *world) { redeemRefused(w, idp.ErrNotFound, func(r *idp.Redemption) { r.GrantID = "none" }) },
	"a wrong code is not found": func(w *world) {
		redeemRefused(w, idp.ErrNotFound, func(r *idp.Redemption) { r.Code = idp.NewSecret().Digest() })
	},
	"no code is not found":                func(w *world) { redeemRefused(w, idp.ErrNotFound, func(r *idp.Redemption) { r.Code = idp.Digest{} }) },
	"another client's code is a mismatch": func(w *world) { redeemRefused(w, idp.ErrMismatch, func(r *idp.Redemption) { r.ClientID = "other" }) },
	"another redirect URI is a mismatch":  func(w *world) { redeemRefused(w, idp.ErrMismatch, func(r *idp.Redemption) { r.RedirectURI += "/" }) },
	"another challenge is a mismatch": func(w *world) {
		redeemRefused(w, idp.ErrMismatch, func(r *idp.Redemption) { r.Challenge = "Challenge" })
	},
	"no challenge where one was is a mismatch": func(w *world) { redeemRefused(w, idp.ErrMismatch, func(r *idp.Redemption) { r.Challenge = "" }) },
	"a challenge where none was is a mismatch": func(w *world) {
		g, code := w.a.grantFor("plain", func(g *idp.Grant) { g.Request.CodeChallenge = "" })
		r := w.a.redemption(g, code)
		r.Challenge = "challenge"
		_, _, err := w.store.RedeemCode(w.ctx, r)
		w.is(idp.ErrMismatch, err, "redeem")
		r.Challenge = ""
		_, _, err = w.store.RedeemCode(w.ctx, r)
		w.ok(err, "redeem without")
	},
	"a code is good until it expires": func(w *world) {
		redeemRefused(w, idp.ErrExpired, func(r *idp.Redemption) { r.Now = w.a.grant.CodeExpires })
		r := w.a.redemption(w.a.grant, w.a.code)
		r.Now = w.a.grant.CodeExpires.Add(-time.Microsecond)
		_, _, err := w.store.RedeemCode(w.ctx, r)
		w.ok(err, "redeem in the last moment")
	},
	"a revoked grant's code is not found": func(w *world) {
		w.ok(w.store.RevokeGrant(w.ctx, w.a.id, w.a.grant.ID, "app", w.now), "revoke")
		redeemRefused(w, idp.ErrNotFound, func(*idp.Redemption) {})
	},
	"who signed out meanwhile gets no token": func(w *world) {
		w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
		redeemRefused(w, idp.ErrNotFound, func(*idp.Redemption) {})
	},
}

func (s *side) redemption(g idp.Grant, code idp.Secret) idp.Redemption {
	return idp.Redemption{
		TenantID: s.id, GrantID: g.ID, Code: code.Digest(), ClientID: g.ClientID,
		RedirectURI: g.Request.RedirectURI, Challenge: g.Request.CodeChallenge, Now: s.w.now,
		RefreshExpires: s.w.now.Add(20 * 24 * time.Hour),
	}
}

// redeemRefused is a redemption that must fail and leave all as it was.
func redeemRefused(w *world, want error, change func(*idp.Redemption)) {
	w.t.Helper()
	before := w.a.snapshot()
	r := w.a.redemption(w.a.grant, w.a.code)
	change(&r)
	_, _, err := w.store.RedeemCode(w.ctx, r)
	w.is(want, err, "redeem")
	w.same(before, w.a.snapshot(), "the tenant")
}

func redeemOffline(w *world) {
	g, code := w.a.grantFor("offline", offline)
	r := w.a.redemption(g, code)
	r.Refresh = idp.NewSecret().Digest()
	got, _, err := w.store.RedeemCode(w.ctx, r)
	w.ok(err, "redeem")
	g.CodeUsed, g.Refresh, g.RefreshExpires = true, r.Refresh, r.RefreshExpires
	if got.Expires.Before(g.RefreshExpires) {
		w.t.Errorf("ends %s, before its refresh token", got.Expires)
	}
	g.Expires = got.Expires
	w.same(g, got, "grant")
	grantIs(w, g.ID, g.RefreshExpires.Add(-time.Microsecond), nil)
}

func redeemRace(w *world) {
	_, errs := race(func(int) (idp.Grant, error) {
		g, _, err := w.store.RedeemCode(w.ctx, w.a.redemption(w.a.grant, w.a.code))
		return g, err
	})
	w.won(errs, 1, idp.ErrUsed)
	grantIs(w, w.a.grant.ID, w.now, idp.ErrNotFound)
	w.a.audited(idp.EventCodeReuse, 1)
}

func redeemAgain(w *world) {
	r := w.a.redemption(w.a.grant, w.a.code)
	_, _, err := w.store.RedeemCode(w.ctx, r)
	w.ok(err, "redeem")
	stranger := r
	stranger.ClientID = "other"
	_, _, err = w.store.RedeemCode(w.ctx, stranger)
	w.is(idp.ErrMismatch, err, "again, by another client")
	guess := r
	guess.Code = idp.NewSecret().Digest()
	_, _, err = w.store.RedeemCode(w.ctx, guess)
	w.is(idp.ErrNotFound, err, "again, with a wrong code")
	grantIs(w, w.a.grant.ID, w.now, nil)
	r.Now, r.Challenge = w.a.grant.CodeExpires.Add(time.Minute), "another"
	_, _, err = w.store.RedeemCode(w.ctx, r)
	w.is(idp.ErrUsed, err, "again")
	grantIs(w, w.a.grant.ID, w.now, idp.ErrNotFound)
	w.a.audited(idp.EventCodeReuse, 1)
}
