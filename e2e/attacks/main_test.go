package attacks_test

import (
	"fmt"
	"os"
	"testing"

	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

var (
	// binary is the program, built once.
	binary string
	// server is it in dev, with generous limits.
	server *harness.Server
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "postern-attacks-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if binary, err = harness.Build(dir); err != nil {
		return fail(err)
	}
	if server, err = harness.Start(binary, dir, "--limits", "relaxed"); err != nil {
		return fail(err)
	}
	code := pgtest.Main(m)
	if err := server.Stop(); err != nil {
		return fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
