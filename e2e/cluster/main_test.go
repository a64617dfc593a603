package cluster_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // drivers that the databases are read with
	_ "modernc.org/sqlite"

	"postern/e2e/cluster"
	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

// binary is the program, built once.
var binary string

// full runs the tests at full length: minutes instead of seconds.
var full = os.Getenv("POSTERN_FULL") != ""

func TestMain(m *testing.M) {
	harness.Main(func(_, program string) (int, error) {
		binary = program
		return pgtest.Main(m), nil
	})
}

// size is how much of something a run does.
func size(short, whole int) int {
	if full {
		return whole
	}
	return short
}

// world is a cluster under test, its database, and an app.
type world struct {
	*cluster.Cluster
	app
	t        *testing.T
	database string
	db       *sql.DB
}

// threeOnPostgres is the cluster of most tests.
func threeOnPostgres(t *testing.T) *world {
	t.Helper()
	return newWorld(t, 3, pgtest.Schema(t, pgtest.URL(t)))
}

// oneOnSQLite is the installation of most people.
func oneOnSQLite(t *testing.T) *world {
	t.Helper()
	return newWorld(t, 1, "sqlite:"+filepath.Join(t.TempDir(), "postern.db"))
}

func newWorld(t *testing.T, processes int, database string) *world {
	t.Helper()
	c, err := cluster.Start(cluster.Config{
		Binary: binary, Dir: t.TempDir(), Database: database, Processes: processes, Out: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(newest(c.Logs()))
		}
	})
	w := &world{Cluster: c, t: t, database: database, db: openDatabase(t, database)}
	w.app = w.newApp()
	return w
}

// openDatabase reads beside the processes.
func openDatabase(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, name := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, name = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// count runs a query that gives one number.
func (w *world) count(query string, args ...any) int {
	w.t.Helper()
	var n int
	if err := w.db.QueryRowContext(w.t.Context(), query, args...).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// noFaults fails the test where any process has answered with a 5xx.
func (w *world) noFaults() {
	w.t.Helper()
	for _, a := range w.Balancer.Faults() {
		w.t.Errorf("process %d answered %s %s with %d", a.Replica, a.Method, a.Path, a.Status)
	}
}

// newest gives the end of the processes' logs, without what each says at its start.
func newest(logs string) string {
	lines := slices.DeleteFunc(strings.Split(logs, "\n"), func(line string) bool { return strings.HasPrefix(line, "  ") })
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
