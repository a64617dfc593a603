package production_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// load is requests of every kind, without a pause, through a balancer.
type load struct {
	mu     sync.Mutex
	served int
	faults []string
}

func (l *load) note(fault string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.served++
	if fault != "" {
		l.faults = append(l.faults, fault)
	}
}

// ask sends one request and notes whether it was answered as it should be.
func (l *load) ask(ctx context.Context, client *http.Client, method, address string, form url.Values, want int) {
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		l.note(err.Error())
		return
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := client.Do(r)
	if err != nil {
		l.note(fmt.Sprintf("%s %s: %v", method, r.URL.Path, err))
		return
	}
	_, err = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	switch {
	case err != nil:
		l.note(fmt.Sprintf("%s %s: body: %v", method, r.URL.Path, err))
	case answer.StatusCode != want:
		l.note(fmt.Sprintf("%s %s: %d, want %d", method, r.URL.Path, answer.StatusCode, want))
	default:
		l.note("")
	}
}

func (w *world) load(ctx context.Context, l *load, http2 bool, hands int) {
	client := &http.Client{Transport: w.transport(http2), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	wrong := url.Values{
		"grant_type": {"authorization_code"}, "code": {"none"}, "redirect_uri": {callback},
		"client_id": {w.client.ID}, "client_secret": {w.client.Secret},
	}
	var all sync.WaitGroup
	for range hands {
		all.Go(func() {
			for ctx.Err() == nil {
				l.ask(ctx, client, http.MethodGet, issuer+"/.well-known/openid-configuration", nil, http.StatusOK)
				l.ask(ctx, client, http.MethodPost, issuer+"/token", wrong, http.StatusBadRequest)
				l.ask(ctx, client, http.MethodGet, w.authorize(), nil, http.StatusSeeOther)
			}
		})
	}
	all.Wait()
}

// A process under load that is asked to end says so at /readyz while it serves
// on, and ends with nothing cut off: not one request fails.
func TestServeUnderLoadDrainsWithoutAFailedRequest(t *testing.T) {
	for name, http2 := range map[string]bool{"over HTTP/1.1": false, "over HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t)
			first, second := w.start(), w.start()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			for _, p := range w.processes {
				go p.watch(ctx)
			}
			var l load
			done := make(chan struct{})
			go func() { w.load(ctx, &l, http2, 6); close(done) }()
			time.Sleep(time.Second)

			before := time.Now()
			if err := first.terminate(); err != nil {
				t.Fatal(err)
			}
			w.refusesAndServes(t, first)
			w.signIn(w.browser(), newAddress(), 1) // a person comes along meanwhile
			if err := first.gone(20 * time.Second); err != nil {
				t.Errorf("how it ended: %v", err)
			}
			took := time.Since(before)
			time.Sleep(500 * time.Millisecond)
			if status, _, err := second.get("/readyz"); err != nil || status != http.StatusOK {
				t.Errorf("the other process: %d, %v", status, err)
			}
			stop()
			<-done
			if l.served < 200 {
				t.Errorf("only %d requests were sent", l.served)
			}
			t.Logf("%d requests, ended after %s", l.served, took.Round(time.Millisecond))
			for _, fault := range l.faults[:min(len(l.faults), 10)] {
				t.Error(fault)
			}
		})
	}
}

// refusesAndServes tells that /readyz refuses, and why, while all else is served,
// with word that the connection ends.
func (w *world) refusesAndServes(t *testing.T, p *process) {
	t.Helper()
	eventually(t, time.Second, "/readyz refuses", func() bool {
		status, body, err := p.get("/readyz")
		return err == nil && status == http.StatusServiceUnavailable && strings.Contains(body, "stopping")
	})
	answer, err := w.only(p, true).Get(issuer + "/jwks")
	if err != nil || !answer.Close {
		t.Errorf("an answer while it drains: %v, does not say that the connection ends: %v", err, answer)
	}
	for path, want := range map[string]int{"/healthz": 200, "/t/acme/jwks": 200, "/t/acme/auth/login": 400} {
		if status, _, err := p.get(path); err != nil || status != want {
			t.Errorf("%s while it drains: %d, %v, want %d", path, status, err, want)
		}
	}
}

// A request whose body is still on its way when the process is asked to end, is
// answered.
func TestARequestInFlightIsAnsweredBeforeTheEnd(t *testing.T) {
	t.Parallel()
	w := onSQLite(t)
	p := w.start("--drain-delay", "0s")
	config := w.authority.client()
	config.ServerName = host
	conn, err := tls.Dial("tcp", p.address, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := "grant_type=authorization_code&code=none"
	if _, err := fmt.Fprintf(conn, "POST /t/acme/token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		host, len(body), body[:10]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if err := p.terminate(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	if _, err := tls.Dial("tcp", p.address, config); err == nil {
		t.Error("it takes new connections")
	}
	if _, err := io.WriteString(conn, body[10:]); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("answer %v, %v; want 401", answer, err)
	}
	if err := p.gone(10 * time.Second); err != nil {
		t.Errorf("how it ended: %v", err)
	}
}
