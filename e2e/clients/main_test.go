package clients_test

import (
	"fmt"
	"os"
	"testing"

	"postern/e2e/harness"
)

var (
	// binary is the program, built once.
	binary string
	// shared is the one provider of all these tests.
	shared *harness.Server
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "postern-clients-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if binary, err = harness.Build(dir); err != nil {
		return fail(err)
	}
	if shared, err = harness.Start(binary, dir, "--limits", "relaxed"); err != nil {
		return fail(err)
	}
	code := m.Run()
	if err := shared.Stop(); err != nil {
		return fail(err)
	}
	if code != 0 {
		logs := shared.Logs()
		fmt.Fprintln(os.Stderr, "what the provider printed last:", logs[max(0, len(logs)-4000):])
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
