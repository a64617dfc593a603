package production_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"postern/e2e/harness"
)

// process is a running `postern serve`.
type process struct {
	address string
	cmd     *exec.Cmd
	logs    harness.Printed
	ended   chan struct{}
	err     error // once ended
	// ready is what a balancer knows of it.
	ready  atomic.Bool
	client *http.Client
}

// start starts a process with settings of its own beside those of all.
func (w *world) start(args ...string) *process {
	w.t.Helper()
	port, err := harness.FreePort()
	if err != nil {
		w.t.Fatal(err)
	}
	p := &process{address: fmt.Sprintf("127.0.0.1:%d", port), ended: make(chan struct{})}
	all := []string{
		"serve", "--data", w.dir, "--database", w.database, "--listen", p.address, "--public-url", "https://" + host,
		"--smtp", w.sink.URL, "--mail-from", "login@" + host, "--drain-delay", "2s",
	}
	if !w.proxied {
		all = append(all, "--tls-cert", w.dir+"/cert.pem", "--tls-key", w.dir+"/key.pem")
	}
	p.cmd = exec.CommandContext(context.Background(), binary, append(all, args...)...)
	p.cmd.Stderr = &p.logs
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	w.t.Cleanup(func() { w.end(p) })
	if err != nil || !strings.HasPrefix(line, "ready ") {
		w.t.Fatalf("serve printed %q: %v\n%s", line, err, p.logs.String())
	}
	p.client = w.only(p, false)
	p.ready.Store(true)
	w.processes = append(w.processes, p)
	return p
}

// end ends a process that a test has left running. What it has logged must hold
// no secret.
func (w *world) end(p *process) {
	_ = p.cmd.Process.Kill()
	<-p.ended
	if err := harness.CheckLogs(p.logs.String()); err != nil {
		w.t.Error(err)
	}
	if w.t.Failed() {
		w.t.Logf("%s:\n%s", p.address, p.logs.String())
	}
}

// only gives a client whose requests go to one process, each on a connection of
// its own unless they are to be kept.
func (w *world) only(p *process, keep bool) *http.Client {
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: w.authority.client(), DisableKeepAlives: !keep,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				var dialer net.Dialer
				return dialer.DialContext(ctx, network, p.address)
			},
		},
	}
}

// get gives status and body of a path on the public URL.
func (p *process) get(path string) (status int, body string, err error) {
	answer, err := p.client.Get("https://" + host + path)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// watch keeps what a balancer knows of the process, until ctx ends.
func (p *process) watch(ctx context.Context) {
	for ctx.Err() == nil {
		status, _, err := p.get("/readyz")
		p.ready.Store(err == nil && status == http.StatusOK)
		time.Sleep(100 * time.Millisecond)
	}
}

// terminate asks the process to end.
func (p *process) terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// gone waits for its end and gives how it exited.
func (p *process) gone(most time.Duration) error {
	select {
	case <-p.ended:
		return p.err
	case <-time.After(most):
		return fmt.Errorf("it runs on after %s", most)
	}
}
