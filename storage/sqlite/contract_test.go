package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/storage"
	"postern/storage/sqlite"
	"postern/storage/storagetest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	empty, err := os.ReadFile(migrated(t)) // migrating once is much faster
	if err != nil {
		t.Fatal(err)
	}
	storagetest.Run(t, func(t *testing.T) storage.Store {
		t.Helper()
		path := filepath.Join(t.TempDir(), "postern.db")
		if err := os.WriteFile(path, empty, 0o600); err != nil {
			t.Fatal(err)
		}
		return open(t, path)
	})
}

// migrated gives the path of an empty database.
func migrated(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postern.db")
	if err := sqlite.Migrate(t.Context(), sqlite.Config{Path: path}); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, BusyTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}
