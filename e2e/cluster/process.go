package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"postern/e2e/harness"
)

// patience is how long a process may take to serve, and to end when asked.
const patience = 30 * time.Second

// Process is one process of the program, always at the same address.
type Process struct {
	// Address is where it listens.
	Address string

	number int
	binary string
	args   []string
	env    []string
	out    io.Writer
	logs   harness.Printed

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
}

func newProcess(number int, binary string, out io.Writer, args []string) (*Process, error) {
	port, err := harness.FreePort()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	return &Process{number: number, Address: address, binary: binary, out: out, args: append(args, "--listen", address)}, nil
}

// Start starts the process, also again, and returns once it serves.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = exec.CommandContext(context.Background(), p.binary, p.args...)
	// Whatever becomes of the tests, no process outlives them.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stderr = &p.logs
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	ended, started, ready := make(chan struct{}), make(chan error, 1), make(chan struct{})
	p.ended = ended
	go p.live(stdout, started, ready, ended)
	if err := <-started; err != nil {
		return err
	}
	_, _ = fmt.Fprintf(p.out, "process %d: pid %d at %s\n", p.number, p.cmd.Process.Pid, p.Address)
	select {
	case <-ready:
		return nil
	case <-ended:
		return fmt.Errorf("process %d ended before it was ready:\n%s", p.number, p.logs.String())
	case <-time.After(patience):
		return fmt.Errorf("process %d was not ready in %s:\n%s", p.number, patience, p.logs.String())
	}
}

// live starts the process and stays with it. The kernel ends the process with
// the thread that started it, so that thread waits.
func (p *Process) live(stdout io.Reader, started chan<- error, ready, ended chan<- struct{}) {
	runtime.LockOSThread()
	defer close(ended)
	cmd := p.cmd // as Start, which holds the lock, has made it
	err := cmd.Start()
	started <- err
	if err != nil {
		return
	}
	serves := sync.OnceFunc(func() { close(ready) })
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "ready ") {
			serves()
		}
	}
	// Its exit is whatever a test made it.
	_ = cmd.Wait()
}

// Pid is the operating system's name for it.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Kill ends the process with SIGKILL, and returns once it is gone.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

// Stop asks the process to end.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

func (p *Process) end(signal syscall.Signal) error {
	pid, ended := p.Pid(), p.gone()
	if pid == 0 {
		return nil
	}
	select {
	case <-ended:
		return nil
	default:
	}
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process %d: %w", p.number, os.NewSyscallError("kill", err))
	}
	select {
	case <-ended:
		return nil
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("process %d did not end", p.number), syscall.Kill(pid, syscall.SIGKILL))
	}
}

func (p *Process) gone() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// Logs gives what the process has printed to stderr, over all its lives.
func (p *Process) Logs() string { return p.logs.String() }
