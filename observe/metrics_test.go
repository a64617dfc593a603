package observe_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/observe"
)

func reading(context.Context) observe.Reading {
	return observe.Reading{
		Ready: true, Fresh: true, MailsWaiting: 3, MailWaits: 90 * time.Second, KeyAge: 2 * time.Hour,
		Busy: 2, Open: 5, Most: 16, Waits: 7, HasCertificate: true, CertificateLeft: time.Hour,
	}
}

// scrape gives what an operator's Prometheus would read.
func scrape(t *testing.T, m *observe.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("scrape: %d, %v", w.Code, err)
	}
	return string(body)
}

func has(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
}

func TestRoutesAreNamedBelowTheirIssuer(t *testing.T) {
	for _, c := range []struct {
		name     string
		patterns []string
		want     string
	}{
		{"a tenant's path and a host of its own are one", []string{"/t/{tenant}/*", "/token"}, "/token"},
		{"at the root", []string{"/token"}, "/token"},
		{"a route that takes the rest", []string{"/t/{tenant}/auth/assets/*"}, "/auth/assets/*"},
		{"a tenant's base with nothing there", []string{"/t/{tenant}/*"}, observe.Unmatched},
		{"nothing at all", nil, observe.Unmatched},
		{"the front page", []string{"/"}, "/"},
		{"deeper than is told apart", []string{"/a/*", "/b/*", "/c/*", "/d"}, "/a/b/c/*"},
	} {
		if got := observe.RouteOf(c.patterns).Label(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWhatHappensIsCounted(t *testing.T) {
	m := observe.New("v1.2.3", reading)
	token := observe.RouteOf([]string{"/t/{tenant}/*", "/token"})
	m.Request(token, http.MethodPost, http.StatusOK, 3*time.Millisecond)
	m.Request(token, http.MethodPost, http.StatusNoContent, 30*time.Millisecond)
	m.Request(token, http.MethodPost, http.StatusUnauthorized, time.Millisecond)
	m.LoginStarted()
	m.LoginCompleted(observe.ByLink)
	m.LoginRefused(observe.RefusedExpired)
	m.Mail(observe.MailSent)
	m.LimitHit(observe.LimitMailbox)
	has(t, scrape(t, m),
		`postern_requests_total{method="POST",route="/token",status="2xx"} 2`,
		`postern_requests_total{method="POST",route="/token",status="4xx"} 1`,
		`postern_request_seconds_bucket{route="/token",le="0.005"} 2`,
		`postern_request_seconds_count{route="/token"} 3`,
		`postern_logins_started_total 1`,
		`postern_logins_completed_total{by="link"} 1`,
		`postern_logins_completed_total{by="code"} 0`,
		`postern_logins_refused_total{reason="expired"} 1`,
		`postern_mails_total{outcome="sent"} 1`,
		`postern_limits_hit_total{rule="mailbox"} 1`,
		`postern_ready 1`,
		`postern_outbox_waiting 3`,
		`postern_outbox_oldest_seconds 90`,
		`postern_signing_key_age_seconds 7200`,
		`postern_database_connections{state="busy"} 2`,
		`postern_database_connections{state="idle"} 3`,
		`postern_database_connections_max 16`,
		`postern_database_connection_waits_total 7`,
		`postern_tls_certificate_left_seconds 3600`,
	)
	for _, part := range []string{`postern_build_info{`, "go_goroutines ", "process_open_fds "} {
		if !strings.Contains(scrape(t, m), part) {
			t.Errorf("no %s", part)
		}
	}
}

// What the database would have told is left out while it does not answer: a
// zero would say that all is well.
func TestWhatIsNotKnownIsNotTold(t *testing.T) {
	page := scrape(t, observe.New("v1.2.3", func(context.Context) observe.Reading { return observe.Reading{Most: 4} }))
	has(t, page, "postern_ready 0", "postern_database_connections_max 4")
	for _, name := range []string{"postern_outbox_waiting ", "postern_signing_key_age_seconds ", "postern_tls_certificate_left_seconds "} {
		if strings.Contains(page, "\n"+name) {
			t.Errorf("%s is told", name)
		}
	}
}

func TestStrangersMakeNoSeries(t *testing.T) {
	m := observe.New("v1.2.3", reading)
	for i := range 1000 {
		n := strconv.Itoa(i)
		m.Request(observe.Route{}, "M"+n, i, time.Millisecond)
		m.LoginRefused("reason " + n)
		m.Mail("outcome " + n)
	}
	page := scrape(t, m)
	if got := strings.Count(page, "\npostern_requests_total{"); got != 5 {
		t.Errorf("%d series of requests, want one for each class of status", got)
	}
	has(t, page, `postern_logins_refused_total{reason="other"} 1000`, `postern_mails_total{outcome="other"} 1000`)
}

func TestManyRequestsAtOnceAreAllCounted(t *testing.T) {
	m := observe.New("v1.2.3", reading)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 500 {
				m.Request(observe.RouteOf([]string{"/route" + strconv.Itoa((i+n)%20)}), http.MethodGet, http.StatusOK, time.Millisecond)
			}
		})
	}
	all.Wait()
	page := scrape(t, m)
	for n := range 20 {
		has(t, page, `postern_requests_total{method="GET",route="/route`+strconv.Itoa(n)+`",status="2xx"} 200`)
	}
}

func TestCountingARequestTakesNoMemory(t *testing.T) {
	m := observe.New("v1.2.3", reading)
	route := observe.RouteOf([]string{"/t/{tenant}/*", "/token"})
	m.Request(route, http.MethodPost, http.StatusOK, time.Millisecond)
	got := testing.AllocsPerRun(100, func() {
		m.Request(observe.RouteOf([]string{"/t/{tenant}/*", "/token"}), http.MethodPost, http.StatusOK, time.Millisecond)
	})
	if got != 0 {
		t.Errorf("%v allocations for a request", got)
	}
}

func TestNoMetricsCountNothing(t *testing.T) {
	var m *observe.Metrics
	m.Request(observe.Route{}, http.MethodGet, http.StatusOK, 0)
	m.LoginStarted()
	m.LoginCompleted(observe.ByCode)
	m.LoginRefused(observe.RefusedUsed)
	m.Mail(observe.MailSent)
	m.LimitHit(observe.LimitAttempt)
}

func BenchmarkRequest(b *testing.B) {
	m := observe.New("v1.2.3", reading)
	patterns := []string{"/t/{tenant}/*", "/token"}
	for b.Loop() {
		m.Request(observe.RouteOf(patterns), http.MethodPost, http.StatusOK, time.Millisecond)
	}
}
