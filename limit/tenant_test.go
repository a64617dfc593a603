package limit_test

import (
	"net/netip"
	"testing"
	"time"

	"postern/idp"
	"postern/limit"
)

func tuned(t *testing.T, name, rules string) idp.Tenant {
	t.Helper()
	own := acme
	if err := own.Settings.Limits.Set(name, rules); err != nil {
		t.Fatal(err)
	}
	return own
}

func TestATenantsOwnFiguresHoldInItAlone(t *testing.T) {
	t.Run("mailbox", func(t *testing.T) {
		w, own := newWorld(t, limit.Default()), tuned(t, "mailbox", "2/1m")
		w.sends(true, own, ann, "")
		w.sends(true, own, ann, "")
		w.sends(false, own, ann, "")
		w.sends(true, other, ann, "")
		w.sends(false, other, ann, "")
	})
	t.Run("known browser", func(t *testing.T) {
		w, own := newWorld(t, limit.Default()), tuned(t, "known", "3/1m")
		for range 3 {
			w.sends(true, own, ann, "ann's")
		}
		w.sends(false, own, ann, "ann's")
	})
	t.Run("network address", func(t *testing.T) {
		w, own := newWorld(t, limit.Default()), tuned(t, "sending", "5/10m")
		for n := range 6 {
			if d := w.mail(own, stranger(n), home, ""); (d.Refused == idp.RefusedPeer) != (n == 5) {
				t.Errorf("request %d: %+v", n+1, d)
			}
		}
		if d := w.mail(other, stranger(7), home, ""); d.Refused != idp.NotRefused {
			t.Errorf("in another tenant: %+v", d)
		}
	})
	t.Run("attempts", func(t *testing.T) {
		w, own := newWorld(t, limit.Default()), tuned(t, "attempt", "20/1m")
		for n := range 21 {
			v, err := w.Attempt(t.Context(), own, home, w.now)
			if err != nil || v.Allowed != (n < 20) {
				t.Errorf("attempt %d: %+v, %v", n+1, v, err)
			}
		}
		if !w.attempt(home).Allowed {
			t.Error("in another tenant: refused")
		}
	})
	t.Run("tenant", func(t *testing.T) {
		w, own := newWorld(t, limit.Default()), tuned(t, "tenant", "3/1m")
		for n := range 4 {
			if d := w.mail(own, stranger(n), peer(n), ""); (d.Refused == idp.RefusedTenant) != (n == 3) {
				t.Errorf("request %d: %+v", n+1, d)
			}
		}
	})
}

// Whatever a tenant allows, a mailbox is guarded over all of them.
func TestATenantCannotRaiseWhatAMailboxGetsOverAllTenants(t *testing.T) {
	w, own := newWorld(t, limit.Default()), tuned(t, "mailbox", "60/10m")
	for n := range 11 {
		w.sends(n < 10, own, ann, "")
		w.after(time.Second)
	}
}

func TestAnIPv6SiteIsBoundedWhateverNetworkOfItAsks(t *testing.T) {
	w := newWorld(t, limit.Default())
	in := func(site byte, n int) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, site, byte(n >> 8), byte(n)})
	}
	passed := 0
	for n := range 4000 {
		if n%500 == 0 {
			w.after(time.Minute + 5*time.Second) // within the tenant's own figure
		}
		if d := w.mail(acme, stranger(n), in(1, n), ""); d.Refused == idp.NotRefused {
			passed++
		}
	}
	if passed < 2850 || passed > 3000 { // what is taken ahead and not used in time is lost
		t.Errorf("%d mails asked for from 4,000 networks of one site", passed)
	}
	if d := w.after(2*time.Minute).mail(acme, stranger(0), in(2, 0), ""); d.Refused != idp.NotRefused {
		t.Errorf("another site: %+v", d)
	}
}
