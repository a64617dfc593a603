package sqlite

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a new step adds to a tenant goes with the tenant, too.
func TestEveryTableWithATenantIsDeletedFrom(t *testing.T) {
	store := openInternal(t)
	const query = `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'tenant_id' WHERE m.type = 'table'`
	tables, err := list(t.Context(), store.read, func(row scanner) (name string, err error) {
		err = row.Scan(&name)
		return name, err
	}, query)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(tables)), slices.Sorted(slices.Values(tenantTables))); diff != "" {
		t.Errorf("tables of tenants (-there +deleted from):\n%s", diff)
	}
}
