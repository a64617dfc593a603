package storagetest

import (
	"time"

	"postern/idp"
)

var tenantCases = cases{
	"a tenant is found as it was made, by slug and by host": func(w *world) {
		bySlug, err := w.store.FindTenantBySlug(w.ctx, "north")
		w.ok(err, "by slug")
		w.same(w.a.tenant, bySlug, "by slug")
		byHost, err := w.store.FindTenantByHost(w.ctx, "north.example:8443")
		w.ok(err, "by host")
		w.same(w.a.tenant, byHost, "by host")
	},
	"who is not there is not found": func(w *world) {
		_, err := w.store.FindTenantBySlug(w.ctx, "")
		w.is(idp.ErrNotFound, err, "no slug")
		_, err = w.store.FindTenantByHost(w.ctx, "")
		w.is(idp.ErrNotFound, err, "no host, of tenants without one")
		_, err = w.store.FindRootTenant(w.ctx)
		w.is(idp.ErrNotFound, err, "root")
	},
	"slug, host and root are taken once":                                 tenantNamesAreTakenOnce,
	"tenants without a host are many":                                    tenantsWithoutHost,
	"an update replaces all but the slug":                                tenantUpdate,
	"an update of nobody is not found":                                   tenantUpdateOfNobody,
	"tenants are listed by slug":                                         tenantsAreListed,
	"making one is audited in it":                                        func(w *world) { w.a.audited(idp.EventTenantMade, 1) },
	"of many that want one slug, one wins":                               func(w *world) { raceForTenant(w, func(t *idp.Tenant) { t.Slug = "wanted" }) },
	"of many that want the root, one wins":                               func(w *world) { raceForTenant(w, func(t *idp.Tenant) { t.Root = true }) },
	"of many that want one host, one wins":                               func(w *world) { raceForTenant(w, func(t *idp.Tenant) { t.Host = "wanted.example" }) },
	"a root tenant is found and can resign":                              rootTenant,
	"one that is deleted goes with all that is in it, and no other does": tenantDelete,
	"what was written meanwhile goes when it is deleted again":           tenantDeleteAgain,
	"of many that delete it, one does": func(w *world) {
		_, errs := race(func(int) (struct{}, error) { return struct{}{}, w.store.DeleteTenant(w.ctx, w.a.id) })
		w.won(errs, 1, idp.ErrNotFound)
	},
}

func tenantDelete(w *world) {
	w.ok(w.store.DeleteTenant(w.ctx, w.a.id), "delete")
	gone := w.a.snapshot()
	w.same([]string{"tenant", "user", "session", "request", "link", "link", "grant"}, gone.Gone, "what is gone")
	w.same(0, len(gone.Clients)+len(gone.Keys)+len(gone.Events), "clients, keys and events")
	w.same(0, len(w.a.dueAt(w.now.Add(time.Hour))), "mails")
	_, err := w.store.FindTenantByHost(w.ctx, w.a.tenant.Host)
	w.is(idp.ErrNotFound, err, "by host")
	w.is(idp.ErrNotFound, w.store.DeleteTenant(w.ctx, w.a.id), "delete again")
	again := w.a.tenant
	again.ID = idp.TenantID(idp.NewID(w.now))
	w.ok(w.store.CreateTenant(w.ctx, again), "another of its name")
	clients, err := w.store.ListClients(w.ctx, again.ID)
	w.ok(err, "list")
	w.same(0, len(clients), "clients of the other")
}

func tenantDeleteAgain(w *world) {
	w.ok(w.store.DeleteTenant(w.ctx, w.a.id), "delete")
	late := w.a.newUser("late", "late@example.org")
	w.ok(w.store.InviteUser(w.ctx, late), "invite")
	w.is(idp.ErrNotFound, w.store.DeleteTenant(w.ctx, w.a.id), "delete again")
	_, err := w.store.FindUser(w.ctx, w.a.id, late.Address)
	w.is(idp.ErrNotFound, err, "who came late")
}

func bareTenant(w *world, slug string) idp.Tenant {
	return idp.Tenant{ID: idp.TenantID(idp.NewID(w.now)), Slug: slug, Name: "Bare", CreatedAt: w.now}
}

func tenantNamesAreTakenOnce(w *world) {
	w.is(idp.ErrConflict, w.store.CreateTenant(w.ctx, bareTenant(w, "north")), "slug")
	host := bareTenant(w, "east")
	host.Host = w.a.tenant.Host
	w.is(idp.ErrConflict, w.store.CreateTenant(w.ctx, host), "host")
	root := bareTenant(w, "west")
	root.Root = true
	w.ok(w.store.CreateTenant(w.ctx, root), "first root")
	second := bareTenant(w, "east")
	second.Root = true
	w.is(idp.ErrConflict, w.store.CreateTenant(w.ctx, second), "second root")
	moved := w.a.tenant
	moved.Host = w.b.tenant.Host
	w.is(idp.ErrConflict, w.store.UpdateTenant(w.ctx, moved), "update to a host that is taken")
	_, err := w.store.FindTenantBySlug(w.ctx, "east")
	w.is(idp.ErrNotFound, err, "what was refused")
}

func tenantsWithoutHost(w *world) {
	w.ok(w.store.CreateTenant(w.ctx, bareTenant(w, "east")), "first")
	w.ok(w.store.CreateTenant(w.ctx, bareTenant(w, "west")), "second")
}

func tenantUpdate(w *world) {
	changed := w.a.tenant
	changed.Slug, changed.CreatedAt = "elsewhere", w.now.Add(time.Hour)
	changed.Name, changed.Host, changed.Settings = "New name", "", idp.TenantSettings{SignUp: idp.SignUpInvited}
	w.ok(w.store.UpdateTenant(w.ctx, changed), "update")
	got, err := w.store.FindTenantBySlug(w.ctx, w.a.tenant.Slug)
	w.ok(err, "find")
	changed.Slug, changed.CreatedAt = w.a.tenant.Slug, w.a.tenant.CreatedAt
	w.same(changed, got, "tenant")
	_, err = w.store.FindTenantByHost(w.ctx, w.a.tenant.Host)
	w.is(idp.ErrNotFound, err, "by the former host")
}

func tenantUpdateOfNobody(w *world) {
	w.is(idp.ErrNotFound, w.store.UpdateTenant(w.ctx, bareTenant(w, "east")), "update")
}

func tenantsAreListed(w *world) {
	east := bareTenant(w, "east")
	w.ok(w.store.CreateTenant(w.ctx, east), "create")
	got, err := w.store.ListTenants(w.ctx)
	w.ok(err, "list")
	w.same([]idp.Tenant{east, w.a.tenant, w.b.tenant}, got, "tenants")
}

func raceForTenant(w *world, claim func(*idp.Tenant)) {
	_, errs := race(func(i int) (struct{}, error) {
		t := bareTenant(w, "racer-"+string(rune('a'+i%26))+string(rune('a'+i/26)))
		claim(&t)
		return struct{}{}, w.store.CreateTenant(w.ctx, t)
	})
	w.won(errs, 1, idp.ErrConflict)
}

func rootTenant(w *world) {
	t := w.a.tenant
	t.Host, t.Root = "", true
	w.ok(w.store.UpdateTenant(w.ctx, t), "to the root")
	got, err := w.store.FindRootTenant(w.ctx)
	w.ok(err, "find")
	w.same(t, got, "root")
	w.ok(w.store.UpdateTenant(w.ctx, w.a.tenant), "back")
	_, err = w.store.FindRootTenant(w.ctx)
	w.is(idp.ErrNotFound, err, "root")
}
