package production_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/e2e/harness"
)

// block gives a fenced block of docs/proxies.md, by its language.
func block(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/proxies.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(string(text))
	if found == nil {
		t.Fatalf("docs/proxies.md has no block of %s", language)
	}
	return found[1]
}

// proxy is a real one in front of a process, set up as the document says but for
// names of files and ports.
type proxy struct {
	config func(t *testing.T, w *world, port int, upstream string) []string // gives the command to run
	log    string
}

var proxies = map[string]proxy{
	"nginx": {nginx, "access.log"},
	"Caddy": {caddy, ""},
}

func nginx(t *testing.T, w *world, port int, upstream string) []string {
	t.Helper()
	site := strings.NewReplacer(
		"listen 443 ", fmt.Sprintf("listen 127.0.0.1:%d ", port),
		"/etc/ssl/login.example.com/fullchain.pem", filepath.Join(w.dir, "cert.pem"),
		"/etc/ssl/login.example.com/privkey.pem", filepath.Join(w.dir, "key.pem"),
		"/var/log/nginx/postern.log", filepath.Join(w.dir, "access.log"),
		"http://127.0.0.1:8080", "http://"+upstream,
	).Replace(block(t, "nginx"))
	temp := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += fmt.Sprintf("%s_temp_path %s/nginx-%s;\n", kind, w.dir, kind)
	}
	whole := fmt.Sprintf("daemon off;\nmaster_process off;\npid %s/nginx.pid;\nevents {}\nhttp {\naccess_log off;\n%s%s}\n", w.dir, temp, site)
	return []string{tool(t, "nginx"), "-e", "stderr", "-p", w.dir, "-c", write(t, w.dir, "nginx.conf", whole)}
}

func caddy(t *testing.T, w *world, port int, upstream string) []string {
	t.Helper()
	other, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	site := strings.NewReplacer(
		"login.example.com {", fmt.Sprintf("login.example.com {\n\ttls %s/cert.pem %s/key.pem", w.dir, w.dir), "127.0.0.1:8080", upstream,
	).Replace(block(t, "caddy"))
	whole := fmt.Sprintf("{\n\tadmin off\n\thttps_port %d\n\thttp_port %d\n\tstorage file_system %s/caddy\n}\n%s", port, other, w.dir, site)
	return []string{tool(t, "caddy"), "run", "--adapter", "caddyfile", "--config", write(t, w.dir, "Caddyfile", whole)}
}

// tool finds a program, also where users' paths do not lead. Without it the test fails.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Fatalf("%s is needed: ./check installs it", name)
	return ""
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The documented files work as they stand: a person signs in through the real
// proxy, made-up addresses get nobody
// past a limit, and no query is in the proxy's log.
func TestProxiesAsTheDocumentSetsThemUp(t *testing.T) {
	t.Parallel()
	for name, p := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onSQLite(t)
			w.proxied = true
			served := w.start("--trusted-proxy", "127.0.0.1/32")
			port, err := harness.FreePort()
			if err != nil {
				t.Fatal(err)
			}
			front := fmt.Sprintf("127.0.0.1:%d", port)
			w.inFront(t, p.config(t, w, port, served.address), front)
			through := &http.Transport{TLSClientConfig: w.authority.client(), DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				var dialer net.Dialer
				return dialer.DialContext(ctx, network, front)
			}}
			b, address := harness.NewBrowser(t).Via(through).StopAt(callback), newAddress()
			w.signIn(b, address, 1)
			w.countsByClient(t, through)
			if strings.Contains(served.logs.String(), "are not heeded") {
				t.Error("the proxy is not trusted")
			}
			if p.log == "" {
				return
			}
			log, err := os.ReadFile(filepath.Join(w.dir, p.log))
			if err != nil || !strings.Contains(string(log), "/auth/verify") || strings.Contains(string(log), "token=") {
				t.Errorf("the proxy's log (%v):\n%s", err, log)
			}
		})
	}
}

// countsByClient uses up what one network address may ask for; making up others
// does not help.
func (w *world) countsByClient(t *testing.T, through http.RoundTripper) {
	t.Helper()
	b := harness.NewBrowser(t).Via(through).StopAt(callback)
	page := b.Get(w.authorize())
	form := page.FormTo(t, "/auth/login")
	for i := range 61 {
		b.Header = http.Header{"X-Forwarded-For": {fmt.Sprintf("203.0.113.%d", i)}}
		answer := b.Submit(page, form, nil, map[string][]string{"email": {newAddress()}})
		if answer.Status == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("made-up addresses in X-Forwarded-For get past the limit")
}

// inFront runs a proxy until the test ends, and waits until it listens.
func (w *world) inFront(t *testing.T, command []string, address string) {
	t.Helper()
	var out harness.Printed
	cmd := exec.CommandContext(context.Background(), command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), "HOME="+w.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	eventually(t, 15*time.Second, command[0]+" listens: "+out.String(), func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}
