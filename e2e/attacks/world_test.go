package attacks_test

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // drivers that the databases are read with
	_ "modernc.org/sqlite"

	"postern/e2e/cluster"
	"postern/storage/postgres/pgtest"
)

// world is an installation under attack: two processes over one database, and a
// mail server that keeps what it takes.
type world struct {
	*cluster.Cluster
	url string
	db  *sql.DB
}

// shared is a world that is started by the first test that asks for it.
type shared struct {
	sync.Once
	start func(*testing.T) (url string, drop func(context.Context) error)
	drop  func(context.Context) error
	world *world
}

// The two worlds, one a database.
var (
	onSQLite = &shared{start: func(*testing.T) (string, func(context.Context) error) {
		return "sqlite:" + filepath.Join(scratch, "world.db"), func(context.Context) error { return nil }
	}}
	onPostgres = &shared{start: func(t *testing.T) (string, func(context.Context) error) {
		t.Helper()
		url, drop, err := pgtest.NewSchema(context.Background(), pgtest.URL(t))
		if err != nil {
			t.Fatal(err)
		}
		return url, drop
	}}
)

// onBoth runs a test against both databases at the same time.
func onBoth(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for name, s := range map[string]*shared{"SQLite": onSQLite, "PostgreSQL": onPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, s.get(t))
		})
	}
}

// onFresh runs a test against both databases, each new, with processes of its own.
func onFresh(t *testing.T, c cluster.Config, run func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, name := range []string{"SQLite", "PostgreSQL"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := c
			c.Dir, c.Database = t.TempDir(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db")
			if name == "PostgreSQL" {
				c.Database = pgtest.Schema(t, pgtest.URL(t))
			}
			w, err := open(c)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := w.close(); err != nil {
					t.Error(err)
				}
			})
			run(t, w)
		})
	}
}

func (s *shared) get(t *testing.T) *world {
	t.Helper()
	s.Do(func() {
		url, drop := s.start(t)
		s.drop = drop
		dir, err := os.MkdirTemp(scratch, "") //nolint:usetesting // it outlives the test that asked first
		if err == nil {
			// At every level, the log must hold no secret: this is the chattiest.
			s.world, err = open(cluster.Config{Binary: binary, Dir: dir, Database: url, Processes: 2, LogLevel: "debug"})
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if s.world == nil {
		t.Fatal("this world did not start")
	}
	return s.world
}

func (s *shared) stop(ctx context.Context) error {
	if s.world == nil {
		return nil
	}
	if err := s.world.close(); err != nil {
		return err
	}
	return s.drop(ctx)
}

// open starts a world of a test's own kind.
func open(c cluster.Config) (*world, error) {
	c.Out = io.Discard
	started, err := cluster.Start(c)
	if err != nil {
		return nil, err
	}
	driver, name := "pgx", c.Database
	if path, ok := strings.CutPrefix(c.Database, "sqlite:"); ok {
		driver, name = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, name)
	return &world{Cluster: started, url: c.Database, db: db}, err
}

func (w *world) close() error {
	if err := w.db.Close(); err != nil {
		return err
	}
	return w.Stop()
}

// run runs a command beside the processes.
func (w *world) run(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := w.Run(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(out)
}

// count runs a query that gives one number.
func (w *world) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	if err := w.db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// mail waits for mail number n to an address.
func (w *world) mail(t *testing.T, to string, n int) cluster.Mail {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, ok := w.Sink.WaitFor(ctx, to, n)
	if !ok {
		t.Fatalf("no mail %d to %s", n, to)
	}
	return m
}
