package storagetest

import (
	"time"

	"postern/idp"
)

var clientCases = cases{
	"a client is found as it was made": func(w *world) {
		got, err := w.store.FindClient(w.ctx, w.a.id, "app")
		w.ok(err, "find")
		w.same(w.a.client, got, "client")
	},
	"one that is not there is not found": func(w *world) {
		_, err := w.store.FindClient(w.ctx, w.a.id, "none")
		w.is(idp.ErrNotFound, err, "find")
	},
	"an id is taken once in a tenant": func(w *world) {
		w.is(idp.ErrConflict, w.store.CreateClient(w.ctx, w.a.newClient("app")), "create")
		got, err := w.store.FindClient(w.ctx, w.a.id, "app")
		w.ok(err, "find")
		w.same(w.a.client, got, "client")
	},
	"of many that want one id, one wins": func(w *world) {
		_, errs := race(func(int) (struct{}, error) {
			return struct{}{}, w.store.CreateClient(w.ctx, w.a.newClient("wanted"))
		})
		w.won(errs, 1, idp.ErrConflict)
		w.a.audited(idp.EventClientMade, 2)
	},
	"clients are listed by id":                      clientsAreListed,
	"a public client has no secret":                 publicClient,
	"an update replaces secrets and metadata":       clientUpdate,
	"an origin is allowed by any client of its own": originAllowed,
	"one that nobody registered is kept for a time": clientIsKept,
	"one that is registered stays as it is":         registeredIsNotKept,
	"making one is audited":                         func(w *world) { w.a.audited(idp.EventClientMade, 1) },
}

func clientsAreListed(w *world) {
	first := w.a.newClient("aaa")
	w.ok(w.store.CreateClient(w.ctx, first), "create")
	got, err := w.store.ListClients(w.ctx, w.a.id)
	w.ok(err, "list")
	w.same([]idp.Client{first, w.a.client}, got, "clients")
}

// newDocument is a client that nobody registered.
func (s *side) newDocument() idp.Client {
	c := s.newClient("https://app.example/client.json")
	c.Secrets, c.Metadata.AuthMethods = nil, []idp.AuthMethod{idp.AuthNone}
	return c
}

func clientIsKept(w *world) {
	const day = 24 * time.Hour
	c := w.a.newDocument()
	is := func(want idp.Client, at time.Time) {
		w.t.Helper()
		sweepAt(w, at)
		got, err := w.store.FindClient(w.ctx, w.a.id, c.ID)
		w.ok(err, "find")
		w.same(want, got, "kept client")
	}
	w.ok(w.store.KeepClient(w.ctx, c, w.now.Add(day)), "keep")
	is(c, w.now.Add(day-time.Microsecond))
	again := c
	again.CreatedAt = w.now.Add(time.Minute)
	w.ok(w.store.KeepClient(w.ctx, again, w.now.Add(2*day)), "keep for longer")
	is(c, w.now.Add(day))
	renamed := c
	renamed.Metadata.Name = "Renamed"
	w.ok(w.store.KeepClient(w.ctx, renamed, w.now), "keep with another name, for shorter")
	is(renamed, w.now.Add(2*day-time.Microsecond))
	_, errs := race(func(int) (struct{}, error) {
		return struct{}{}, w.store.KeepClient(w.ctx, renamed, w.now.Add(5*day))
	})
	for _, err := range errs {
		w.ok(err, "keep at once")
	}
	is(renamed, w.now.Add(5*day-time.Microsecond))
	sweepAt(w, w.now.Add(5*day))
	_, err := w.store.FindClient(w.ctx, w.a.id, c.ID)
	w.is(idp.ErrNotFound, err, "find when its time is over")
	_, err = w.store.FindClient(w.ctx, w.b.id, c.ID)
	w.is(idp.ErrNotFound, err, "find with the other tenant")
}

func registeredIsNotKept(w *world) {
	other := w.a.client
	other.Metadata.Name = "Renamed"
	w.ok(w.store.KeepClient(w.ctx, other, w.now), "keep")
	sweepAt(w, w.now.Add(time.Hour))
	got, err := w.store.FindClient(w.ctx, w.a.id, w.a.client.ID)
	w.ok(err, "find")
	w.same(w.a.client, got, "registered client")
}

func publicClient(w *world) {
	public := w.a.newClient("spa")
	public.Secrets, public.Metadata.AuthMethods = nil, []idp.AuthMethod{idp.AuthNone}
	w.ok(w.store.CreateClient(w.ctx, public), "create")
	got, err := w.store.FindClient(w.ctx, w.a.id, "spa")
	w.ok(err, "find")
	w.same(public, got, "client")
}

func clientUpdate(w *world) {
	changed := w.a.client
	changed.Secrets = []idp.Digest{idp.NewSecret().Digest()}
	changed.Metadata.Name = "Renamed"
	w.ok(w.store.UpdateClient(w.ctx, changed), "update")
	got, err := w.store.FindClient(w.ctx, w.a.id, "app")
	w.ok(err, "find")
	w.same(changed, got, "client")
	changed.ID = "none"
	w.is(idp.ErrNotFound, w.store.UpdateClient(w.ctx, changed), "update of nobody")
}

func originAllowed(w *world) {
	spa := w.a.newClient("spa")
	spa.Metadata.Origins = []string{"https://spa.example"}
	w.ok(w.store.CreateClient(w.ctx, spa), "create")
	for origin, want := range map[string]bool{
		"https://spa.example":       true,
		"https://app.north.example": true,
		"https://app.south.example": false,
		"http://spa.example":        false,
		"":                          false,
	} {
		got, err := w.store.OriginAllowed(w.ctx, w.a.id, origin)
		w.ok(err, "origin")
		w.same(want, got, "origin "+origin)
	}
}
