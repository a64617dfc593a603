package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"postern/migrations"
)

// migrationLock is the key of the advisory lock under which the schema changes.
const migrationLock = 0x706f737465726e // "postern"

// Migrate brings the schema of a database up, and distributes the tables where
// Citus is there. Doing so again, or in several processes at once, is no error.
func Migrate(ctx context.Context, c Config) error {
	config, err := c.pool()
	if err != nil {
		return err
	}
	// A step may take longer than a login may.
	delete(config.ConnConfig.RuntimeParams, "statement_timeout")
	delete(config.ConnConfig.RuntimeParams, "idle_in_transaction_session_timeout")
	return mend(migrate(ctx, config.ConnConfig), config.ConnConfig)
}

func migrate(ctx context.Context, config *pgx.ConnConfig) (err error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("migrate: %w", translate(err))
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	// Closing the connection unlocks.
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err != nil {
		return fmt.Errorf("migrate: %w", translate(err))
	}
	if err := applySteps(ctx, config); err != nil {
		return err
	}
	return distribute(ctx, conn)
}

func applySteps(ctx context.Context, config *pgx.ConnConfig) (err error) {
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	steps, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Postgres(), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	want, err := migrations.Latest(migrations.Postgres())
	if err != nil {
		return err
	}
	have, err := steps.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", translate(err))
	}
	if have > want {
		return fmt.Errorf("schema %d, this version knows %d: %w", have, want, errNewer)
	}
	if _, err := steps.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", translate(err))
	}
	return nil
}

var errNewer = errors.New("the database was brought up by the `postern migrate` of a newer version: use that version")

// checkSchema compares the database's schema with the one that this version was made for.
func checkSchema(ctx context.Context, conn *pgx.Conn) error {
	want, err := migrations.Latest(migrations.Postgres())
	if err != nil {
		return err
	}
	have, err := schemaVersion(ctx, conn)
	switch {
	case err != nil:
		return fmt.Errorf("schema: %w", err)
	case have < want:
		return fmt.Errorf("the database has schema %d, this version needs %d: run `postern migrate`", have, want)
	case have > want:
		return fmt.Errorf("schema %d, this version knows %d: %w", have, want, errNewer)
	}
	return distributed(ctx, conn)
}

func schemaVersion(ctx context.Context, conn *pgx.Conn) (version int64, err error) {
	const known = `SELECT to_regclass('goose_db_version') IS NOT NULL`
	var there bool
	if err := conn.QueryRow(ctx, known).Scan(&there); err != nil || !there {
		return 0, err
	}
	const query = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`
	err = conn.QueryRow(ctx, query).Scan(&version)
	return version, err
}
