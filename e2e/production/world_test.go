package production_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/e2e/cluster"
	"postern/e2e/harness"
	"postern/keys"
	"postern/storage/postgres/pgtest"
)

const (
	host     = "login.example.com"
	issuer   = "https://" + host + "/t/acme"
	callback = "https://app.example/callback"
)

// world is an installation: its folder, its mail server and its processes.
type world struct {
	t         *testing.T
	dir       string
	database  string
	sink      *cluster.Sink
	authority authority
	processes []*process
	proxied   bool // processes serve http, for a proxy
	next      atomic.Uint64
	client    struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
}

// onSQLite and onPostgres are new installations with the tenant acme and an app.
func onSQLite(t *testing.T) *world {
	t.Helper()
	return newWorld(t, func(dir string) string { return "sqlite:" + filepath.Join(dir, "postern.db") })
}

func onPostgres(t *testing.T) *world {
	t.Helper()
	url := pgtest.Schema(t, pgtest.URL(t))
	return newWorld(t, func(string) string { return url })
}

func newWorld(t *testing.T, database func(dir string) string) *world {
	t.Helper()
	dir := t.TempDir()
	sink, err := cluster.NewSink()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	if _, err := keys.CreateMaster(filepath.Join(dir, "master.key")); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, database: database(dir), sink: sink, authority: newAuthority(t)}
	w.authority.issue(t, dir, host)
	w.run("migrate")
	w.run("tenant", "create", "acme", "--name", "Acme")
	out := w.run("client", "create", "--tenant", "acme", "--name", "Shop", "--redirect-uri", callback)
	if err := json.Unmarshal(out, &w.client); err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs a command beside whatever serves, and gives its stdout.
func (w *world) run(args ...string) []byte {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(w.t.Context(), binary, append(args, "--data", w.dir, "--database", w.database)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		w.t.Fatalf("postern %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.Bytes()
}

// transport sends requests for any host to the processes that are ready, a
// connection to each in turn, over HTTP/1.1 or HTTP/2.
func (w *world) transport(http2 bool) *http.Transport {
	return &http.Transport{
		TLSClientConfig: w.authority.client(), ForceAttemptHTTP2: http2, MaxIdleConnsPerHost: 16,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, w.pick().address)
		},
	}
}

// pick is what a balancer does: round, among those that are ready.
func (w *world) pick() *process {
	for range 2 * len(w.processes) {
		p := w.processes[w.next.Add(1)%uint64(len(w.processes))]
		if p.ready.Load() {
			return p
		}
	}
	return w.processes[0]
}

// browser is a person's, on the internet.
func (w *world) browser() *harness.Browser {
	w.t.Helper()
	return harness.NewBrowser(w.t).Via(w.transport(true)).StopAt(callback)
}

// eventually is for what other processes do in their time.
func eventually(t *testing.T, most time.Duration, what string, done func() bool) {
	t.Helper()
	for began := time.Now(); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > most {
			t.Fatalf("not within %s: %s", most, what)
		}
	}
}
