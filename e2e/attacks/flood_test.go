package attacks_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/e2e/cluster"
	"postern/e2e/harness"
	"postern/idp"
	"postern/storage"
)

// full runs floods at full length: minutes instead of seconds.
var full = os.Getenv("POSTERN_FULL") != ""

// size is how much of something a run does.
func size(short, whole int) int {
	if full {
		return whole
	}
	return short
}

// withLimits opens a world with the limits that hold unless others are set.
func onBothWithLimits(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	onFresh(t, cluster.Config{Binary: binary, Processes: 2, Args: []string{"--limits", "default"}}, run)
}

// from sends requests to one process as a proxy that the process trusts would,
// which has seen what forwarded gives: X-Forwarded-For as the client sent it,
// with the address that the proxy saw behind.
type from struct {
	process   string
	forwarded func() string
}

// RoundTrip implements http.RoundTripper.
func (f from) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := r.Clone(r.Context())
	sent.Host = r.URL.Host
	sent.URL.Host = f.process
	sent.Header.Set("X-Forwarded-For", f.forwarded())
	sent.Header.Set("X-Forwarded-Host", r.URL.Host)
	return direct.RoundTrip(sent)
}

var direct = &http.Transport{MaxIdleConnsPerHost: 64}

// network gives a browser whose requests come from one network address.
func (w *world) network(t *testing.T, forwarded func() string) *harness.Browser {
	t.Helper()
	return browse(t).Via(from{w.Processes[0].Address, forwarded})
}

// everyone gives another public address each time.
func everyone() func() string {
	var n atomic.Uint32
	return func() string {
		i := n.Add(1)
		return netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}).String()
	}
}

// Threat 14: one mailbox, a hundred tenants, a network address for each request.
func TestOneMailboxBombedByAHundredTenantsGetsTenMails(t *testing.T) {
	onBothWithLimits(t, func(t *testing.T, w *world) {
		victim := newAddress()
		clients := w.many(t, 100)
		anywhere := everyone()
		w.demo(t)
		hinted := w.network(t, anywhere).Get(clients[0].request("login_hint", victim).url)
		if hinted.Status != http.StatusOK || w.count(t, `SELECT count(*) FROM flows`) != 0 {
			t.Errorf("a hint alone: status %d", hinted.Status)
		}
		for _, c := range clients {
			c.begin(t, w.network(t, anywhere), victim)
		}
		spelled := strings.Replace(victim, "@", "+tag@", 1)
		clients[0].begin(t, w.network(t, anywhere), spelled)
		last := newAddress()
		clients[0].begin(t, w.network(t, anywhere), last)
		w.mail(t, last, 1)
		harness.Eventually(t, "the outbox to empty", func() bool {
			return w.count(t, `SELECT count(*) FROM outbox WHERE state IN ('queued', 'claimed', 'sending')`) == 0
		})
		if n := len(w.Sink.Mails(victim)) + len(w.Sink.Mails(spelled)); n != 10 {
			t.Errorf("%d mails to one mailbox", n)
		}
	})
}

// many makes tenants with an app each, in the database.
func (w *world) many(t *testing.T, n int) []client {
	t.Helper()
	store, err := storage.Open(t.Context(), w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	clients := make([]client, n)
	for i := range clients {
		now := time.Now()
		made := idp.Tenant{ID: idp.TenantID(idp.NewID(now)), Slug: fmt.Sprintf("many-%d", i), Name: "Tenant", CreatedAt: now}
		app := idp.Client{TenantID: made.ID, ID: "app", CreatedAt: now, Metadata: idp.ClientMetadata{
			Name: "Test app", RedirectURIs: []string{callback}, GrantTypes: []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken},
			AuthMethods: []idp.AuthMethod{idp.AuthNone}, Finish: idp.FinishLink,
		}}
		if err := store.CreateTenant(t.Context(), made); err != nil {
			t.Fatal(err)
		}
		if err := store.CreateClient(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		clients[i] = client{world: w, tenant: tenant{ID: string(made.ID), Slug: made.Slug, base: w.URL + "/t/" + made.Slug}}
		clients[i].ID = string(app.ID)
	}
	return clients
}

// Threat 15: an attacker uses the victim's limit up. What the victim was mailed
// stays good, and the browser they have signed in with before is mailed.
func TestAVictimIsNotLockedOutByWhoAsksInTheirName(t *testing.T) {
	onBothWithLimits(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		anywhere := everyone()
		known, address := w.network(t, anywhere), newAddress()
		first := c.begin(t, known, address)
		first.finish(t, first.press(t, w.mail(t, address, 1).Link))

		for range 10 {
			c.begin(t, w.network(t, anywhere), address)
		}
		w.mail(t, address, 2) // the attacker's one
		again := c.begin(t, known, address, "prompt", "login")
		older := w.mail(t, address, 3).Link
		for range 10 {
			c.begin(t, w.network(t, anywhere), address)
		}
		again.finish(t, again.press(t, older))
	})
}

// Threat 16: authorization requests write nothing, and posted addresses are
// bounded by who posts them and by the tenant.
func TestAFloodOfLoginsLeavesNoRowPerRequestAndABoundedNumberOfFlows(t *testing.T) {
	onBothWithLimits(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		target := c.request("login_hint", newAddress()).url
		browse(t).Get(target)
		before := w.rows(t)
		flood(t, size(10_000, 100_000), func(ctx context.Context) error {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
			if err != nil {
				return err
			}
			answer, err := from{w.Processes[0].Address, func() string { return "203.0.113.1" }}.RoundTrip(r)
			if err != nil {
				return err
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusSeeOther {
				return fmt.Errorf("status %d", answer.StatusCode)
			}
			return nil
		})
		if after := w.rows(t); after != before {
			t.Errorf("%d rows, then %d", before, after)
		}
		w.floodPosts(t, c, "one network", func() string { return "203.0.113.2" }, 60)
		w.floodPosts(t, c, "one network of IPv6", func() string { return address6("2001:db8:1:2") }, 60)
		others := everyone()
		w.floodPosts(t, c, "one network that claims to be others", func() string { return others() + ", 203.0.113.3" }, 60)
		w.floodPosts(t, c, "everywhere", everyone(), 2*600) // the tenant's limit is by the minute
	})
}

func address6(network string) string {
	var b [8]byte
	rand.Read(b[:])
	return fmt.Sprintf("%s:%x:%x:%x:%x", network, b[0:2], b[2:4], b[4:6], b[6:8])
}

// floodPosts posts addresses from where forwarded says and checks that there are
// no more flows than most of it.
func (w *world) floodPosts(t *testing.T, c client, who string, forwarded func() string, most int) {
	t.Helper()
	before := w.count(t, `SELECT count(*) FROM flows`)
	b := w.network(t, forwarded)
	page := b.Get(c.request().url)
	form := page.FormTo(t, "/auth/login")
	var refused atomic.Int64
	flood(t, size(800, 10_000), func(context.Context) error {
		p, err := b.TrySubmit(page, form, nil, url.Values{"email": {newAddress()}})
		if err != nil {
			return err
		}
		if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
			refused.Add(1)
			if p.Header.Get("Retry-After") == "" {
				return fmt.Errorf("%d without Retry-After", p.Status)
			}
		}
		return nil
	})
	began := w.count(t, `SELECT count(*) FROM flows`) - before
	if began > most || refused.Load() == 0 {
		t.Errorf("%s began %d logins, and %d were refused", who, began, refused.Load())
	}
}

// flood sends n requests from eight hands.
func flood(t *testing.T, n int, send func(context.Context) error) {
	t.Helper()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range n / 8 {
				if err := send(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// rows counts all rows of all tables.
func (w *world) rows(t *testing.T) int {
	t.Helper()
	total := 0
	for _, table := range w.tables(t) {
		total += w.count(t, `SELECT count(*) FROM "`+table+`"`)
	}
	return total
}

// tables are all but the schema's own.
func (w *world) tables(t *testing.T) []string {
	t.Helper()
	query := `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`
	if strings.HasPrefix(w.url, "sqlite:") {
		query = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	}
	found, err := w.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var names []string
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := found.Err(); err != nil || len(names) < 10 {
		t.Fatalf("this is not the whole database: %v %v", names, err)
	}
	return names
}

// Threat 24, without any proxy: the header is noise.
func TestForwardedHeadersOfWhoIsNoProxyMoveNoLimit(t *testing.T) {
	t.Parallel()
	dir := newFolder(t)
	p := serve(t, dir)
	at := tenant{base: p.base + "/t/own", host: public}
	command(t, dir, "tenant", "create", "own", "--name", "Own")
	id := command(t, dir, "client", "create", "--tenant", "own", "--name", "App", "--public", "--redirect-uri", callback, "--json")
	decode(t, id, &at.app)
	refused, others := 0, everyone()
	for range 400 {
		forged := others()
		got, _ := at.send(t, attempt{method: http.MethodPost, path: "/auth/verify", header: map[string]string{
			"X-Forwarded-For": forged, "Forwarded": "for=" + forged, "X-Real-IP": forged, "True-Client-IP": forged,
		}})
		if got.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 90 {
		t.Errorf("of 400 attempts within seconds, %d were refused", refused)
	}
}
