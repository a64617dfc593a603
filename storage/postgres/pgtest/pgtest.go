// Package pgtest gives tests a PostgreSQL: the one that
// POSTERN_TEST_POSTGRES_URL names, or else one of its own, started from the
// installed binaries on a free loopback port and stopped at the end. Where
// there is neither, tests fail; they do not skip.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//	func TestX(t *testing.T)    { url := pgtest.Schema(t, pgtest.URL(t)); ... }
package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Environment variables that name databases to test on. Tests make schemas of
// their own in them and drop those.
const (
	// Variable names a PostgreSQL.
	Variable = "POSTERN_TEST_POSTGRES_URL"
	// CitusVariable names the coordinator of a Citus, which the tests behind the
	// build tag citus need.
	CitusVariable = "POSTERN_TEST_CITUS_URL"
)

var shared struct {
	once   sync.Once
	server *Server
	url    string
	err    error
}

// Main runs a package's tests and then stops the server, if URL started one.
func Main(m *testing.M) int {
	defer Stop()
	return m.Run()
}

// Stop ends the server that URL started, if it did.
func Stop() {
	if shared.server != nil {
		shared.server.Stop()
	}
}

// URL gives the database to test on, started by the first test that asks.
func URL(tb testing.TB) string {
	tb.Helper()
	shared.once.Do(func() {
		if shared.url = os.Getenv(Variable); shared.url != "" {
			return
		}
		if shared.server, shared.err = Start(); shared.err == nil {
			shared.url = shared.server.URL
		}
	})
	if shared.err != nil {
		tb.Fatalf("no PostgreSQL to test on: set %s, or install PostgreSQL 15 or later: %v", Variable, shared.err)
	}
	return shared.url
}

// Schema makes an empty schema, dropped with the test, and gives the URL with
// it in force.
func Schema(tb testing.TB, base string) string {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	u, drop, err := NewSchema(ctx, base)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := drop(ctx); err != nil {
			tb.Error(err)
		}
	})
	return u
}

// NewSchema is Schema for what outlives a test: drop takes it away.
func NewSchema(ctx context.Context, base string) (in string, drop func(context.Context) error, err error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", nil, errors.New("the test database's URL is none")
	}
	var random [8]byte
	rand.Read(random[:])
	name := "test_" + hex.EncodeToString(random[:])
	if err := execute(ctx, base, "CREATE SCHEMA "+name); err != nil {
		return "", nil, err
	}
	query := u.Query()
	query.Set("search_path", name+",public")
	u.RawQuery = query.Encode()
	return u.String(), func(ctx context.Context) error { return execute(ctx, base, "DROP SCHEMA "+name+" CASCADE") }, nil
}

// Exec runs a statement on a connection of its own.
func Exec(tb testing.TB, database, statement string) {
	tb.Helper()
	if err := execute(context.WithoutCancel(tb.Context()), database, statement); err != nil {
		tb.Fatal(err)
	}
}

func execute(ctx context.Context, database, statement string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
