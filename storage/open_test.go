package storage_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/storage"
)

func TestOpenTellsWhatToDo(t *testing.T) {
	missing := "sqlite:" + filepath.Join(t.TempDir(), "none.db")
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, bytes.Repeat([]byte("not a database\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ url, says string }{
		"a file that is not there":    {missing, "postern migrate"},
		"a file without a schema":     {"sqlite:" + empty, "postern migrate"},
		"another database":            {"mysql://u:hidden@h/d", "sqlite:PATH"},
		"a server that is not there":  {"postgres://u:hidden@127.0.0.1:1/d", "does not answer"},
		"no scheme":                   {"postern.db", "sqlite:PATH"},
		"no path":                     {"sqlite:", "without a path"},
		"a folder in place of a file": {"sqlite:" + t.TempDir(), "is a folder"},
		"a file that is no database":  {"sqlite:" + text, "is no SQLite database"},
		"nothing at all":              {"", "sqlite:PATH"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := storage.Open(t.Context(), c.url)
			if err == nil {
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("says %q, want something with %q", err, c.says)
			}
		})
	}
}

func TestMigrateMakesWhatOpenOpens(t *testing.T) {
	// Characters that mean something in a URI mean nothing in a path.
	url := "sqlite:" + filepath.Join(t.TempDir(), "new folder", "50% of #1?mode=memory&x.db")
	for range 2 {
		if err := storage.Migrate(t.Context(), url); err != nil {
			t.Fatal(err)
		}
	}
	store, err := storage.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(strings.TrimPrefix(url, "sqlite:")); err != nil {
		t.Error(err)
	}
}
