package sqlite_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/idp"
	"postern/storage/sqlite"
)

func TestFilesAreTheirOwnersAlone(t *testing.T) {
	path := migrated(t)
	store := open(t, path)
	if err := store.CreateTenant(t.Context(), idp.Tenant{ID: "t", Slug: "t", Name: "T", CreatedAt: now}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 3 { // the database, its log and the log's index
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != fs.FileMode(0o600) {
			t.Errorf("%s has mode %o", filepath.Base(file), got)
		}
	}
}

func TestMigrateLeavesAnExistingFileItsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postern.db")
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Migrate(t.Context(), sqlite.Config{Path: path}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestMigrateInManyProcessesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postern.db")
	errs := make(chan error)
	const processes = 4
	for range processes {
		go func() { errs <- sqlite.Migrate(t.Context(), sqlite.Config{Path: path}) }()
	}
	for range processes {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	open(t, path)
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	path := migrated(t)
	db := raw(t, path)
	const newer = `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`
	if _, err := db.ExecContext(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"open":    openErr(t, path),
		"migrate": sqlite.Migrate(t.Context(), sqlite.Config{Path: path}),
	} {
		if err == nil || !strings.Contains(err.Error(), "postern migrate") || !strings.Contains(err.Error(), "newer") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func openErr(t *testing.T, path string) error {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err == nil {
		_ = store.Close()
	}
	return err
}

// A new file is turned to WAL by whoever opens it first. Where two do that at
// once, SQLite refuses one there and then, and does not wait as it does elsewhere.
func TestAFileThatAnotherProcessIsMakingIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postern.db")
	release := lock(t, path)
	time.AfterFunc(300*time.Millisecond, release)
	if err := sqlite.Migrate(t.Context(), sqlite.Config{Path: path}); err != nil {
		t.Error(err)
	}
}
