package harness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything that another process does may take.
const patience = 20 * time.Second

// Build compiles the program once into dir and gives its path.
func Build(dir string) (string, error) {
	binary := filepath.Join(dir, "postern")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "postern/cmd/postern").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// FreePort finds a port of 127.0.0.1 that nobody listens on now, below those
// that the system gives to who asks for any: until its server listens there,
// neither a connection nor another listener is given it.
func FreePort() (int, error) {
	const first, last, tries = 20_000, 32_000, 50
	for range tries {
		port := first + rand.N(last-first)
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no port is free")
}

// Server is a running `postern dev`.
type Server struct {
	URL    string
	Issuer string // of the tenant demo
	Data   string // the data folder
	Listen string // where it listens, whatever its public URL
	// Database is where it keeps everything, if not in the data folder.
	Database string
	// Client sends the harness's own requests.
	Client *http.Client
	binary string
	cmd    *exec.Cmd
	ended  chan struct{}
	logs   *Printed
}

// Start runs `postern dev` on a free port over a data folder of its own in dir.
func Start(binary, dir string, args ...string) (*Server, error) {
	return StartOn(binary, dir, "", args...)
}

// StartOn is Start over a database somewhere else; empty is the data folder's own.
func StartOn(binary, dir, database string, args ...string) (*Server, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	s := &Server{
		Data: data, Listen: fmt.Sprintf("127.0.0.1:%d", port), Database: database, Client: http.DefaultClient,
		binary: binary, ended: make(chan struct{}), logs: &Printed{},
	}
	all := append(append([]string{"dev", "--listen", s.Listen}, s.over()...), args...)
	s.cmd = exec.CommandContext(context.Background(), binary, all...)
	s.cmd.Dir = dir
	s.cmd.Stderr = s.logs
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan string, 1)
	go s.read(stdout, ready)
	select {
	case s.URL = <-ready:
		s.Issuer = s.URL + "/t/demo"
		return s, nil
	case <-s.ended:
		return nil, fmt.Errorf("postern dev ended before it was ready:\n%s", s.logs)
	case <-time.After(patience):
		return nil, errors.Join(fmt.Errorf("postern dev was not ready in %s:\n%s", patience, s.logs), s.Stop())
	}
}

// over are the flags that say where everything is kept.
func (s *Server) over() []string {
	if s.Database == "" {
		return []string{"--data", s.Data}
	}
	return []string{"--data", s.Data, "--database", s.Database}
}

// read keeps what the program prints and announces its ready line.
func (s *Server) read(stdout io.Reader, ready chan<- string) {
	lines := bufio.NewScanner(io.TeeReader(stdout, s.logs))
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			select {
			case ready <- strings.TrimSpace(url):
			default:
			}
		}
	}
	// Whatever the exit, what was printed tells more.
	_ = s.cmd.Wait()
	close(s.ended)
}

// Stop asks the process to end, and ends it if it does not. What it has logged
// must hold no secret.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
		return CheckLogs(s.Logs())
	case <-time.After(patience):
		return errors.Join(errors.New("postern dev did not end when asked"), s.cmd.Process.Kill())
	}
}

// Logs gives all that the process has printed so far.
func (s *Server) Logs() string { return s.logs.String() }

// StartFor starts a server for one test and ends it with the test.
func StartFor(t *testing.T, binary string, args ...string) *Server {
	t.Helper()
	s, err := Start(binary, t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(s.Logs())
		}
	})
	return s
}

// Run runs another command beside the server, over the same data, and gives its stdout.
func (s *Server) Run(t *testing.T, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), s.binary, append(args, s.over()...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("postern %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.Bytes()
}
