package storagetest

import (
	"time"

	"postern/idp"
)

var rotateCases = cases{
	"a refresh token is replaced by its successor":           rotateOnce,
	"the previous one gets the same answer within the grace": rotateGrace,
	"the previous one after the grace revokes the family":    rotateAfterGrace,
	"an older one revokes the family":                        rotateOlder,
	"one that nobody issued changes nothing":                 rotateForged,
	"one from before tokens were marked rotates":             rotateUnmarked,
	"of many at once one rotates and all get the same token": rotateRace,
	"another client's is a mismatch and changes nothing":     rotateMismatch,
	"a refresh token is good until it expires":               rotateExpires,
	"a rotation gives it a new life":                         rotateRenews,
	"however often it rotates, the family ends":              rotateEnds,
	"a family that may live shorter now has ended":           rotateShortened,
	"a grant without a refresh token is not found":           func(w *world) { rotateIs(w, w.a.grant, idp.NewSecret(), w.now, idp.ErrNotFound) },
	"no grant is not found":                                  func(w *world) { rotateIs(w, idp.Grant{ID: "none"}, idp.NewSecret(), w.now, idp.ErrNotFound) },
	"a revoked grant's is not found, and stays as it is":     rotateRevoked,
	"it outlives the session":                                rotateOutlives,
	"a disabled person's is not found":                       rotateDisabled,
}

// family writes an offline grant with a refresh token.
func family(w *world) (idp.Grant, idp.Secret) {
	w.t.Helper()
	token := idp.NewSecret()
	g, _ := w.a.grantFor("family", func(g *idp.Grant) {
		offline(g)
		g.CodeUsed, g.Refresh, g.RefreshExpires = true, token.Digest(), w.now.Add(idp.RefreshTokenLife)
		g.Expires = g.RefreshExpires
	})
	return g, token
}

func (s *side) rotation(g idp.Grant, presented idp.Secret) idp.Rotation {
	return idp.Rotation{TenantID: s.id, GrantID: g.ID, ClientID: "app", Presented: presented, Issued: true, Salt: idp.NewSecret(), Life: idp.DefaultRefreshLife, Now: s.w.now}
}

func rotateIs(w *world, g idp.Grant, presented idp.Secret, now time.Time, want error) idp.Secret {
	w.t.Helper()
	r := w.a.rotation(g, presented)
	r.Now = now
	got, err := w.store.RotateRefresh(w.ctx, r)
	w.is(want, err, "rotate")
	return presented.Successor(got.Salt)
}

func familyIsRevoked(w *world, g idp.Grant) {
	w.t.Helper()
	grantIs(w, g.ID, w.now, idp.ErrNotFound)
	w.a.audited(idp.EventTokenReuse, 1)
}

func rotateOnce(w *world) {
	g, token := family(w)
	r := w.a.rotation(g, token)
	r.Now = w.now.Add(time.Hour)
	got, err := w.store.RotateRefresh(w.ctx, r)
	w.ok(err, "rotate")
	w.same(r.Salt.Reveal(), got.Salt.Reveal(), "salt")
	w.same(w.a.user, got.User, "user")
	g.Refresh, g.RefreshExpires = token.Successor(r.Salt).Digest(), r.Now.Add(idp.RefreshTokenLife)
	g.Expires = got.Grant.Expires
	w.same(g, got.Grant, "grant")
	found, _, err := w.store.FindGrant(w.ctx, w.a.id, g.ID, w.now)
	w.ok(err, "find")
	w.same(g, found, "grant")
	rotateIs(w, g, token.Successor(r.Salt), r.Now, nil)
}

func rotateGrace(w *world) {
	g, token := family(w)
	first := rotateIs(w, g, token, w.now, nil)
	again := rotateIs(w, g, token, w.now.Add(idp.RefreshGrace-time.Microsecond), nil)
	w.same(first.Reveal(), again.Reveal(), "successor")
	rotateIs(w, g, again, w.now.Add(idp.RefreshGrace), nil)
}

func rotateAfterGrace(w *world) {
	g, token := family(w)
	next := rotateIs(w, g, token, w.now, nil)
	rotateIs(w, g, token, w.now.Add(idp.RefreshGrace), idp.ErrUsed)
	familyIsRevoked(w, g)
	rotateIs(w, g, next, w.now, idp.ErrNotFound)
}

func rotateOlder(w *world) {
	g, token := family(w)
	rotateIs(w, g, rotateIs(w, g, token, w.now, nil), w.now, nil)
	rotateIs(w, g, token, w.now, idp.ErrUsed)
	familyIsRevoked(w, g)
}

func rotateForged(w *world) {
	g, token := family(w)
	next := rotateIs(w, g, token, w.now, nil)
	forged := w.a.rotation(g, idp.NewSecret())
	forged.Issued = false
	for range 2 {
		_, err := w.store.RotateRefresh(w.ctx, forged)
		w.is(idp.ErrNotFound, err, "rotate a forged one")
	}
	w.a.audited(idp.EventTokenReuse, 0)
	rotateIs(w, g, next, w.now, nil)
}

func rotateUnmarked(w *world) {
	g, token := family(w)
	r := w.a.rotation(g, token)
	r.Issued = false
	got, err := w.store.RotateRefresh(w.ctx, r)
	w.ok(err, "rotate")
	again, err := w.store.RotateRefresh(w.ctx, r)
	w.ok(err, "rotate again")
	w.same(got.Salt.Reveal(), again.Salt.Reveal(), "salt")
	r.Now = w.now.Add(idp.RefreshGrace)
	_, err = w.store.RotateRefresh(w.ctx, r)
	w.is(idp.ErrNotFound, err, "rotate after the grace")
	rotateIs(w, g, token.Successor(got.Salt), r.Now, nil)
}

func rotateRace(w *world) {
	g, token := family(w)
	got, errs := race(func(int) (idp.Rotated, error) { return w.store.RotateRefresh(w.ctx, w.a.rotation(g, token)) })
	w.won(errs, racers, nil)
	for _, r := range got {
		w.same(got[0].Salt.Reveal(), r.Salt.Reveal(), "salt")
	}
	rotateIs(w, g, token.Successor(got[0].Salt), w.now, nil)
	w.a.audited(idp.EventTokenReuse, 0)
}

func rotateMismatch(w *world) {
	g, token := family(w)
	r := w.a.rotation(g, token)
	r.ClientID = "other"
	_, err := w.store.RotateRefresh(w.ctx, r)
	w.is(idp.ErrMismatch, err, "rotate")
	r.Presented = idp.NewSecret()
	_, err = w.store.RotateRefresh(w.ctx, r)
	w.is(idp.ErrMismatch, err, "rotate a forged one")
	rotateIs(w, g, token, w.now, nil)
}

func rotateExpires(w *world) {
	g, token := family(w)
	rotateIs(w, g, token, g.RefreshExpires, idp.ErrExpired)
	rotateIs(w, g, token, g.RefreshExpires.Add(-time.Microsecond), nil)
}

func rotateRenews(w *world) {
	g, token := family(w)
	late := g.RefreshExpires.Add(-time.Minute)
	next := rotateIs(w, g, token, late, nil)
	rotateIs(w, g, next, late.Add(idp.RefreshTokenLife-time.Minute), nil)
}

func rotateEnds(w *world) {
	g, token := family(w)
	end := g.CreatedAt.Add(idp.DefaultRefreshLife)
	now := w.now
	for now.Before(end.Add(-idp.RefreshTokenLife)) {
		now = now.Add(idp.RefreshTokenLife - time.Hour)
		token = rotateIs(w, g, token, now, nil)
	}
	r := w.a.rotation(g, token)
	r.Now = end.Add(-time.Microsecond)
	got, err := w.store.RotateRefresh(w.ctx, r)
	w.ok(err, "rotate in the last moment")
	w.same(end, got.Grant.RefreshExpires, "the last one expires")
	rotateIs(w, g, token.Successor(got.Salt), end, idp.ErrExpired)
	w.a.audited(idp.EventTokenReuse, 0)
}

func rotateShortened(w *world) {
	g, token := family(w)
	r := w.a.rotation(g, token)
	r.Life = time.Hour
	r.Now = g.CreatedAt.Add(r.Life)
	_, err := w.store.RotateRefresh(w.ctx, r)
	w.is(idp.ErrExpired, err, "rotate")
	rotateIs(w, g, token, r.Now, nil) // nothing was changed
}

func rotateRevoked(w *world) {
	g, token := family(w)
	w.ok(w.store.RevokeGrant(w.ctx, w.a.id, g.ID, "app", w.now), "revoke")
	rotateIs(w, g, token, w.now, idp.ErrNotFound)
	rotateIs(w, g, idp.NewSecret(), w.now, idp.ErrNotFound)
	w.a.audited(idp.EventTokenReuse, 0)
}

func rotateOutlives(w *world) {
	g, token := family(w)
	w.ok(w.store.RevokeSession(w.ctx, w.a.id, w.a.session.ID, w.now), "revoke")
	rotateIs(w, g, token, w.now, nil)
}

func rotateDisabled(w *world) {
	u := w.a.newUser("disabled", "disabled@example.org")
	u.Disabled = true
	w.ok(w.store.InviteUser(w.ctx, u), "invite")
	token := idp.NewSecret()
	g, _ := w.a.grantFor("family", func(g *idp.Grant) {
		offline(g)
		g.UserID, g.Refresh, g.RefreshExpires = u.ID, token.Digest(), w.now.Add(time.Hour)
	})
	rotateIs(w, g, token, w.now, idp.ErrNotFound)
}
