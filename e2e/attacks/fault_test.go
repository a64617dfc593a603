package attacks_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/e2e/cluster"
)

// causes are what no answer may hold: the database's words, paths, stacks.
var causes = regexp.MustCompile(`(?i)sqlstate|no such table|does not exist|relation "|syntax error|database is|jackc/pgx|modernc|goroutine |\.go:\d|/tmp/|/home/|postgres://|panic`)

// Threat 31: every table that an endpoint needs is gone, so each fails as deep
// inside as it can. No answer tells why.
func TestFaultsBehindEveryEndpointTellNoCause(t *testing.T) {
	onFresh(t, cluster.Config{Binary: binary, Processes: 1}, func(t *testing.T, w *world) {
		c := w.demo(t)
		l, code := c.signIn(t)
		tokens := redeem(t, c.tenant, code, l.request.verifier)
		fresh := l.code(t, l.again(t))
		pending := c.begin(t, browse(t), newAddress())
		link := pending.link(t)
		for _, table := range w.tables(t) {
			if table != "tenants" && !strings.HasPrefix(table, "goose") { // without tenants nothing would be deep
				if _, err := w.db.ExecContext(t.Context(), `DROP TABLE "`+table+`"`); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Second) // what processes remember is older than that
		faults := 0
		check := func(what string, status int, text string) {
			if found := causes.FindString(text); found != "" {
				t.Errorf("%s: status %d tells %q", what, status, found)
			}
			if status >= http.StatusInternalServerError {
				faults++
			}
		}
		for _, path := range endpoints(t) {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				for name, a := range map[string]attempt{
					"as an app": {values: appValues(c.app, url.Values{
						"grant_type": {"authorization_code"}, "code": {fresh}, "redirect_uri": {callback}, "code_verifier": {l.request.verifier},
						"token": {tokens["access_token"]}, "response_type": {"code"}, "scope": {"openid"},
					})},
					"with a refresh token": {values: appValues(c.app, renew(tokens["refresh_token"]))},
					"with a token":         {header: map[string]string{"Authorization": "Bearer " + tokens["access_token"]}},
					"as a browser":         {cookies: cookiesOf(l.browser, c.tenant), values: authorizeValues(c.app)},
					"with JSON":            {body: `{"redirect_uris":["` + callback + `"]}`, header: map[string]string{"Content-Type": "application/json"}},
				} {
					a.method, a.path = method, strings.NewReplacer("{client}", c.ID, "*", "x").Replace(path)
					got, text := c.tenant.send(t, a)
					check(method+" "+path+" "+name, got.Status, text)
				}
			}
		}
		p := pending.browser.Get(link)
		check("the link", p.Status, p.Body)
		for _, form := range []string{"/auth/code", "/auth/resend"} {
			p = submit(t, pending.browser, pending.waiting, form, url.Values{"code": {"AAAA-AAAA"}})
			check(form, p.Status, p.Body)
		}
		if faults < 10 {
			t.Errorf("only %d answers were faults, so little was tried", faults)
		}
	})
}

// Threat 31, where a panic is the fault: malformed input of every kind is an
// error of its endpoint's own form, never a fault.
func TestMalformedRequestsAreNeverFaults(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		for _, path := range endpoints(t) {
			path = strings.NewReplacer("{client}", c.ID, "*", "x").Replace(path)
			for _, a := range []attempt{
				{body: "%zz=%"},
				{body: strings.Repeat("a=b&", 5000)},
				{body: "\x00\xff\xfe"},
				{body: `{"a":`},
				{body: strings.Repeat("[", 10_000), header: map[string]string{"Content-Type": "application/json"}},
				{body: "--x\r\n", header: map[string]string{"Content-Type": "multipart/form-data; boundary=x"}},
				{body: "a", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-16"}},
				{body: "x", header: map[string]string{"Authorization": "Basic !!!"}},
				{body: "x", header: map[string]string{"Authorization": "Basic Og=="}},
				{body: "x", header: map[string]string{"Authorization": "Bearer " + strings.Repeat("a.", 3000)}},
				{values: url.Values{"client_id": {"a", "b"}, "code": {"\x00"}, "token": {"\xff"}, "request": {"."}, "flow": {"\x00"}}},
				{values: url.Values{"request": {strings.Repeat("A", 8000)}}},
				{cookies: map[string]string{"session": "\x7f", "browser": strings.Repeat("A", 4000)}},
			} {
				for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "PROPFIND"} {
					a.method, a.path = method, path
					if got, text := c.tenant.send(t, a); got.Status >= http.StatusInternalServerError || causes.MatchString(text) {
						t.Errorf("%s %s %q %v: %d %s", method, path, a.body[:min(len(a.body), 20)], a.header, got.Status, text)
					}
				}
			}
		}
	})
}

// readers are endpoints that read a form before all else.
var readers = []string{"/token", "/introspect", "/authorize", "/auth/login", "/auth/code", "/auth/resend", "/auth/finish"}

// Threat 32: bodies, headers and addresses that are too large, and requests that
// come a byte at a time, are ended; the others go on being served.
func TestOversizedAndSlowRequestsAreCutOff(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		huge := strings.Repeat("a", 10<<20)
		for _, path := range endpoints(t) {
			path = strings.NewReplacer("{client}", c.ID, "*", "x").Replace(path)
			for _, kind := range []string{"application/x-www-form-urlencoded", "application/json"} {
				status := raw(t, w.Processes[0].Address, fmt.Sprintf(
					"POST %s%s HTTP/1.1\r\nHost: %s\r\nSec-Fetch-Site: same-origin\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
					strings.TrimPrefix(c.tenant.base, w.URL), path, strings.TrimPrefix(w.URL, "http://"), kind, len(huge)), huge)
				tooLarge := slices.Contains(readers, path) && kind != "application/json"
				// 303: the account page asks who is nobody to sign in, and reads no body.
				if status < 300 || status >= 500 || tooLarge && status != http.StatusRequestEntityTooLarge {
					t.Errorf("10 MB of %s to %s: %d", kind, path, status)
				}
			}
		}
		if status := raw(t, w.Processes[0].Address, "GET / HTTP/1.1\r\nHost: x\r\nX: "+huge[:1<<20]+"\r\n\r\n", ""); status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a header of 1 MB: %d", status)
		}
		if status := raw(t, w.Processes[0].Address, "GET /"+huge[:1<<20]+" HTTP/1.1\r\nHost: x\r\n\r\n", ""); status < 400 {
			t.Errorf("an address of 1 MB: %d", status)
		}
		slow := make(chan time.Duration)
		const trickles = 200
		for range trickles {
			go func() { slow <- trickle(t.Context(), w.Processes[0].Address) }()
		}
		for range 20 { // meanwhile
			if status := c.userinfo(t, 0, "x"); status != http.StatusUnauthorized {
				t.Errorf("while others are slow: %d", status)
			}
			time.Sleep(50 * time.Millisecond)
		}
		for range trickles {
			if took := <-slow; took > 15*time.Second {
				t.Fatalf("a request that never ends was served for %s", took)
			}
		}
	})
}

// raw sends bytes and gives the status of what comes back; 400 where the
// connection is ended instead.
func raw(t *testing.T, address, head, body string) int {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		_, _ = io.WriteString(conn, head)
		_, _ = io.WriteString(conn, body)
	}()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return http.StatusBadRequest
	}
	answer.Body.Close()
	return answer.StatusCode
}

// trickle sends a request's header a byte a second and gives when it was ended.
func trickle(ctx context.Context, address string) time.Duration {
	began := time.Now()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0
	}
	defer conn.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, conn) // until the server hangs up
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for _, b := range []byte("GET /t/demo/jwks HTTP/1.1\r\nHost: x\r\nX-Slow: " + strings.Repeat("a", 100)) {
		if _, err := conn.Write([]byte{b}); err != nil {
			break
		}
		select {
		case <-tick.C:
		case <-ended:
			return time.Since(began)
		case <-ctx.Done():
			return time.Since(began)
		}
	}
	return time.Since(began)
}
