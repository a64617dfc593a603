package postgres_test

import (
	"net/url"
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
		"nobody there":                {"postgres://u:hidden@127.0.0.1:1/d", "PostgreSQL at 127.0.0.1:1 does not answer (connect: connection refused): start it, or correct --database"},
		"no such host":                {"postgres://u:hidden@nowhere.invalid/d", "does not answer (no such host)"},
		"no such database":            {other(t, "/gone", ""), "has no database \"gone\": `createdb gone` makes it"},
		"nobody of that name":         {other(t, "", "nobody"), "does not let user \"nobody\" in"},
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

// other gives the server's URL with another database or user.
func other(t *testing.T, database, user string) string {
	t.Helper()
	u, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	if database != "" {
		u.Path = database
	}
	if user != "" {
		u.User = url.UserPassword(user, "hidden")
	}
	return u.String()
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
