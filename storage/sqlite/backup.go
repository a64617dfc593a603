package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
)

// Backup writes a copy of the database, as it is at one moment, into a new file
// that its owner alone may read. Writers go on meanwhile.
func Backup(ctx context.Context, c Config, path string) (err error) {
	if _, err := os.Stat(c.Path); err != nil {
		return fmt.Errorf("there is no database at %s: %w", c.Path, err)
	}
	db, err := sql.Open("sqlite", c.dsn("ro")) // not query_only, which takes the copy for a change
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkSchema(ctx, db); err != nil {
		return c.mend(err)
	}
	// Made before SQLite writes to it, for its mode; SQLite takes an empty file.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	const copyAll = `VACUUM INTO ?`
	if _, err := db.ExecContext(ctx, copyAll, path); err != nil {
		return errors.Join(fmt.Errorf("backup: %w", translate(err)), os.Remove(path))
	}
	return nil
}
