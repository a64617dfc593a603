package e2e_test

import (
	"fmt"
	"os"
	"testing"

	"postern/e2e/harness"
)

var (
	// binary is the program, built once.
	binary string
	// shared serves all tests that do not need limits, mail or a database of their own.
	shared *harness.Server
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "postern-e2e-")
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
		fmt.Fprintln(os.Stderr, "what the shared server printed last:", tail(shared.Logs(), 4000))
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
