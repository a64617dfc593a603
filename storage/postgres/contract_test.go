package postgres_test

import (
	"os"
	"testing"

	"postern/storage"
	"postern/storage/postgres"
	"postern/storage/postgres/pgtest"
	"postern/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestStoreKeepsTheContract(t *testing.T) {
	base := pgtest.URL(t)
	storagetest.Run(t, func(t *testing.T) storage.Store {
		t.Helper()
		return open(t, migrated(t, base))
	})
}

// migrated gives the URL of an empty database.
func migrated(t *testing.T, base string) string {
	t.Helper()
	url := pgtest.Schema(t, base)
	if err := postgres.Migrate(t.Context(), postgres.Config{URL: url}); err != nil {
		t.Fatal(err)
	}
	return url
}

func open(t *testing.T, url string) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}
