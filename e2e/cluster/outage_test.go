package cluster_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

const (
	// bearable is how long any request may take to fail.
	bearable = 10 * time.Second
	// recovery is how soon after its database's return all is well.
	recovery = 2 * time.Second
)

func TestAStoppedPrimaryFailsClearlyAndLosesNothing(t *testing.T) {
	outage := time.Duration(size(3, 10)) * time.Second
	t.Run("shut down fast and started again", func(t *testing.T) {
		server := ownServer(t)
		w := newWorld(t, 3, server.URL)
		w.endure(outage, server.Halt, func() {
			if err := server.Resume(); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("hanging", func(t *testing.T) {
		server := ownServer(t)
		w := newWorld(t, 3, server.URL)
		var stopped []int
		w.endure(outage, func() { stopped = suspend(t, w.db) }, func() { signalAll(t, stopped, syscall.SIGCONT) })
	})
}

func TestAFullDiskFailsClearlyAndLosesNothing(t *testing.T) {
	dir := smallDisk(t)
	w := newWorld(t, 1, "sqlite:"+filepath.Join(dir, "postern.db"))
	ballast := filepath.Join(dir, "ballast")
	take := func() {
		fill(t, ballast)
		// The write-ahead log that is there already is written over for a while.
		within(t, 30*time.Second, "the disk is full", func() bool {
			var failed atomic.Bool
			race(t, 8, func(int) error {
				if _, err := w.begin(w.app); err != nil {
					failed.Store(true)
				}
				return nil
			})
			return failed.Load()
		})
	}
	w.endure(time.Duration(size(3, 10))*time.Second, take, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}

// ownServer is a PostgreSQL that may be stopped.
func ownServer(t *testing.T) *pgtest.Server {
	t.Helper()
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// suspend stops all processes of a PostgreSQL where they are, the first of them first.
func suspend(t *testing.T, db *sql.DB) []int {
	t.Helper()
	var first int
	const query = `SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)::int`
	if err := db.QueryRowContext(t.Context(), query).Scan(&first); err != nil {
		t.Fatal(err)
	}
	signalAll(t, []int{first}, syscall.SIGSTOP)
	rest := childrenOf(t, first)
	signalAll(t, rest, syscall.SIGSTOP)
	all := append(rest, first)
	// Whatever fails meanwhile, the server can be ended.
	t.Cleanup(func() {
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	})
	return all
}

func signalAll(t *testing.T, pids []int, signal syscall.Signal) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); err != nil && err != syscall.ESRCH {
			t.Fatal(err)
		}
	}
}

func childrenOf(t *testing.T, parent int) (children []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // gone meanwhile
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if fields[1] != strconv.Itoa(parent) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		children = append(children, pid)
	}
	return children
}

// smallDisk is a file system of its own that a test may fill.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatalf("this test fills a disk of its own, which root may mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill leaves no room on the disk that a path is on.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
}

// endure takes the database away under load, for a time, and gives it back.
func (w *world) endure(outage time.Duration, take, giveBack func()) {
	w.t.Helper()
	probes := w.probes()
	ld := w.startLoad(4)
	rest(w.t.Context(), time.Second)
	take()
	began := time.Now()
	var slowest time.Duration
	refused := map[string]int{}
	for time.Since(began) < outage {
		for name, took := range w.probeAll(probes, refused) {
			if took > bearable {
				w.t.Errorf("%s took %s to fail", name, took)
			}
			slowest = max(slowest, took)
		}
	}
	giveBack()
	took := w.untilWell(probes)
	rest(w.t.Context(), time.Second)
	ld.end()
	for name, p := range probes {
		if p.writes && refused[name] == 0 {
			w.t.Errorf("%s was never refused", name)
		}
	}
	w.settle()
	mailed := ld.arriveAll()
	w.checkMails(ld)
	w.checkWinners(ld)
	w.t.Logf("refused %v, slowest after %s, all well %s after the return; %d logins accepted, %d mailed; outbox: %s",
		refused, slowest.Round(time.Millisecond), took.Round(time.Millisecond), len(ld.accepted), mailed, w.outbox())
}

// untilWell waits until everything works again on every process.
func (w *world) untilWell(probes map[string]probe) time.Duration {
	w.t.Helper()
	began := time.Now()
	last := error(nil)
	for time.Since(began) < 4*recovery {
		if last = w.well(); last == nil {
			break
		}
		rest(w.t.Context(), 20*time.Millisecond)
	}
	took := time.Since(began)
	if last != nil || took > recovery {
		w.t.Errorf("%s after the return: %v", took, last)
	}
	for name, p := range probes {
		answer, body, err := p.ask(w.t.Context())
		if err != nil || answer.StatusCode >= 500 {
			w.t.Errorf("after the return, %s: %v %s", name, err, body)
		}
	}
	return took
}

// well makes a whole login, and asks every process for what needs the database.
func (w *world) well() error {
	l, err := w.begin(w.app)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), recovery)
	defer cancel()
	mail, ok := w.Sink.Wait(ctx, l.address)
	if !ok {
		return fmt.Errorf("%w: no mail", errNoAnswer)
	}
	p, err := l.get(mail.Link)
	if err == nil {
		p, err = l.submit(p, "/auth/verify", nil)
	}
	if err != nil {
		return err
	}
	got, err := w.redeem(w.t.Context(), 0, codeOf(p), l.request.verifier)
	for i := range w.Processes {
		if err != nil || got.status != http.StatusOK {
			return fmt.Errorf("token: %d %s %w", got.status, got.Error, err)
		}
		got, err = w.refresh(w.t.Context(), i, got.Refresh)
	}
	return err
}

// probe is a request that is sent again and again.
type probe struct {
	ask func(context.Context) (*http.Response, []byte, error)
	// json: its errors are no pages.
	json bool
	// writes: it cannot be answered without the database, nor, on a full disk, by
	// reading it.
	writes bool
}

// probes are one request to each endpoint, prepared while all is well.
func (w *world) probes() map[string]probe {
	w.t.Helper()
	done, code := w.signIn(w.app)
	first, err := w.redeem(w.t.Context(), 0, code, done.request.verifier)
	if err != nil {
		w.t.Fatal(err)
	}
	fresh, freshCode := w.signIn(w.app)
	pending, link := w.mailed(w.app)
	opened, err := pending.get(link)
	if err != nil {
		w.t.Fatal(err)
	}
	start, err := pending.get(w.request().url)
	if err != nil {
		w.t.Fatal(err)
	}
	verify, enter, login := mustForm(w.t, opened, "/auth/verify"), mustForm(w.t, pending.waiting, "/auth/code"), mustForm(w.t, start, "/auth/login")
	b := pending.to(-1)
	waiting := pending.waiting.URL.String()
	state := strings.Replace(waiting, "/auth/waiting", "/auth/waiting/state", 1)
	client := func(form url.Values) url.Values {
		form.Set("client_id", w.ID)
		form.Set("client_secret", w.Secret)
		return form
	}
	token := func(form url.Values) probe {
		return probe{json: true, writes: true, ask: func(ctx context.Context) (*http.Response, []byte, error) {
			return ask(ctx, http.MethodPost, w.Issuer+"/token", client(form))
		}}
	}
	plainly := func(address string, header ...string) probe {
		return probe{json: true, ask: func(ctx context.Context) (*http.Response, []byte, error) {
			return ask(ctx, http.MethodGet, address, nil, header...)
		}}
	}
	return map[string]probe{
		"GET /authorize":          page(b, http.MethodGet, w.request().url, nil, false),
		"GET /auth/login":         page(b, http.MethodGet, start.URL.String(), nil, false),
		"POST /auth/login":        page(b, http.MethodPost, login.Action.String(), login.Values(submitter(login), url.Values{"email": {"probe@example.com"}}), true),
		"GET /auth/waiting":       page(b, http.MethodGet, waiting, nil, false),
		"GET /auth/waiting/state": plainly(state, "Cookie", cookies(b, waiting)),
		"POST /auth/code":         page(b, http.MethodPost, enter.Action.String(), enter.Values(submitter(enter), url.Values{"code": {"0000-0000"}}), true),
		"GET /auth/verify":        page(b, http.MethodGet, link, nil, false),
		"POST /auth/verify":       page(b, http.MethodPost, verify.Action.String(), verify.Values(submitter(verify), nil), true),
		"POST /token, code":       token(url.Values{"grant_type": {"authorization_code"}, "code": {freshCode}, "redirect_uri": {callback}, "code_verifier": {fresh.request.verifier}}),
		"POST /token, refresh":    token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.Refresh}}),
		"GET /userinfo":           plainly(w.Issuer+"/userinfo", "Authorization", "Bearer "+first.Access),
		"GET discovery":           plainly(w.Issuer + "/.well-known/openid-configuration"),
		"GET /jwks":               plainly(w.Issuer + "/jwks"),
	}
}

func cookies(b *harness.Browser, address string) string {
	var all []string
	for _, c := range b.Cookies(address) {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; ")
}

// page is a probe by a browser, which says what it takes; it follows no redirect.
func page(b *harness.Browser, method, address string, form url.Values, writes bool) probe {
	return probe{writes: writes, ask: func(ctx context.Context) (*http.Response, []byte, error) {
		return ask(ctx, method, address, form, "Accept", "text/html,*/*;q=0.8", "Sec-Fetch-Site", "same-origin", "Cookie", cookies(b, address))
	}}
}

// probeAll sends each probe once, all at the same time, and checks what a
// failure looks like. It tells how long each took.
func (w *world) probeAll(probes map[string]probe, refused map[string]int) map[string]time.Duration {
	w.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	took := map[string]time.Duration{}
	for name, p := range probes {
		all.Go(func() {
			began := time.Now()
			answer, body, err := p.ask(w.t.Context())
			mu.Lock()
			defer mu.Unlock()
			took[name] = time.Since(began)
			if err != nil {
				w.t.Errorf("%s: %v", name, err)
				return
			}
			if answer.StatusCode == http.StatusServiceUnavailable {
				refused[name]++
			}
			if said := p.unclear(answer, body); said != "" {
				w.t.Errorf("%s: %s: %d %v %.200s", name, said, answer.StatusCode, answer.Header, body)
			}
		})
	}
	all.Wait()
	rest(w.t.Context(), 100*time.Millisecond)
	return took
}

// unclear says what is wrong with an answer without a database.
func (p probe) unclear(answer *http.Response, body []byte) string {
	status, kind := answer.StatusCode, answer.Header.Get("Content-Type")
	switch {
	case status < 500 && !p.writes, slices.Contains([]int{303, 400, 409, 410, 422}, status) && p.writes, status == 200 && p.json:
		return "" // warm, or the last before the end
	case status != http.StatusServiceUnavailable:
		return "no 503"
	case answer.Header.Get("Retry-After") == "":
		return "no Retry-After"
	case p.json && !strings.HasPrefix(kind, "application/json"), !p.json && !strings.HasPrefix(kind, "text/html"):
		return "not in its own form"
	case strings.Contains(string(body), "SQLSTATE"), strings.Contains(string(body), "SQLITE"):
		return "tells the cause"
	default:
		return ""
	}
}
