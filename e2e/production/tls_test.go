package production_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serial tells which certificate a process serves with.
func (w *world) serial(t *testing.T, p *process) int64 {
	t.Helper()
	config := w.authority.client()
	config.ServerName = host
	conn, err := tls.Dial("tcp", p.address, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// Whoever renews the certificate replaces its files; nobody restarts anything.
func TestARenewedCertificateIsServedWithoutARestart(t *testing.T) {
	t.Parallel()
	w := onSQLite(t)
	p := w.start()
	if got := w.serial(t, p); got != 1 {
		t.Fatalf("serial %d at first", got)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "key.pem"), []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the fault is told", func() bool { return strings.Contains(p.logs.String(), "the former one serves on") })
	if got := w.serial(t, p); got != 1 {
		t.Errorf("serial %d while the files are not good", got)
	}
	renewed := w.authority.issue(t, w.dir, host)
	eventually(t, 10*time.Second, "the new certificate is served", func() bool { return w.serial(t, p) == renewed })
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	w := onSQLite(t)
	p := w.start()
	config := w.authority.client()
	config.ServerName, config.MinVersion, config.MaxVersion = host, tls.VersionTLS10, tls.VersionTLS11
	if conn, err := tls.Dial("tcp", p.address, config); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is taken")
	}
}

func TestACertificateForAnotherHostIsToldOf(t *testing.T) {
	t.Parallel()
	w := onSQLite(t)
	w.authority.issue(t, w.dir, "other.example.com")
	p := w.start()
	eventually(t, 5*time.Second, "it is told", func() bool {
		return strings.Contains(p.logs.String(), "the certificate is not for the host of --public-url")
	})
}

func TestEveryAnswerTellsBrowsersToComeByHTTPSAlone(t *testing.T) {
	t.Parallel()
	w := onSQLite(t)
	by := w.start()
	left := w.start("--hsts", "none")
	own := w.start("--hsts", "max-age=63072000; includeSubDomains")
	for _, path := range []string{
		"/t/acme/.well-known/openid-configuration", "/t/acme/authorize", "/t/acme/auth/login", "/t/acme/token", "/t/nobody", "/nothing", "/healthz",
	} {
		for p, want := range map[*process]string{by: "max-age=31536000", left: "", own: "max-age=63072000; includeSubDomains"} {
			answer, err := p.client.Get("https://" + host + path)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if got := strings.Join(answer.Header.Values("Strict-Transport-Security"), ", "); got != want {
				t.Errorf("%s: %q, want %q", path, got, want)
			}
		}
	}
	other, err := http.NewRequest(http.MethodGet, "https://"+host+"/.well-known/openid-configuration", nil)
	if err != nil {
		t.Fatal(err)
	}
	other.Host = "other.example"
	answer, err := by.client.Do(other)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusMisdirectedRequest || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("an unknown host: %d, %v", answer.StatusCode, answer.Header)
	}
}

// What is larger or slower than any honest request is refused without being read.
func TestRequestsThatAreTooLargeAreRefused(t *testing.T) {
	t.Parallel()
	w := onSQLite(t)
	p := w.start()
	r, err := http.NewRequest(http.MethodGet, issuer+"/.well-known/openid-configuration", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	if answer, err := p.client.Do(r); err != nil || answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 64 KiB: %v, %v", status(answer), err)
	}
	// One byte more than there may be: what is left unread when the connection ends
	// could cost the client the answer.
	body := "grant_type=authorization_code&code="
	body += strings.Repeat("x", 64<<10+1-len(body))
	answer, err := p.client.Post(issuer+"/token", "application/x-www-form-urlencoded", strings.NewReader(body))
	if err != nil || answer.StatusCode < 400 || answer.StatusCode >= 500 {
		t.Errorf("a body of more than 64 KiB: %v, %v", status(answer), err)
	}
	if code, _, err := p.get("/healthz"); err != nil || code != http.StatusOK {
		t.Errorf("afterwards: %d, %v", code, err)
	}
}

func status(answer *http.Response) string {
	if answer == nil {
		return "no answer"
	}
	return fmt.Sprint(answer.StatusCode)
}
