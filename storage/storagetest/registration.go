package storagetest

import (
	"time"

	"postern/idp"
)

var registrationCases = cases{
	"clients are put together, new ones and known ones":    putClients,
	"of clients that are put together, all or none":        putAllOrNone,
	"a client that is deleted takes its grants with it":    deleteClient,
	"what may be presented once is presented once":         useOnce,
	"what is used once is used for its kind and time":      useOnceKinds,
	"a registration token is spent as often as it says":    spendToken,
	"a registration token of others or of old is not good": spendWrongly,
	"a logo replaces the one before":                       logos,
}

func putClients(w *world) {
	fresh, known := w.a.newClient("fresh"), w.a.newClient("app")
	known.Metadata.Name = "Put"
	known.Metadata.JWKS = []byte(`{"keys":[]}`)
	known.Registration = idp.NewSecret().Digest()
	w.ok(w.store.PutClients(w.ctx, w.a.id, []idp.Client{fresh, known}), "put")
	for _, want := range []idp.Client{fresh, known} {
		got, err := w.store.FindClient(w.ctx, w.a.id, want.ID)
		w.ok(err, "find")
		w.same(want.Metadata.Name, got.Metadata.Name, "name")
		w.same(want.Secrets, got.Secrets, "secrets")
		w.same(want.Registration, got.Registration, "registration")
		w.same(w.a.client.CreatedAt, got.CreatedAt, "creation")
	}
}

func putAllOrNone(w *world) {
	bad := w.a.newClient("bad")
	bad.Metadata.JWKS = []byte(`{`)
	if err := w.store.PutClients(w.ctx, w.a.id, []idp.Client{w.a.newClient("good"), bad}); err == nil {
		w.t.Fatal("metadata that cannot be written are written")
	}
	_, err := w.store.FindClient(w.ctx, w.a.id, "good")
	w.is(idp.ErrNotFound, err, "the one before")
}

func deleteClient(w *world) {
	w.ok(w.store.SaveLogo(w.ctx, idp.Logo{TenantID: w.a.id, ClientID: "app", Source: "x", PNG: []byte("p")}), "save logo")
	w.ok(w.store.DeleteClient(w.ctx, w.a.id, "app", w.now), "delete")
	_, err := w.store.FindClient(w.ctx, w.a.id, "app")
	w.is(idp.ErrNotFound, err, "find")
	_, err = w.store.FindLogo(w.ctx, w.a.id, "app")
	w.is(idp.ErrNotFound, err, "find logo")
	grantIs(w, w.a.grant.ID, w.now, idp.ErrNotFound)
	grantIsOf(w, w.b, w.b.grant.ID)
	w.is(idp.ErrNotFound, w.store.DeleteClient(w.ctx, w.a.id, "app", w.now), "delete again")
	w.a.audited(idp.EventClientGone, 1)
}

func grantIsOf(w *world, s *side, id idp.GrantID) {
	w.t.Helper()
	_, _, err := w.store.FindGrant(w.ctx, s.id, id, w.now)
	w.ok(err, "find grant")
}

func useOnce(w *world) {
	d := idp.NewSecret().Digest()
	_, errs := race(func(int) (struct{}, error) {
		return struct{}{}, w.store.UseOnce(w.ctx, w.a.id, "jti", d, w.now.Add(time.Minute))
	})
	w.won(errs, 1, idp.ErrUsed)
	w.ok(w.store.UseOnce(w.ctx, w.b.id, "jti", d, w.now.Add(time.Minute)), "in the other tenant")
}

func useOnceKinds(w *world) {
	d, over := idp.NewSecret().Digest(), w.now.Add(time.Minute)
	w.ok(w.store.UseOnce(w.ctx, w.a.id, "jti", d, over), "first")
	w.ok(w.store.UseOnce(w.ctx, w.a.id, "another", d, over), "another kind")
	w.ok(w.store.UseOnce(w.ctx, w.a.id, "jti", idp.NewSecret().Digest(), over), "another one")
	sweepAt(w, over.Add(-time.Microsecond))
	w.is(idp.ErrUsed, w.store.UseOnce(w.ctx, w.a.id, "jti", d, over), "in its last moment")
	sweepAt(w, over)
	w.ok(w.store.UseOnce(w.ctx, w.a.id, "jti", d, over), "after its time")
}

func (s *side) newToken(uses int) (idp.RegistrationToken, idp.Digest) {
	d := idp.NewSecret().Digest()
	return idp.RegistrationToken{
		TenantID: s.id, ID: s.w.id("token"), Digest: d, Uses: uses, CreatedAt: s.w.now, Expires: s.w.now.Add(time.Hour),
	}, d
}

func spendToken(w *world) {
	token, d := w.a.newToken(3)
	w.ok(w.store.CreateRegistrationToken(w.ctx, token), "create")
	_, errs := race(func(int) (struct{}, error) {
		return struct{}{}, w.store.SpendRegistrationToken(w.ctx, w.a.id, token.ID, d, w.now)
	})
	w.won(errs, 3, idp.ErrExhausted)
}

func spendWrongly(w *world) {
	token, d := w.a.newToken(1)
	w.ok(w.store.CreateRegistrationToken(w.ctx, token), "create")
	spend := w.store.SpendRegistrationToken
	w.is(idp.ErrNotFound, spend(w.ctx, w.a.id, token.ID, idp.NewSecret().Digest(), w.now), "another secret")
	w.is(idp.ErrNotFound, spend(w.ctx, w.a.id, w.id("no token"), d, w.now), "another name")
	w.is(idp.ErrNotFound, spend(w.ctx, w.b.id, token.ID, d, w.now), "another tenant")
	w.is(idp.ErrExpired, spend(w.ctx, w.a.id, token.ID, d, token.Expires), "too late")
	w.ok(spend(w.ctx, w.a.id, token.ID, d, token.Expires.Add(-time.Microsecond)), "in its last moment")
	sweepAt(w, token.Expires)
	w.is(idp.ErrNotFound, spend(w.ctx, w.a.id, token.ID, d, w.now), "swept")
}

func logos(w *world) {
	_, err := w.store.FindLogo(w.ctx, w.a.id, "app")
	w.is(idp.ErrNotFound, err, "none yet")
	for _, source := range []string{"https://a.example/1.png", "https://a.example/2.png"} {
		want := idp.Logo{TenantID: w.a.id, ClientID: "app", Source: source, PNG: []byte(source)}
		w.ok(w.store.SaveLogo(w.ctx, want), "save")
		got, err := w.store.FindLogo(w.ctx, w.a.id, "app")
		w.ok(err, "find")
		w.same(want, got, "logo")
	}
	_, err = w.store.FindLogo(w.ctx, w.b.id, "app")
	w.is(idp.ErrNotFound, err, "the other's")
}
