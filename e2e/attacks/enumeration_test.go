package attacks_test

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/e2e/cluster"
	"postern/e2e/harness"
	"postern/idp"
	"postern/storage"
)

// kinds of addresses that an attacker would like to tell apart.
var kinds = []string{"known", "unknown", "blocked", "limited", "suppressed"}

// crowd are addresses of each kind, in a tenant that only invited people sign in
// to: blocked ones have an account that is disabled, limited ones had their mail,
// and a mail to suppressed ones was refused a while ago.
type crowd struct {
	client
	of map[string][]string
}

func (w *world) crowd(t *testing.T, n int) crowd {
	t.Helper()
	c := crowd{client: w.apart(t, "sign_up=invited", "limit.mailbox=1/24h"), of: map[string][]string{}}
	store, err := storage.Open(t.Context(), w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for i := range n {
		for _, kind := range kinds {
			// All of one length, so that whole pages can be compared.
			address := fmt.Sprintf("%s%04d@example.com", strings.ToLower(newAddress()[:10]), i)
			c.of[kind] = append(c.of[kind], address)
			if kind == "unknown" {
				continue
			}
			user := idp.User{
				TenantID: idp.TenantID(c.tenant.ID), ID: idp.UserID(idp.NewID(time.Now())), Subject: idp.NewSubject(),
				Address: idp.Address(address), CreatedAt: time.Now(), Disabled: kind == "blocked",
			}
			if err := store.InviteUser(t.Context(), user); err != nil {
				t.Fatal(err)
			}
			if kind != "suppressed" {
				continue
			}
			if err := store.Suppress(t.Context(), idp.Suppression{
				TenantID: user.TenantID, Address: user.Address, Reason: "550 5.1.1",
				CreatedAt: user.CreatedAt, Expires: user.CreatedAt.Add(idp.SuppressionLife),
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := browse(t)
	form := b.Get(c.request().url)
	for _, address := range c.of["limited"] {
		submit(t, b, form, "/auth/login", url.Values{"email": {address}})
	}
	return c
}

// Threat 5, by the bytes: status, headers, page, state and writes.
func TestKnownUnknownBlockedLimitedAndSuppressedAddressesAreAnsweredByteForByteAlike(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.crowd(t, 3)
		const written = `SELECT (SELECT count(*) FROM flows) * 1000000 + (SELECT count(*) FROM outbox)`
		seen := map[string]string{}
		for _, kind := range kinds {
			address := c.of[kind][0]
			b := browse(t)
			page := b.Get(c.request("state", "x").url)
			form := page.FormTo(t, "/auth/login")
			posted := post(t, b, form.Action, form.Values(nil, url.Values{"email": {address}}))
			harness.Eventually(t, "what becomes of the mail is known", func() bool {
				return w.count(t, `SELECT count(*) FROM outbox WHERE tenant_id = $1 AND NOT done`, c.tenant.ID) == 0
			})
			waiting := b.Get(w.URL + posted.location)
			state := b.Get(w.URL + strings.Replace(posted.location, "/auth/waiting", "/auth/waiting/state", 1))
			resent := b.Submit(waiting, waiting.FormTo(t, "/auth/resend"), nil, nil)
			wrong := submit(t, b, waiting, "/auth/code", url.Values{"code": {"AAAA-AAAA"}})
			if posted.status != http.StatusSeeOther || waiting.Status != http.StatusOK || len(waiting.Body) < 1000 {
				t.Fatalf("%s: %d, %d:\n%s", kind, posted.status, waiting.Status, waiting.Body)
			}
			seen[kind] = shape(address, posted.String(), fmt.Sprint(waiting.Status, waiting.Header), waiting.Body,
				fmt.Sprint(state.Status, state.Header), state.Body, fmt.Sprint(resent.Status), resent.Body, fmt.Sprint(wrong.Status), wrong.Body)
		}
		for _, kind := range kinds[1:] {
			if diff := cmp.Diff(seen["known"], seen[kind]); diff != "" {
				t.Errorf("%s is told apart from known:\n%s", kind, diff)
			}
		}
		w.mail(t, c.of["known"][0], 1)
		for _, kind := range []string{"unknown", "blocked", "suppressed"} {
			if n := len(w.Sink.Mails(c.of[kind][0])); n != 0 {
				t.Errorf("%d mails to one that is %s", n, kind)
			}
		}
		if w.count(t, written) == 0 {
			t.Error("nothing is written")
		}
	})
}

// posted is the answer to a form, and how long it took.
type posted struct {
	status   int
	location string
	header   http.Header
	body     string
	took     time.Duration
}

// String is all that a stranger sees of it.
func (p posted) String() string { return fmt.Sprint(p.status, p.location, p.header, p.body) }

// post sends a form without following where it leads.
func post(t *testing.T, b *harness.Browser, to *url.URL, values url.Values) posted {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to.String(), strings.NewReader(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Accept-Language", "en")
	for _, cookie := range b.Cookies(to.String()) {
		r.AddCookie(cookie)
	}
	began := time.Now()
	answer, err := noRedirects.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return posted{answer.StatusCode, answer.Header.Get("Location"), answer.Header, string(body), time.Since(began)}
}

// What differs from one login to the next, whoever asks: ids, seals and random
// values, times, and the address itself. A sealed time is longer or shorter by its
// last zeros, and so is the page that carries it.
var passing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_-]{22,}|Content-Length:\[\d+\]|X-Request-Id:\[\w+\]|Date:\[[^\]]*\]|datetime="[^"]*"|\d\d:\d\d(:\d\d)?`)

func shape(address string, texts ...string) string {
	all := strings.ReplaceAll(strings.Join(texts, "\n"), address, "ADDRESS")
	return passing.ReplaceAllString(all, "…")
}

// Threat 5, by the clock: 200 answers to each kind, in one shuffled order, must
// not be told apart by their ranks. A rank test at p = 0.01 finds a difference
// where there is none once in a hundred times, so what it finds has to be found
// three times in a row, in other samples, to count. On a machine with many times
// the work that it can do, the making of a mail is felt: see docs/security.md.
func TestKnownUnknownBlockedLimitedAndSuppressedAddressesTakeTheSameTime(t *testing.T) {
	onFresh(t, cluster.Config{Binary: binary, Processes: 1}, func(t *testing.T, w *world) {
		// The mail server is this test, on the same processors: at no distance, what
		// is measured would be its own work.
		w.Sink.Far(20 * time.Millisecond)
		const each, rounds = 200, 3
		found := map[string]int{}
		for round := range rounds {
			c := w.crowd(t, each)
			took := c.times(t)
			for what, by := range took {
				for _, kind := range kinds[1:] {
					p := mannWhitney(by["known"], by[kind])
					t.Logf("round %d: %s of known and %s: medians %s and %s, p = %.3f", round+1, what, kind, median(by["known"]), median(by[kind]), p)
					if p <= 0.01 {
						found[what+" of "+kind]++
					}
				}
			}
			if !slices.Contains(values(found), round+1) {
				return
			}
		}
		for what, times := range found {
			if times == rounds {
				t.Errorf("the %s is told apart from that of known, in %d samples of %d", what, rounds, each)
			}
		}
	})
}

func values(of map[string]int) (all []int) {
	for _, n := range of {
		all = append(all, n)
	}
	return all
}

// times posts every address once, in one shuffled order, and opens where that leads.
func (c crowd) times(t *testing.T) map[string]map[string][]time.Duration {
	t.Helper()
	type visit struct{ kind, address string }
	var visits []visit
	for kind, addresses := range c.of {
		for _, address := range addresses {
			visits = append(visits, visit{kind, address})
		}
	}
	rand.Shuffle(len(visits), func(i, j int) { visits[i], visits[j] = visits[j], visits[i] })
	b := browse(t)
	form := b.Get(c.request().url).FormTo(t, "/auth/login")
	took := map[string]map[string][]time.Duration{"post": {}, "page": {}}
	for _, v := range visits {
		p := post(t, b, form.Action, form.Values(nil, url.Values{"email": {v.address}}))
		if p.status != http.StatusSeeOther {
			t.Fatalf("%s: status %d", v.kind, p.status)
		}
		began := time.Now()
		b.Get(c.URL + p.location)
		took["post"][v.kind] = append(took["post"][v.kind], p.took)
		took["page"][v.kind] = append(took["page"][v.kind], time.Since(began))
	}
	return took
}

func median(of []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2].Round(time.Microsecond)
}

// mannWhitney gives the two-sided p of the rank test, by the normal
// approximation, which is good for samples of this size.
func mannWhitney(a, b []time.Duration) float64 {
	all := slices.Sorted(slices.Values(slices.Concat(a, b)))
	ranks, ties := map[time.Duration]float64{}, 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j] == all[i] {
			j++
		}
		same := float64(j - i)
		ranks[all[i]] = float64(i+j+1) / 2
		ties += same*same*same - same
		i = j
	}
	sum := 0.0
	for _, x := range a {
		sum += ranks[x]
	}
	n, m := float64(len(a)), float64(len(b))
	u := sum - n*(n+1)/2
	deviation := math.Sqrt(n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1))))
	return math.Erfc(math.Abs(u-n*m/2) / deviation / math.Sqrt2)
}

// The test of the test: it tells apart what differs and not what does not.
func TestTheRankTestTellsShiftedSamplesApart(t *testing.T) {
	t.Parallel()
	sample := func(shift time.Duration) []time.Duration {
		all := make([]time.Duration, 200)
		for i := range all {
			all[i] = time.Millisecond + shift + time.Duration(rand.ExpFloat64()*float64(200*time.Microsecond))
		}
		return all
	}
	if p := mannWhitney(sample(0), sample(100*time.Microsecond)); p > 0.001 {
		t.Errorf("half a deviation apart: p = %g", p)
	}
	alike := 0
	for range 100 {
		if mannWhitney(sample(0), sample(0)) > 0.01 {
			alike++
		}
	}
	if alike < 90 {
		t.Errorf("of 100 equal pairs, %d were found alike", alike)
	}
}
