package clients_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/e2e/harness"
)

// patience is how long a program may take for its next word.
const patience = 90 * time.Second

// program is a client that runs as a process of its own. It says what it wants
// line by line, a word and its argument, and reads answers line by line.
type program struct {
	t      *testing.T
	name   string
	stdin  io.WriteCloser
	lines  chan string
	stderr *bytes.Buffer
	ended  chan struct{}
}

// start runs a program, told its settings as JSON in the environment.
func start(t *testing.T, dir string, settings map[string]any, name string, args ...string) *program {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, dir, []string{"SETTINGS=" + string(text)}, name, args...)
}

// startWith runs a program with additions to its environment.
func startWith(t *testing.T, dir string, env []string, name string, args ...string) *program {
	t.Helper()
	p := &program{t: t, name: name + " " + strings.Join(args, " "), lines: make(chan string, 16), stderr: &bytes.Buffer{}, ended: make(chan struct{})}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stderr = dir, p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it starts ends with it
	cmd.Env = append(append(os.Environ(), insecure...), env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v (these tests need nodejs and python3)", p.name, err)
	}
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			p.lines <- lines.Text()
		}
		close(p.lines)
		// Whatever the exit, what was printed tells more.
		_ = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		stdin.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		for range p.lines {
			continue // what it still says is of no interest
		}
		<-p.ended
		if t.Failed() && p.stderr.Len() > 0 {
			t.Logf("%s said last:\n%s", p.name, p.stderr.Bytes()[max(0, p.stderr.Len()-4000):])
		}
	})
	return p
}

// expect waits until the program says a word, and gives the argument.
func (p *program) expect(word string) string {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, more := <-p.lines:
			if !more {
				<-p.ended
				p.t.Fatalf("%s ended without %q:\n%s", p.name, word, p.stderr)
			}
			if argument, ok := strings.CutPrefix(line, word+" "); ok {
				return argument
			}
			p.t.Logf("%s: %s", p.name, line)
		case <-timeout:
			p.t.Fatalf("%s did not say %q in %s", p.name, word, patience)
		}
	}
}

// say answers the program.
func (p *program) say(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.stdin, line); err != nil {
		p.t.Fatal(err)
	}
}

// listensAt waits until somebody takes connections there.
func (p *program) listensAt(origin string) {
	p.t.Helper()
	timeout, tick := time.After(patience), time.NewTicker(40*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if conn, err := net.Dial("tcp", strings.TrimPrefix(origin, "http://")); err == nil {
				conn.Close()
				return
			}
		case <-p.ended:
			p.t.Fatalf("%s ended before it listened at %s:\n%s", p.name, origin, p.stderr)
		case <-timeout:
			p.t.Fatalf("%s does not listen at %s after %s", p.name, origin, patience)
		}
	}
}

// result waits for the program's last word and reads it.
func (p *program) result(into any) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.expect("done")), into); err != nil {
		p.t.Fatal(err)
	}
}

// freeOrigin is an origin that nobody serves yet.
func freeOrigin(t *testing.T) string {
	t.Helper()
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}
