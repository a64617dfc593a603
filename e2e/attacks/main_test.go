package attacks_test

import (
	"fmt"
	"os"
	"testing"

	"postern/e2e/harness"
)

// server is the built program, with generous limits.
var server *harness.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "postern-attacks-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	binary, err := harness.Build(dir)
	if err != nil {
		return fail(err)
	}
	if server, err = harness.Start(binary, dir, "--limits", "relaxed"); err != nil {
		return fail(err)
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		return fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
