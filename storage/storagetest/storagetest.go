// Package storagetest is the contract of storage.Store as tests: what every
// backend must do, whatever database is behind it.
//
// Each case gets a store of its own that holds two tenants, twins whose rows
// carry the very same ids. A case works on one of them; the other must be the
// same afterwards, so a WHERE without its tenant shows in whatever case walks
// over it. All that must happen once is raced for.
package storagetest

import (
	"errors"
	"testing"

	"postern/idp"
	"postern/storage"
)

// cases are tests by a sentence that tells what holds.
type cases map[string]func(*world)

// Run holds a backend to the contract. Open gives an empty, migrated store,
// which Run closes.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	t.Helper()
	groups := map[string]cases{
		"tenants":  tenantCases,
		"clients":  clientCases,
		"users":    userCases,
		"register": registrationCases,
		"sessions": sessionCases,
		"requests": requestCases,
		"flows":    flowCases,
		"links":    linkCases,
		"attempts": attemptCases,
		"complete": completeCases,
		"finish":   finishCases,
		"logouts":  logoutCases,
		"people":   peopleCases,
		"address":  addressCases,
		"consents": consentCases,
		"access":   accessCases,
		"brand":    brandCases,
		"outbox":   outboxCases,
		"sending":  sendingCases,
		"setups":   mailSetupCases,
		"grants":   grantCases,
		"redeem":   redeemCases,
		"rotate":   rotateCases,
		"once":     onceCases,
		"devices":  deviceCases,
		"exchange": exchangeCases,
		"keys":     keyCases,
		"limits":   limitCases,
		"sweep":    sweepCases,
		"vitals":   vitalCases,
		"islands":  islandCases,
		"store":    storeCases,
	}
	t.Run("a new store has no signing key", func(t *testing.T) {
		t.Parallel()
		store := open(t)
		t.Cleanup(func() { _ = store.Close() })
		if _, err := store.AnySigningKey(t.Context()); !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("any key: %v, want ErrNotFound", err)
		}
	})
	for group, cases := range groups {
		t.Run(group, func(t *testing.T) {
			for name, test := range cases {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, open(t))
					before := w.b.snapshot()
					test(w)
					if !w.bMayChange {
						w.same(before, w.b.snapshot(), "the other tenant")
					}
				})
			}
		})
	}
}

var storeCases = cases{
	"it answers a ping, and no more once it is closed": func(w *world) {
		w.ok(w.store.Ping(w.ctx), "ping")
		w.ok(w.store.Close(), "close")
		w.bMayChange = true
		if w.store.Ping(w.ctx) == nil {
			w.t.Error("a closed store answers")
		}
		if _, err := w.a.start("late"); err == nil {
			w.t.Error("a closed store writes")
		}
	},
	"what a caller has given up before its turn is not written": func(w *world) {
		ctx, cancel := contextOver(w.ctx)
		defer cancel()
		tenant := w.a.tenant
		tenant.Name = "Given up"
		if w.store.UpdateTenant(ctx, tenant) == nil {
			w.t.Error("written for nobody")
		}
		got, err := w.store.FindTenantBySlug(w.ctx, w.a.tenant.Slug)
		w.ok(err, "find")
		w.same(w.a.tenant, got, "tenant")
	},
}
