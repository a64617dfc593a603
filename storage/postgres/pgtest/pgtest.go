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
	defer func() {
		if shared.server != nil {
			shared.server.Stop()
		}
	}()
	return m.Run()
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
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatal("the test database's URL is none")
	}
	var random [8]byte
	rand.Read(random[:])
	name := "test_" + hex.EncodeToString(random[:])
	Exec(tb, base, "CREATE SCHEMA "+name)
	tb.Cleanup(func() { Exec(tb, base, "DROP SCHEMA "+name+" CASCADE") })
	query := u.Query()
	query.Set("search_path", name+",public")
	u.RawQuery = query.Encode()
	return u.String()
}

// Exec runs a statement on a connection of its own.
func Exec(tb testing.TB, database, statement string) {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		tb.Fatalf("connect: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}
