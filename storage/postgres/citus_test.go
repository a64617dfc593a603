package postgres_test

import (
	"os"
	"testing"

	"postern/storage"
	"postern/storage/postgres/pgtest"
	"postern/storage/storagetest"
)

// citus gives the URL of the Citus that POSTERN_TEST_CITUS_URL names. It is the
// one test that may be left out: it needs a cluster that no package installs.
func citus(t *testing.T) string {
	t.Helper()
	url := os.Getenv(pgtest.CitusVariable)
	if url == "" {
		t.Skipf("%s names no cluster", pgtest.CitusVariable)
	}
	return url
}

func TestStoreKeepsTheContractOnCitus(t *testing.T) {
	base := citus(t)
	storagetest.Run(t, func(t *testing.T) storage.Store {
		t.Helper()
		return open(t, migrated(t, base))
	})
}
