package attacks_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/e2e/harness"
	"postern/idp"
	"postern/storage"
)

const tenants = 10_000

// Ten thousand tenants start and serve like one.
func TestTenThousandTenantsStartAndServeLikeOne(t *testing.T) {
	dir := newFolder(t)
	addTenants(t, dir, 0, 1)
	one := serve(t, dir)
	alone, aloneKeys := one.visit(t, func() int { return 0 })
	small := rss(t, one.pid)
	one.stop()
	addTenants(t, dir, 1, tenants)
	all := serve(t, dir)
	among, amongKeys := all.visit(t, func() int { return rand.IntN(tenants) })
	large := rss(t, all.pid)
	t.Logf("start %s and %s, RSS %d and %d MiB, medians %s and %s, keys %s and %s", one.after, all.after, small>>10, large>>10, alone, among, aloneKeys, amongKeys)
	if all.after > 3*one.after+time.Second {
		t.Errorf("starts in %s with %d tenants, in %s with one", all.after, tenants, one.after)
	}
	if large > 2*small+64<<10 {
		t.Errorf("%d KiB with %d tenants, %d with one", large, tenants, small)
	}
	if among > 5*alone+5*time.Millisecond || amongKeys > 5*aloneKeys+5*time.Millisecond {
		t.Errorf("answers in %s among %d tenants, in %s with one", among, tenants, alone)
	}
}

// What a tenant's first request needs of keys was made before it came.
func TestANewTenantsKeysAreThereAtOnce(t *testing.T) {
	const ready = 4
	dir := newFolder(t)
	addTenants(t, dir, 0, 8*ready)
	p := serve(t, dir)
	var first, again []time.Duration
	for i := range 8 * ready {
		if i%ready == 0 {
			p.rests(t)
		}
		at := tenant{base: p.base + "/t/" + slug(i), host: public}
		first = append(first, at.timed(t, "/jwks", http.StatusOK))
		again = append(again, at.timed(t, "/jwks", http.StatusOK))
	}
	slices.Sort(first)
	slices.Sort(again)
	middle := len(first) / 2
	t.Logf("the first JWKS of %d tenants: median %s, longest %s; again: median %s", len(first), first[middle], first[len(first)-1], again[middle])
	if first[middle] > 5*again[middle]+60*time.Millisecond {
		t.Errorf("the first JWKS takes %s, the next %s", first[middle], again[middle])
	}
}

// rests waits until the process has nothing to do: its spare keys are made.
func (p production) rests(t *testing.T) {
	t.Helper()
	before := int64(-1)
	harness.Eventually(t, "a process at rest", func() bool {
		time.Sleep(150 * time.Millisecond)
		now := ticks(t, p.pid)
		rests := now-before <= 1
		before = now
		return rests
	})
}

// ticks is the processor time of a process, in hundredths of a second.
func ticks(t *testing.T, pid int) int64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, numbers, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(numbers)
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return user + system
}

func addTenants(t *testing.T, dir string, from, to int) {
	t.Helper()
	store, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(dir, "postern.db"))
	if err != nil {
		t.Fatal(err)
	}
	numbers := make(chan int)
	var adding sync.WaitGroup
	for range 64 {
		adding.Go(func() {
			for i := range numbers {
				now := time.Now()
				made := idp.Tenant{ID: idp.TenantID(idp.NewID(now)), Slug: slug(i), Name: "Tenant", CreatedAt: now}
				if err := store.CreateTenant(t.Context(), made); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := from; i < to; i++ {
		numbers <- i
	}
	close(numbers)
	adding.Wait()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func slug(i int) string { return fmt.Sprintf("tenant-%d", i) }

// visit reads discovery and the login's page (here: that it lacks a request) of
// 500 tenants, and the keys of the first 20, made before: the first RSA key of a
// tenant takes about 0.1 s where none is ready. It gives the median times of pages and of keys.
func (p production) visit(t *testing.T, next func() int) (pages, keys time.Duration) {
	t.Helper()
	var ofPages, ofKeys []time.Duration
	for i := range 500 {
		at := tenant{base: p.base + "/t/" + slug(next()), host: public}
		ofPages = append(ofPages, at.timed(t, "/.well-known/openid-configuration", http.StatusOK), at.timed(t, "/auth/login", http.StatusBadRequest))
		if i < 20 {
			at.timed(t, "/jwks", http.StatusOK)
			ofKeys = append(ofKeys, at.timed(t, "/jwks", http.StatusOK))
		}
	}
	slices.Sort(ofPages)
	slices.Sort(ofKeys)
	return ofPages[len(ofPages)/2], ofKeys[len(ofKeys)/2]
}

func (to tenant) timed(t *testing.T, path string, want int) time.Duration {
	t.Helper()
	began := time.Now()
	got, text := to.send(t, attempt{method: http.MethodGet, path: path})
	took := time.Since(began)
	if got.Status != want {
		t.Fatalf("%s: %d %s", to.base+path, got.Status, text)
	}
	return took
}

var residentLine = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// rss is a process's resident memory in KiB.
func rss(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(residentLine.FindStringSubmatch(string(status))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
