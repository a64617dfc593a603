package attacks_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/e2e/cluster"
	"postern/e2e/harness"
	"postern/keys"
)

// public is the public URL of production processes; nobody resolves it.
const public = "login.example"

// production is a running `postern serve`, which trusts no proxy.
type production struct {
	base  string // where it listens
	pid   int
	after time.Duration // how long it took to serve
	stop  func()
}

// newFolder makes the master key and the schema.
func newFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := keys.CreateMaster(filepath.Join(dir, "master.key")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), binary, "migrate", "--data", dir).CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
	return dir
}

func serve(t *testing.T, dir string, args ...string) production {
	t.Helper()
	return serveBy(t, dir, "smtp://127.0.0.1:1", args...)
}

// serveWithMail serves with a mail server that keeps what it takes.
func serveWithMail(t *testing.T, dir string) (*cluster.Sink, production) {
	t.Helper()
	sink, err := cluster.NewSink()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	return sink, serveBy(t, dir, sink.URL)
}

func serveBy(t *testing.T, dir, smtp string, args ...string) production {
	t.Helper()
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, append([]string{
		"serve", "--data", dir, "--listen", address, "--public-url", "https://" + public, "--smtp", smtp, "--mail-from", "login@" + public,
	}, args...)...)
	logs := new(harness.Printed)
	cmd.Stderr = logs
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready ") {
		t.Fatalf("serve printed %q: %v\n%s", line, err, logs)
	}
	p := production{base: "http://" + address, pid: cmd.Process.Pid, after: time.Since(began)}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		_ = cmd.Wait() // its exit is what ended it
		if err := harness.CheckLogs(logs.String()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(p.stop)
	return p
}

// command runs another command over the same folder, and gives its stdout.
func command(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), binary, append(args, "--data", dir)...).Output()
	if err != nil {
		t.Fatalf("postern %s: %v", strings.Join(args, " "), err)
	}
	return out
}
