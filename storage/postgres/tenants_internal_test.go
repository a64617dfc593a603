package postgres

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"postern/storage/postgres/pgtest"
)

// What a new step adds to a tenant is distributed with it, and goes with it, too.
func TestEveryTableWithATenantIsDistributedAndDeletedFrom(t *testing.T) {
	t.Parallel()
	url := pgtest.Schema(t, pgtest.URL(t))
	if err := Migrate(t.Context(), Config{URL: url}); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	const query = `SELECT table_name FROM information_schema.columns WHERE table_schema = current_schema AND column_name = 'tenant_id'`
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	want := append([]string{"tenants"}, tenantTables...)
	if diff := cmp.Diff(slices.Sorted(slices.Values(tables)), slices.Sorted(slices.Values(want))); diff != "" {
		t.Errorf("tables of tenants (-there +known):\n%s", diff)
	}
}
