package limit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
	"postern/limit"
)

var (
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	acme  = idp.Tenant{ID: "0193a000-0000-7000-8000-000000000001", Slug: "acme"}
	other = idp.Tenant{ID: "0193a000-0000-7000-8000-000000000002", Slug: "other"}
	home  = netip.MustParseAddr("192.0.2.7")
)

const ann = idp.Address("ann@example.org")

// world is a limiter with its store, its log and a clock that the test moves.
type world struct {
	*limit.Limiter
	t     *testing.T
	store *memory
	log   *bytes.Buffer
	now   time.Time
}

func newWorld(t *testing.T, rules limit.Rules) *world {
	t.Helper()
	w := &world{t: t, store: newMemory(), log: &bytes.Buffer{}, now: noon}
	w.Limiter = limit.New(w.store, testMAC{}, rules, slog.New(slog.NewTextHandler(w.log, nil)))
	return w
}

func (w *world) after(d time.Duration) *world { w.now = w.now.Add(d); return w }

func (w *world) mail(t idp.Tenant, to idp.Address, peer netip.Addr, known string) idp.MailDecision {
	w.t.Helper()
	d, err := w.Mail(w.t.Context(), t, idp.MailRequest{To: to, Peer: peer, Known: known}, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) sends(want bool, t idp.Tenant, to idp.Address, known string) {
	w.t.Helper()
	d := w.mail(t, to, home, known)
	if d.Refused != idp.NotRefused || d.Send != want {
		w.t.Fatalf("at %s: send %t, refused %d; want send %t", w.now.Format(time.TimeOnly), d.Send, d.Refused, want)
	}
}

// counted tells how many hits are counted on all keys together and were asked for.
func (w *world) counted() int { return w.store.hits() - limit.InHand(w.Limiter) }

// stranger gives an address of its own to each caller.
func stranger(n int) idp.Address { return idp.Address(fmt.Sprintf("user%d@example.org", n)) }

func peer(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

func TestAMailboxGetsOneMailAMinute(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.sends(true, acme, ann, "")
	w.after(59*time.Second).sends(false, acme, ann, "")
	w.after(time.Second).sends(true, acme, ann, "")
}

func TestAMailboxGetsThreeMailsInAQuarterOfAnHour(t *testing.T) {
	w := newWorld(t, limit.Default())
	for range 3 {
		w.sends(true, acme, ann, "")
		w.after(time.Minute)
	}
	w.sends(false, acme, ann, "")
	w.after(12*time.Minute-time.Millisecond).sends(false, acme, ann, "")
	w.after(time.Millisecond).sends(true, acme, ann, "")
}

func TestAMailboxGetsThirtyMailsADay(t *testing.T) {
	w := newWorld(t, limit.Default())
	for range 30 {
		w.sends(true, acme, ann, "")
		w.after(20 * time.Minute)
	}
	w.sends(false, acme, ann, "")
	w.now = noon.Add(24 * time.Hour)
	w.sends(true, acme, ann, "")
}

func TestAMailboxGetsTenMailsAnHourOverAllTenants(t *testing.T) {
	w := newWorld(t, limit.Default())
	for n := range 100 {
		tenant := idp.Tenant{ID: idp.TenantID(fmt.Sprintf("tenant-%d", n))}
		if d := w.mail(tenant, ann, peer(n), ""); d.Send != (n < 10) {
			t.Fatalf("tenant %d: %+v", n+1, d)
		}
	}
	w.after(time.Hour).sends(true, acme, ann, "")
}

func TestAMailboxGetsSixtyMailsADayOverAllTenants(t *testing.T) {
	w := newWorld(t, limit.Default())
	for n := range 61 {
		tenant := idp.Tenant{ID: idp.TenantID(fmt.Sprintf("tenant-%d", n))}
		w.sends(n < 60, tenant, ann, "")
		w.after(7 * time.Minute)
	}
}

func TestSpellingsOfOneMailboxShareItsLimit(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.sends(true, acme, "ann.bell+shop@gmail.com", "")
	w.sends(false, acme, "annbell@googlemail.com", "")
	w.sends(true, acme, "ann.bell@example.org", "")
	w.sends(true, acme, "annbell@example.org", "") // dots count outside Gmail
}

func TestANetworkAddressAsksSixtyTimesInTenMinutes(t *testing.T) {
	w := newWorld(t, limit.Default())
	for n := range 60 {
		if d := w.mail(acme, stranger(n), home, ""); !d.Send {
			t.Fatalf("request %d: %+v", n+1, d)
		}
	}
	counted := w.counted()
	got := w.mail(other, stranger(60), home, "")
	want := idp.MailDecision{Refused: idp.RefusedPeer, RetryAt: noon.Add(10 * time.Minute)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if now := w.counted(); now != counted {
		t.Errorf("a refused request left %d counts behind", now-counted)
	}
	if d := w.mail(acme, stranger(61), peer(1), ""); !d.Send {
		t.Errorf("another address is refused as well: %+v", d)
	}
	if d := w.after(10*time.Minute).mail(acme, stranger(62), home, ""); !d.Send {
		t.Errorf("still refused after ten minutes: %+v", d)
	}
}

func TestANetworkAddressAsksAThousandTimesADay(t *testing.T) {
	w := newWorld(t, limit.Default())
	for n := range 1000 {
		if d := w.mail(acme, stranger(n), home, ""); !d.Send {
			t.Fatalf("request %d: %+v", n+1, d)
		}
		w.after(time.Minute)
	}
	d := w.mail(acme, stranger(1000), home, "")
	if d.Refused != idp.RefusedPeer || d.RetryAt.Before(noon.Add(24*time.Hour)) || d.RetryAt.After(noon.Add(25*time.Hour)) {
		t.Errorf("the 1001st of a day: %+v", d)
	}
}

func TestATenantIsAskedSixHundredTimesAMinute(t *testing.T) {
	w := newWorld(t, limit.Default())
	for n := range 600 {
		if d := w.mail(acme, stranger(n), peer(n), ""); !d.Send {
			t.Fatalf("request %d: %+v", n+1, d)
		}
	}
	counted := w.counted()
	d := w.mail(acme, stranger(600), peer(600), "")
	if d.Refused != idp.RefusedTenant || d.RetryAt.Before(noon.Add(time.Minute)) || d.RetryAt.After(noon.Add(62*time.Second)) || d.Taken != nil {
		t.Errorf("the 601st of a minute: %+v", d)
	}
	if now := w.counted(); now != counted {
		t.Errorf("a refused request left %d counts behind", now-counted)
	}
	if !strings.Contains(w.log.String(), "level=ERROR") || !strings.Contains(w.log.String(), string(acme.ID)) {
		t.Errorf("no alert in the log: %q", w.log)
	}
	if d := w.mail(other, stranger(600), peer(600), ""); !d.Send {
		t.Errorf("another tenant is refused as well: %+v", d)
	}
}

func TestATenantHasADailyQuota(t *testing.T) {
	rules := limit.Default()
	rules.Tenant[1].Limit = 100
	w := newWorld(t, rules)
	for n := range 101 {
		want := idp.NotRefused
		if n == 100 {
			want = idp.RefusedTenant
		}
		if d := w.after(time.Minute).mail(acme, stranger(n), peer(n), ""); d.Refused != want {
			t.Fatalf("request %d: %+v", n+1, d)
		}
	}
}

func TestNextMailIsWhenTheNextOneGoesOut(t *testing.T) {
	w := newWorld(t, limit.Default())
	for i, want := range []time.Duration{time.Minute, time.Minute, 13 * time.Minute} {
		d := w.mail(acme, ann, home, "")
		if got := d.NextMail.Sub(w.now); got != want {
			t.Errorf("mail %d: the next in %s, want %s", i+1, got, want)
		}
		w.after(time.Minute)
	}
	d := w.mail(acme, ann, home, "")
	if got := d.NextMail.Sub(w.now); d.Send || got != 12*time.Minute {
		t.Errorf("over the limit: send %t, the next in %s", d.Send, got)
	}
	w.now = d.NextMail.Add(-time.Millisecond)
	w.sends(false, acme, ann, "")
	w.after(time.Millisecond).sends(true, acme, ann, "")
}

func TestACompletedLoginGivesBackWhatItTook(t *testing.T) {
	w := newWorld(t, limit.Default())
	for range 200 { // signs out and in again, all in the same minute, from the same address
		d := w.mail(acme, ann, home, "browser")
		if !d.Send {
			t.Fatal("left waiting after a completed login")
		}
		if err := w.store.ReturnHits(t.Context(), d.Taken); err != nil {
			t.Fatal(err)
		}
	}
	if left := w.counted(); left != 200 { // the tenant's, which nobody gives back
		t.Errorf("%d counts are left of 200 completed logins", left)
	}
}

func TestAskingInVainLeavesTheMailboxOfOtherTenantsAlone(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.sends(true, acme, ann, "")
	for n := range 50 {
		if d := w.mail(acme, ann, peer(n), ""); d.Send {
			t.Fatal("a second mail within a minute")
		}
	}
	w.sends(true, other, ann, "")
}

func TestAskingInVainGivesOnlyThePeersCountToTake(t *testing.T) {
	w := newWorld(t, limit.Default())
	if d := w.mail(acme, ann, home, ""); len(d.Taken) != 3 {
		t.Errorf("a mail took %d counts, want mailbox, mailbox everywhere and peer", len(d.Taken))
	}
	if d := w.mail(acme, ann, home, ""); len(d.Taken) != 1 {
		t.Errorf("a mail that was not sent took %d counts, want the peer's", len(d.Taken))
	}
}

func TestAKnownBrowserIsNotLockedOut(t *testing.T) {
	attacks := map[string]func(w *world){
		"by asking in this tenant": func(w *world) {
			for n := range 100 {
				w.mail(acme, ann, peer(n), "")
			}
		},
		"by asking in all tenants": func(w *world) {
			for n := range 100 {
				w.mail(idp.Tenant{ID: idp.TenantID(fmt.Sprint(n))}, ann, peer(n), "")
			}
		},
		"by a known browser of another person": func(w *world) {
			for n := range 100 {
				w.mail(acme, "eve@example.org", peer(n), "eve's")
				w.mail(acme, ann, peer(n), "")
			}
		},
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, limit.Default())
			for range 5 { // over and over, the attacker first
				attack(w)
				w.sends(true, acme, ann, "ann's")
				w.after(15 * time.Minute)
			}
		})
	}
}

func TestAKnownBrowserHasNoMoreMailsThanAnother(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.sends(true, acme, ann, "ann's")
	w.after(59*time.Second).sends(false, acme, ann, "ann's")
	w.after(time.Second).sends(true, acme, ann, "ann's")
	w.after(time.Minute).sends(true, acme, ann, "ann's")
	w.after(time.Minute).sends(false, acme, ann, "ann's")
}

func TestAKnownBrowserIsKnownForItsTenantAndMailboxOnly(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.sends(true, acme, ann, "ann's")
	w.sends(true, other, ann, "ann's")
	w.sends(true, acme, "bea@example.org", "ann's")
	w.sends(false, acme, ann, "ann's")
}

func TestRelaxedIsTenThousandfold(t *testing.T) {
	w := newWorld(t, limit.Relaxed())
	for range 2000 {
		d := w.mail(acme, ann, home, "")
		if !d.Send || !d.NextMail.Equal(noon) {
			t.Fatalf("%+v", d)
		}
	}
	if def, rel := limit.Default(), limit.Relaxed(); rel.Attempt.Limit != 10_000*def.Attempt.Limit || rel.Attempt.Period != def.Attempt.Period {
		t.Errorf("attempts: %v, relaxed %v", def.Attempt, rel.Attempt)
	}
}

func TestAllKeysOfARequestAreOneRoundTrip(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.mail(acme, ann, home, "ann's")
	if w.store.trips != 1 {
		t.Errorf("%d round trips", w.store.trips)
	}
}

func TestAFloodingPeerIsStoppedBeforeTheStore(t *testing.T) {
	w := newWorld(t, limit.Default())
	for n := range 10_000 {
		w.mail(acme, stranger(n), home, "")
	}
	if w.store.trips > 61 {
		t.Errorf("%d of 10,000 requests in a moment reached the store", w.store.trips)
	}
	w.after(time.Second)
	d := w.mail(acme, ann, home, "")
	if w.store.trips != 62 || d.Refused != idp.RefusedPeer {
		t.Errorf("a second later the store is asked %d times, %+v", w.store.trips, d)
	}
}

func TestAStoreThatFailsSendsNothing(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.store.fail = errDown
	d, err := w.Mail(t.Context(), acme, idp.MailRequest{To: ann, Peer: home}, noon)
	if !errors.Is(err, idp.ErrUnavailable) || d.Send {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestCountsAreGivenBackThoughTheRequestIsGone(t *testing.T) {
	w := newWorld(t, limit.Default())
	for n := range 60 {
		w.mail(acme, stranger(n), home, "")
	}
	counted := w.counted()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Mail(ctx, acme, idp.MailRequest{To: ann, Peer: home}, noon); err != nil {
		t.Fatal(err)
	}
	if now := w.counted(); now != counted {
		t.Errorf("who hung up left %d counts on others' limits", now-counted)
	}
}
