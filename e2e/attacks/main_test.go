package attacks_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

var (
	// scratch is a folder for what all tests share.
	scratch string
	// binary is the program, built once.
	binary string
	// server is it in dev, with generous limits.
	server *harness.Server
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	defer pgtest.Stop()
	var err error
	if scratch, err = os.MkdirTemp("", "postern-attacks-"); err != nil {
		return fail(err)
	}
	defer os.RemoveAll(scratch)
	if binary, err = harness.Build(scratch); err != nil {
		return fail(err)
	}
	if server, err = harness.Start(binary, scratch, "--limits", "relaxed"); err != nil {
		return fail(err)
	}
	code := m.Run()
	if err := errors.Join(server.Stop(), onSQLite.stop(context.Background()), onPostgres.stop(context.Background())); err != nil {
		return fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
