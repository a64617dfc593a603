package cluster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"postern/e2e/harness"
)

// Config says what to start.
type Config struct {
	// Binary is the program.
	Binary string
	// Dir takes the master key.
	Dir string
	// Database is what all processes share, postgres://… or sqlite:PATH.
	Database string
	// Processes is how many there are.
	Processes int
	// Out is told the pids.
	Out io.Writer
	// LogLevel is that of every process; warn if it is empty.
	LogLevel string
	// Args are added to the command of every process, and Env to its environment.
	Args []string
	Env  func(process int) []string
}

// Cluster is a provider of several processes.
type Cluster struct {
	// URL is the balancer's, and the public one of every process.
	URL string
	// Issuer is that of the tenant demo.
	Issuer    string
	Balancer  *Balancer
	Sink      *Sink
	Processes []*Process
	config    Config
}

// Start starts all processes at the same moment, as an orchestrator does: on a
// new database each of them finds the schema missing.
func Start(c Config) (*Cluster, error) {
	sink, err := NewSink()
	if err != nil {
		return nil, err
	}
	cl := &Cluster{config: c, Sink: sink}
	if cl.Balancer, err = NewBalancer(c.Processes); err != nil {
		return nil, errors.Join(err, cl.Stop())
	}
	cl.URL = cl.Balancer.URL
	cl.Issuer = cl.URL + "/t/demo"
	for i := range c.Processes {
		p, err := newProcess(i, c.Binary, c.Out, cl.args())
		if err != nil {
			return nil, errors.Join(err, cl.Stop())
		}
		if c.Env != nil {
			p.env = c.Env(i)
		}
		cl.Processes = append(cl.Processes, p)
		cl.Balancer.place(i, p.Address)
	}
	if err := cl.each((*Process).Start); err != nil {
		return nil, errors.Join(err, cl.Stop())
	}
	return cl, nil
}

func (c *Cluster) args() []string {
	args := []string{
		"dev", "--public-url", c.URL, "--smtp", c.Sink.URL, "--limits", "relaxed",
		"--log-level", cmp.Or(c.config.LogLevel, "warn"),
	}
	return slices.Concat(args, c.config.Args, c.shared())
}

// shared are the flags that make several processes one provider.
func (c *Cluster) shared() []string {
	return []string{"--database", c.config.Database, "--master-key-file", filepath.Join(c.config.Dir, "master.key")}
}

// Stop ends all that Start began. What the processes have logged must hold no secret.
func (c *Cluster) Stop() error {
	err := c.each((*Process).Stop)
	if c.Balancer != nil {
		c.Balancer.Close()
	}
	c.Sink.Close()
	return errors.Join(err, harness.CheckLogs(c.Logs()))
}

func (c *Cluster) each(do func(*Process) error) error {
	var all sync.WaitGroup
	errs := make([]error, len(c.Processes))
	for i, p := range c.Processes {
		all.Go(func() { errs[i] = do(p) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Run runs another command of the program on the same database, and gives its stdout.
func (c *Cluster) Run(ctx context.Context, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.config.Binary, append(args, c.shared()...)...)
	cmd.Dir = c.config.Dir
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("postern %s: %w: %s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.Bytes(), nil
}

// Logs gives what all processes have printed so far.
func (c *Cluster) Logs() string {
	var b strings.Builder
	for _, p := range c.Processes {
		fmt.Fprintf(&b, "--- process %d\n%s", p.number, p.Logs())
	}
	return b.String()
}
