package limit_test

import (
	"net/netip"
	"testing"
	"time"

	"postern/idp"
	"postern/limit"
)

func (w *world) attempt(from netip.Addr) idp.Verdict {
	w.t.Helper()
	v, err := w.Attempt(w.t.Context(), acme, from, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) attempts(from netip.Addr, n int) (allowed int) {
	w.t.Helper()
	for range n {
		if w.attempt(from).Allowed {
			allowed++
		}
	}
	return allowed
}

func TestANetworkAddressAttemptsThreeHundredTimesAMinute(t *testing.T) {
	w := newWorld(t, limit.Default())
	if n := w.attempts(home, 400); n != 300 {
		t.Errorf("%d of 400 allowed", n)
	}
	v := w.attempt(home)
	if v.Allowed || v.RetryAt.Before(noon.Add(time.Minute)) || v.RetryAt.After(noon.Add(63*time.Second)) {
		t.Errorf("%+v", v)
	}
	if n := w.attempts(peer(1), 1); n != 1 {
		t.Error("another address is refused as well")
	}
	w.now = v.RetryAt
	if !w.attempt(home).Allowed {
		t.Error("refused at the very RetryAt")
	}
}

func TestNoDoubleBurstOfAttemptsAtTheEdgeOfAMinute(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.now = noon.Add(-time.Millisecond)
	before := w.attempts(home, 300)
	w.now = noon.Add(time.Millisecond)
	if after := w.attempts(home, 300); before != 300 || after != 0 {
		t.Errorf("%d before the edge, %d after it", before, after)
	}
}

func TestReplicasShareTheCountOfAttempts(t *testing.T) {
	one, two := newWorld(t, limit.Default()), newWorld(t, limit.Default())
	two.Limiter = limit.New(one.store, testMAC{}, limit.Default(), nil)
	if n := one.attempts(home, 200) + two.attempts(home, 200); n != 300 {
		t.Errorf("%d allowed over two replicas", n)
	}
}

func TestAttemptsRefusedByTheStoreAreNotHeldAgainstTheAddressInMemory(t *testing.T) {
	one, two := newWorld(t, limit.Default()), newWorld(t, limit.Default())
	two.Limiter = limit.New(one.store, testMAC{}, limit.Default(), nil)
	one.attempts(home, 200)
	two.after(20*time.Second).attempts(home, 100)
	for range 30 { // each of them asks the store, which is full by now
		if two.after(time.Second).attempt(home).Allowed {
			t.Fatal("allowed over the limit")
		}
	}
	two.now = noon.Add(64 * time.Second) // the first 200 are over, the next 100 are not
	if n := two.attempts(home, 300); n != 200 {
		t.Errorf("%d allowed, want 200", n)
	}
}

func TestAFloodOfAttemptsIsStoppedBeforeTheStore(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.attempts(home, 50_000)
	if w.store.trips != 300 {
		t.Errorf("%d of 50,000 reached the store", w.store.trips)
	}
}

func TestAStoreThatFailsLetsAttemptsPassAsFarAsMemoryCounts(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.store.fail = errDown
	if n := w.attempts(home, 400); n != 300 {
		t.Errorf("%d of 400 allowed without a store", n)
	}
	if w.log.Len() == 0 {
		t.Error("nothing in the log")
	}
}

func TestPeersAreToldApartByNetwork(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b netip.Addr
		same bool
	}{
		{"two IPv4 addresses are two", netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), false},
		{"hosts of one IPv6 /64 are one", netip.MustParseAddr("2001:db8:0:1::1"), netip.MustParseAddr("2001:db8:0:1:ffff::2"), true},
		{"two IPv6 /64 are two", netip.MustParseAddr("2001:db8:0:1::1"), netip.MustParseAddr("2001:db8:0:2::1"), false},
		{"IPv4 in IPv6 is IPv4", netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("192.0.2.1"), true},
		{"IPv4 in IPv6 is by /32", netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.2"), false},
		{"a zone does not count", netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("fe80::1"), true},
		{"peers without an address are one", netip.Addr{}, netip.Addr{}, true},
		{"no address is not the zero address", netip.Addr{}, netip.IPv4Unspecified(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, limit.Default())
			w.attempts(c.a, 300)
			if refused := !w.attempt(c.b).Allowed; refused != c.same {
				t.Errorf("attempts of %v count for %v: %t", c.a, c.b, refused)
			}
			for n := range 60 {
				w.mail(acme, stranger(n), c.a, "")
			}
			d := w.mail(other, ann, c.b, "")
			if refused := d.Refused == idp.RefusedPeer; refused != c.same {
				t.Errorf("mails asked for by %v count for %v: %t", c.a, c.b, refused)
			}
		})
	}
}
