package postgres_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/storage/postgres/pgtest"
)

// emptied are schemas that serve one case after the other: to empty their
// tables is quicker than to make others, and on Citus to distribute them.
type emptied struct {
	t    *testing.T // whose end is theirs
	base string

	mu   sync.Mutex
	free []string
}

func (e *emptied) take(t *testing.T) string {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.free) == 0 {
		e.free = append(e.free, migrated(e.t, e.base))
	}
	url := e.free[len(e.free)-1]
	e.free = e.free[:len(e.free)-1]
	t.Cleanup(func() {
		pgtest.Exec(t, url, "DELETE FROM "+strings.Join(tables(t, url), "; DELETE FROM "))
		e.mu.Lock()
		defer e.mu.Unlock()
		e.free = append(e.free, url)
	})
	return url
}

// tables are those of a schema that migrations made, but for goose's own.
func tables(t *testing.T, url string) []string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'goose_db_version'`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}
