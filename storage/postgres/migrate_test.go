package postgres_test

import (
	"strings"
	"sync"
	"testing"

	"postern/storage/postgres"
	"postern/storage/postgres/pgtest"
)

func TestOpenTellsWhatToDo(t *testing.T) {
	t.Parallel()
	empty := pgtest.Schema(t, pgtest.URL(t))
	newer := migrated(t, pgtest.URL(t))
	pgtest.Exec(t, newer, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)")
	for name, c := range map[string]struct{ url, says string }{
		"a database without a schema": {empty, "run `postern migrate`"},
		"a newer version's schema":    {newer, "newer version"},
		"no URL":                      {"postgres://u:hidden@h:port/d", "database URL"},
		"nobody there":                {"postgres://u:hidden@127.0.0.1:1/d", "store unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := postgres.Open(t.Context(), postgres.Config{URL: c.url})
			if err == nil {
				_ = store.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("says %q, want something with %q", err, c.says)
			}
		})
	}
	if err := postgres.Migrate(t.Context(), postgres.Config{URL: newer}); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("migrating a newer version's schema: %v", err)
	}
}

func TestReplicasThatStartAtOnceMigrateOnce(t *testing.T) {
	t.Parallel()
	migrateAtOnce(t, pgtest.Schema(t, pgtest.URL(t)))
}

func migrateAtOnce(t *testing.T, url string) {
	t.Helper()
	var done sync.WaitGroup
	for range 6 {
		done.Go(func() {
			if err := postgres.Migrate(t.Context(), postgres.Config{URL: url}); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	open(t, url)
}
