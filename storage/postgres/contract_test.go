package postgres_test

import (
	"os"
	"testing"
	"time"

	"postern/storage"
	"postern/storage/postgres"
	"postern/storage/postgres/pgtest"
	"postern/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestStoreKeepsTheContract(t *testing.T) {
	schemas := emptied{t: t, base: pgtest.URL(t)}
	storagetest.Run(t, func(t *testing.T) storage.Store {
		t.Helper()
		return open(t, schemas.take(t))
	})
}

// migrated gives the URL of an empty database.
func migrated(tb testing.TB, base string) string {
	tb.Helper()
	url := pgtest.Schema(tb, base)
	if err := postgres.Migrate(tb.Context(), postgres.Config{URL: url}); err != nil {
		tb.Fatal(err)
	}
	return url
}

func open(tb testing.TB, url string) *postgres.Store {
	tb.Helper()
	store, err := postgres.Open(tb.Context(), postgres.Config{URL: url, Patience: 30 * time.Second}) // a busy machine is no outage
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	return store
}
