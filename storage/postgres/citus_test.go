//go:build citus

package postgres_test

import (
	"net/url"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/storage"
	"postern/storage/postgres/pgtest"
	"postern/storage/storagetest"
)

// citus gives the URL of the Citus to test on. Its tests stand behind a build
// tag, since no package installs such a cluster: who asks for them means them.
func citus(t *testing.T) string {
	t.Helper()
	base := os.Getenv(pgtest.CitusVariable)
	if base == "" {
		t.Fatalf("%s names no cluster", pgtest.CitusVariable)
	}
	// Each schema is distributed anew; 2 shards a table prove what 32 would.
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s is no URL", pgtest.CitusVariable)
	}
	query := u.Query()
	query.Set("citus.shard_count", "2")
	u.RawQuery = query.Encode()
	return u.String()
}

func TestStoreKeepsTheContractOnCitus(t *testing.T) {
	schemas := emptied{t: t, base: citus(t)}
	storagetest.Run(t, func(t *testing.T) storage.Store {
		t.Helper()
		return open(t, schemas.take(t))
	})
}

func TestEachStepOfALoginIsOneRoundTripOnCitus(t *testing.T) {
	// The counts that a login gives back are the coordinator's, the login is a worker's.
	countTrips(t, citus(t), map[string]int64{"CompleteFlow": 2})
}

func TestReplicasThatStartAtOnceDistributeOnceOnCitus(t *testing.T) {
	t.Parallel()
	url := pgtest.Schema(t, citus(t))
	migrateAtOnce(t, url)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const query = `SELECT count(*), count(DISTINCT p.colocationid) FROM pg_dist_partition p
		JOIN pg_class c ON c.oid = p.logicalrelid WHERE p.partmethod = 'h' AND c.relnamespace = current_schema()::regnamespace`
	var tables, groups int
	if err := conn.QueryRow(t.Context(), query).Scan(&tables, &groups); err != nil {
		t.Fatal(err)
	}
	if tables < 10 || groups != 1 {
		t.Errorf("%d tables by tenant in %d groups, want all in one", tables, groups)
	}
}
