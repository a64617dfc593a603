package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"

	"postern/migrations"
)

// Migrate makes the database file, for its owner alone, if there is none, and
// brings its schema up. Doing so again, or in two processes at once, is no error.
func Migrate(ctx context.Context, c Config) error {
	return c.mend(migrate(ctx, c))
}

func migrate(ctx context.Context, c Config) (err error) {
	if err := create(c.Path); err != nil {
		return err
	}
	db, err := c.writePool(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	switch err := checkSchema(ctx, db); {
	case err == nil:
		return nil
	case errors.Is(err, errNewer):
		return err
	}
	steps, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite(), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return up(ctx, db, steps)
}

// up applies what is missing. Of several processes at once one wins each step;
// the others begin again where it left off, as long as it gets on.
func up(ctx context.Context, db *sql.DB, steps *goose.Provider) error {
	for {
		before, err := schemaVersion(ctx, db)
		if err != nil {
			return err
		}
		_, failed := steps.Up(ctx)
		if failed == nil || checkSchema(ctx, db) == nil {
			return nil
		}
		if !movesOn(ctx, db, before) {
			return fmt.Errorf("migrate: %w", translate(failed))
		}
	}
}

// movesOn tells whether another process brings the schema past a version within
// two seconds.
func movesOn(ctx context.Context, db *sql.DB, before int64) bool {
	for range 100 {
		if now, err := schemaVersion(ctx, db); err == nil && now > before {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}

// create makes an empty file with mode 0600, which SQLite then gives to the
// files beside it.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("database folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return f.Close()
}

var errNewer = errors.New("the database was brought up by the `postern migrate` of a newer version: use that version")

// checkSchema compares the file's schema with the one that this version was made for.
func checkSchema(ctx context.Context, db *sql.DB) error {
	want, err := migrations.Latest(migrations.SQLite())
	if err != nil {
		return err
	}
	have, err := schemaVersion(ctx, db)
	switch {
	case err != nil:
		return err
	case have < want:
		return fmt.Errorf("the database has schema %d, this version needs %d: run `postern migrate`", have, want)
	case have > want:
		return fmt.Errorf("schema %d, this version knows %d: %w", have, want, errNewer)
	}
	return nil
}

func schemaVersion(ctx context.Context, db *sql.DB) (int64, error) {
	const tables = `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'goose_db_version'`
	var known int
	if err := db.QueryRowContext(ctx, tables).Scan(&known); err != nil {
		return 0, fmt.Errorf("schema: %w", translate(err))
	}
	if known == 0 {
		return 0, nil
	}
	const version = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`
	var v int64
	if err := db.QueryRowContext(ctx, version).Scan(&v); err != nil {
		return 0, fmt.Errorf("schema: %w", translate(err))
	}
	return v, nil
}
