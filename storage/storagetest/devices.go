package storagetest

import (
	"time"

	"postern/idp"
)

var deviceCases = cases{
	"a device's login is found by its id and by its code": deviceFound,
	"an allowed device gets tokens, once":                 deviceAllowed,
	"of many polls one gets tokens":                       devicePollRace,
	"of many answers the first counts":                    deviceDecideRace,
	"a device that is denied gets none":                   deviceDenied,
	"a device that polls too often is told so":            deviceHasty,
	"what is not the device's gets none":                  deviceForeign,
	"a device's login ends with its time":                 deviceExpires,
	"a device whose person has left gets none":            deviceOfDisabled,
	"a proof that came with a poll counts once":           deviceProof,
}

// device is a login that a device has asked for, and its secret.
func (s *side) device(name string) (idp.DeviceLogin, idp.Secret) {
	s.w.t.Helper()
	secret := idp.NewSecret()
	d := idp.DeviceLogin{
		TenantID: s.id, ID: s.w.id("device " + name), Secret: secret.Digest(), UserCode: idp.DigestOf([]byte(s.w.id("code " + name))),
		Request: idp.AuthRequest{ClientID: "app", Scope: []string{"openid", "offline_access"}, Device: s.w.id("device " + name)},
		Asked:   idp.Device{Browser: "curl", Network: "192.0.2.x"}, State: idp.DeviceAsked, Expires: s.w.now.Add(idp.DeviceLife),
	}
	s.w.ok(s.w.store.StartDevice(s.w.ctx, d), "start device")
	return d, secret
}

func (s *side) poll(d idp.DeviceLogin, secret idp.Secret) idp.DevicePoll {
	return idp.DevicePoll{TenantID: s.id, ID: d.ID, Secret: secret.Digest(), ClientID: "app", Refresh: idp.NewSecret().Digest(), RefreshExpires: s.w.now.Add(20 * 24 * time.Hour), BindTo: "jkt:mine", Now: s.w.now}
}

// deviceGrant is what a person's yes writes.
func (s *side) deviceGrant(d idp.DeviceLogin) idp.Grant {
	g := s.grant
	g.ID, g.Code, g.CodeUsed, g.Request = idp.GrantID(idp.NewID(s.w.now)), idp.NewSecret().Digest(), true, d.Request
	return g
}

func pollIs(w *world, p idp.DevicePoll, want error) {
	w.t.Helper()
	_, _, err := w.store.PollDevice(w.ctx, p)
	w.is(want, err, "poll")
}

func deviceFound(w *world) {
	d, _ := w.a.device("one")
	theirs, _ := w.b.device("one")
	w.bMayChange = true
	got, err := w.store.FindDevice(w.ctx, w.a.id, d.ID)
	w.ok(err, "find")
	w.same(d, got, "device")
	got, err = w.store.FindDeviceByCode(w.ctx, w.a.id, d.UserCode)
	w.ok(err, "find by code")
	w.same(d, got, "device")
	w.same(theirs.TenantID, w.b.id, "tenant of the other's")
	_, err = w.store.FindDevice(w.ctx, w.a.id, w.id("none"))
	w.is(idp.ErrNotFound, err, "none")
	_, err = w.store.FindDeviceByCode(w.ctx, w.a.id, idp.NewSecret().Digest())
	w.is(idp.ErrNotFound, err, "no such code")
	twice := d
	twice.ID = w.id("device two")
	w.is(idp.ErrConflict, w.store.StartDevice(w.ctx, twice), "the code again")
}

func deviceAllowed(w *world) {
	d, secret := w.a.device("one")
	p := w.a.poll(d, secret)
	pollIs(w, p, idp.ErrPending)
	g := w.a.deviceGrant(d)
	w.ok(w.store.DecideDevice(w.ctx, w.a.id, d.ID, g, w.now), "allow")
	p.Now = p.Now.Add(idp.DeviceInterval)
	got, user, err := w.store.PollDevice(w.ctx, p)
	w.ok(err, "poll")
	g.Refresh, g.RefreshExpires, g.BoundTo = p.Refresh, p.RefreshExpires, "jkt:mine"
	g.Expires = g.RefreshExpires
	w.same(g, got, "grant")
	w.same(w.a.user, user, "user")
	found, _, err := w.store.FindGrant(w.ctx, w.a.id, g.ID, w.now)
	w.ok(err, "find grant")
	w.same(g, found, "grant that is kept")
	p.Now = p.Now.Add(idp.DeviceInterval)
	pollIs(w, p, idp.ErrUsed)
}

func devicePollRace(w *world) {
	d, secret := w.a.device("one")
	w.ok(w.store.DecideDevice(w.ctx, w.a.id, d.ID, w.a.deviceGrant(d), w.now), "allow")
	_, errs := race(func(int) (idp.Grant, error) {
		g, _, err := w.store.PollDevice(w.ctx, w.a.poll(d, secret))
		return g, err
	})
	w.won(errs, 1, idp.ErrUsed)
}

func deviceDecideRace(w *world) {
	d, _ := w.a.device("one")
	grants := make([]idp.Grant, racers)
	for i := range grants {
		if i%2 == 0 {
			grants[i] = w.a.deviceGrant(d)
		}
	}
	_, errs := race(func(i int) (struct{}, error) {
		return struct{}{}, w.store.DecideDevice(w.ctx, w.a.id, d.ID, grants[i], w.now)
	})
	w.won(errs, 1, idp.ErrUsed)
	for i, g := range grants {
		if g.ID != "" && errs[i] != nil {
			grantIs(w, g.ID, w.now, idp.ErrNotFound)
		}
	}
}

func deviceDenied(w *world) {
	d, secret := w.a.device("one")
	w.ok(w.store.DecideDevice(w.ctx, w.a.id, d.ID, idp.Grant{}, w.now), "deny")
	pollIs(w, w.a.poll(d, secret), idp.ErrNotAllowed)
	w.is(idp.ErrUsed, w.store.DecideDevice(w.ctx, w.a.id, d.ID, w.a.deviceGrant(d), w.now), "allow afterwards")
}

func deviceHasty(w *world) {
	d, secret := w.a.device("one")
	p := w.a.poll(d, secret)
	pollIs(w, p, idp.ErrPending)
	p.Now = p.Now.Add(idp.DeviceInterval - idp.DeviceHaste - time.Millisecond)
	pollIs(w, p, idp.ErrTooSoon)
	p.Now = p.Now.Add(idp.DeviceInterval - idp.DeviceHaste)
	pollIs(w, p, idp.ErrPending)
}

func deviceForeign(w *world) {
	d, secret := w.a.device("one")
	w.ok(w.store.DecideDevice(w.ctx, w.a.id, d.ID, w.a.deviceGrant(d), w.now), "allow")
	for want, change := range map[error]func(*idp.DevicePoll){
		idp.ErrMismatch: func(p *idp.DevicePoll) { p.ClientID = "other" },
		idp.ErrNotFound: func(p *idp.DevicePoll) { p.Secret = idp.NewSecret().Digest() },
	} {
		p := w.a.poll(d, secret)
		change(&p)
		pollIs(w, p, want)
	}
	p := w.a.poll(d, secret)
	p.TenantID = w.b.id
	pollIs(w, p, idp.ErrNotFound)
	w.is(idp.ErrNotFound, w.store.DecideDevice(w.ctx, w.b.id, d.ID, idp.Grant{}, w.now), "decide in the other")
	p = w.a.poll(d, secret)
	p.Now = p.Now.Add(idp.DeviceInterval)
	pollIs(w, p, nil)
}

func deviceExpires(w *world) {
	d, secret := w.a.device("one")
	w.is(idp.ErrExpired, w.store.DecideDevice(w.ctx, w.a.id, d.ID, w.a.deviceGrant(d), d.Expires), "allow too late")
	w.ok(w.store.DecideDevice(w.ctx, w.a.id, d.ID, w.a.deviceGrant(d), d.Expires.Add(-time.Microsecond)), "allow in the last moment")
	p := w.a.poll(d, secret)
	p.Now = d.Expires
	pollIs(w, p, idp.ErrExpired)
	sweepAt(w, d.Expires)
	pollIs(w, p, idp.ErrNotFound)
}

func deviceOfDisabled(w *world) {
	d, secret := w.a.device("one")
	w.ok(w.store.DecideDevice(w.ctx, w.a.id, d.ID, w.a.deviceGrant(d), w.now), "allow")
	w.ok(w.store.SetDisabled(w.ctx, w.a.id, w.a.user.ID, true, w.now), "disable")
	pollIs(w, w.a.poll(d, secret), idp.ErrNotAllowed)
}

func deviceProof(w *world) {
	proof := w.proof()
	for i, want := range []error{nil, idp.ErrReplayed} {
		d, secret := w.a.device([]string{"one", "two"}[i])
		w.ok(w.store.DecideDevice(w.ctx, w.a.id, d.ID, w.a.deviceGrant(d), w.now), "allow")
		p := w.a.poll(d, secret)
		p.Once = proof
		pollIs(w, p, want)
	}
}
