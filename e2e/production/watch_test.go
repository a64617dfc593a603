package production_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

// watched starts a process with a listener of the operator's own, and gives its address.
func (w *world) watched(args ...string) (*process, string) {
	w.t.Helper()
	port, err := harness.FreePort()
	if err != nil {
		w.t.Fatal(err)
	}
	own := fmt.Sprintf("127.0.0.1:%d", port)
	return w.start(append(args, "--metrics-listen", own)...), "http://" + own
}

func read(t *testing.T, address string) (int, string) {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// What people and apps do is counted, at an address of the operator's own; the
// public one has nothing of it.
func TestMetricsCountALoginOnAListenerOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := onSQLite(t)
	p, own := w.watched()
	b, address := w.browser(), newAddress()
	w.signIn(b, address, 1)
	w.ask(w.browser(), newAddress())
	again := newAddress()
	w.ask(w.browser(), again)
	w.ask(w.browser(), again) // over the mailbox's limit
	stranger := w.browser()
	waiting := w.ask(stranger, newAddress())
	stranger.Submit(waiting, waiting.FormTo(t, "/auth/code"), nil, map[string][]string{"code": {"ABCD-EFGH"}})
	for range 50 {
		if status, _, err := p.get("/t/acme/no/such/" + newAddress()); err != nil || status != http.StatusNotFound {
			t.Fatalf("%d, %v", status, err)
		}
	}
	var page string
	eventually(t, 10*time.Second, "four mails are sent and one dropped", func() bool {
		_, page = read(t, own+"/metrics")
		return strings.Contains(page, `postern_mails_total{outcome="sent"} 4`) && strings.Contains(page, `postern_mails_total{outcome="dropped"} 1`)
	})
	for _, line := range []string{
		`postern_logins_started_total 5`,
		`postern_logins_completed_total{by="link"} 1`,
		`postern_logins_refused_total{reason="mismatch"} 1`,
		`postern_limits_hit_total{rule="mailbox"} 1`,
		`postern_requests_total{method="GET",route="unmatched",status="4xx"} 50`,
		`postern_requests_total{method="POST",route="/auth/login",status="3xx"} 5`,
		`postern_ready 1`,
		`postern_outbox_waiting 0`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	if strings.Contains(page, "acme") || strings.Contains(page, "example.org") {
		t.Error("a label tells a tenant or an address")
	}
	if status, _, err := p.get("/metrics"); err != nil || status != http.StatusNotFound {
		t.Errorf("/metrics on the public listener: %d, %v", status, err)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := read(t, own+path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// The document lists each metric that there is, and none that is not.
func TestEveryMetricIsInTheDocument(t *testing.T) {
	t.Parallel()
	w := onSQLite(t)
	w.signInWatched(t, func(own string) {
		_, page := read(t, own+"/metrics")
		there := map[string]bool{}
		for _, name := range regexp.MustCompile(`(?m)^# HELP (postern_\w+)`).FindAllStringSubmatch(page, -1) {
			there[name[1]] = true
		}
		text, err := os.ReadFile("../../docs/operate.md")
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]bool{}
		for _, name := range regexp.MustCompile("`(postern_\\w+)").FindAllStringSubmatch(string(text), -1) {
			told[name[1]] = true
			if !there[name[1]] {
				t.Errorf("docs/operate.md tells of %s, which is not there", name[1])
			}
		}
		for name := range there {
			if !told[name] {
				t.Errorf("docs/operate.md does not tell of %s", name)
			}
		}
		if len(there) < 10 {
			t.Errorf("only %d metrics", len(there))
		}
	})
}

func (w *world) signInWatched(t *testing.T, then func(own string)) {
	t.Helper()
	_, own := w.watched()
	w.signIn(w.browser(), newAddress(), 1)
	then(own)
}

// Traces follow requests, the steps of the store and mails, and hold nothing
// that a log may not hold.
func TestTracesHoldTheStepsOfALoginAndNoSecret(t *testing.T) {
	t.Parallel()
	var got harness.Printed
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(&got, r.Body)
	}))
	defer collector.Close()
	w := onSQLite(t)
	p := w.start("--otlp-endpoint", collector.URL)
	b, address := w.browser(), newAddress()
	w.signIn(b, address, 1)
	if err := p.terminate(); err != nil {
		t.Fatal(err)
	}
	if err := p.gone(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	spans := got.String()
	for _, name := range []string{"POST /auth/login", "GET /authorize", "store.StartFlow", "store.CompleteFlow", "mail.Send", "store.TakeHits"} {
		if !strings.Contains(spans, name) {
			t.Errorf("no span %q", name)
		}
	}
	token := w.sink.Mails(address)[0].Link
	token = token[strings.Index(token, "token=")+len("token="):]
	for name, secret := range map[string]string{"the address": address, "the link's token": token, "the tenant": "acme", "the client": w.client.ID} {
		if strings.Contains(spans, secret) {
			t.Errorf("a span holds %s", name)
		}
	}
	if !regexp.MustCompile(`"trace_id":"[0-9a-f]{32}"`).MatchString(p.logs.String()) {
		t.Error("no line of the log names its trace")
	}
}

// While the database is gone, /readyz says so and /healthz does not; both are
// well again with it.
func TestReadyzTellsThatTheDatabaseDoesNotAnswer(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	w := newWorld(t, func(string) string { return server.URL })
	p, own := w.watched()
	server.Halt()
	eventually(t, 10*time.Second, "/readyz refuses", func() bool {
		status, body, err := p.get("/readyz")
		return err == nil && status == http.StatusServiceUnavailable && body == "database does not answer\n"
	})
	if status, _, err := p.get("/healthz"); err != nil || status != http.StatusOK {
		t.Errorf("/healthz: %d, %v", status, err)
	}
	if _, page := read(t, own+"/metrics"); !strings.Contains(page, "\npostern_ready 0\n") || strings.Contains(page, "\npostern_outbox_waiting") {
		t.Error("the metrics say that it is well, or how many mails wait, which nobody knows")
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "/readyz is well again", func() bool {
		status, _, err := p.get("/readyz")
		return err == nil && status == http.StatusOK
	})
}

// A person can quote the id on an error page, and the log has it.
func TestTheIDOnAnErrorPageIsInTheLog(t *testing.T) {
	t.Parallel()
	w := onSQLite(t)
	p := w.start()
	answer, err := p.client.Get("https://" + host + "/t/nobody/auth/login")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	id := answer.Header.Get("X-Request-Id")
	if err != nil || id == "" || !strings.Contains(string(body), id) {
		t.Errorf("id %q is not on the page, %v", id, err)
	}
	eventually(t, 5*time.Second, "the id is in the log", func() bool {
		return strings.Contains(p.logs.String(), `"request_id":"`+id+`"`)
	})
}
