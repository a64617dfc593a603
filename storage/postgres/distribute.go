package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// tenantTables are distributed by tenant_id, the rows of a tenant on one
// machine. Beside them, tenants is small and read by every login, so each
// machine has a copy; limits stays whole on the coordinator, which every request
// passes anyway: its keys belong to no tenant, and several are counted at once.
var tenantTables = []string{
	"clients", "users", "sessions", "flows", "links", "outbox", "grants", "stored_requests", "signing_keys", "audit_events",
	"used_once", "registration_tokens", "logos", "session_clients", "logouts", "consents",
	"brand_logos", "devices", "mail_setups", "suppressions",
}

func hasCitus(ctx context.Context, conn *pgx.Conn) (there bool, err error) {
	const query = `SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')`
	err = conn.QueryRow(ctx, query).Scan(&there)
	return there, err
}

// distribute does what is left to do; the caller holds the migration lock.
func distribute(ctx context.Context, conn *pgx.Conn) error {
	there, err := hasCitus(ctx, conn)
	if err != nil || !there {
		return err
	}
	const (
		isDone    = `SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass($1))`
		copied    = `SELECT create_reference_table($1)`
		byTenant  = `SELECT create_distributed_table($1, 'tenant_id', colocate_with => $2)`
		companion = "clients"
	)
	for _, table := range append([]string{"tenants"}, tenantTables...) {
		var done bool
		if err := conn.QueryRow(ctx, isDone, table).Scan(&done); err != nil {
			return fmt.Errorf("distribute %s: %w", table, err)
		}
		if done {
			continue
		}
		switch table {
		case "tenants":
			_, err = conn.Exec(ctx, copied, table)
		case companion:
			_, err = conn.Exec(ctx, byTenant, table, "none")
		default:
			_, err = conn.Exec(ctx, byTenant, table, companion)
		}
		if err != nil {
			return fmt.Errorf("distribute %s: %w", table, err)
		}
	}
	return nil
}

// distributed refuses a Citus whose tables lie on the coordinator alone: it
// would work, and not be what its operator thinks.
func distributed(ctx context.Context, conn *pgx.Conn) error {
	there, err := hasCitus(ctx, conn)
	if err != nil || !there {
		return err
	}
	const query = `SELECT count(*) FROM pg_dist_partition WHERE logicalrelid = ANY ($1::text[]::regclass[])`
	var tables int
	if err := conn.QueryRow(ctx, query, tenantTables).Scan(&tables); err != nil {
		return fmt.Errorf("citus: %w", err)
	}
	if tables < len(tenantTables) {
		return errors.New("Citus is here and the tables are not distributed: run `postern migrate`") //nolint:staticcheck // a name
	}
	return nil
}
