// Package migrations holds the schema of each database as numbered steps, which
// goose applies in order. The same number means the same step on every
// database.
//
// Steps go forward only, and a step must leave the schema usable by the version
// of Postern before it: add first, take away in a later release. A step that
// was released is never changed.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// SQLite gives the steps for SQLite, at the root of the file system.
func SQLite() fs.FS { return steps("sqlite") }

// Postgres gives the steps for PostgreSQL, at the root of the file system.
func Postgres() fs.FS { return steps("postgres") }

func steps(of string) fs.FS {
	sub, err := fs.Sub(files, of)
	if err != nil {
		panic("migrations: " + err.Error()) // the names are constant and valid
	}
	return sub
}

// Latest is the number of the last step.
func Latest(steps fs.FS) (int64, error) {
	names, err := fs.Glob(steps, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("list migrations: %w", err)
	}
	last := int64(0)
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("migration %q has no number: %w", name, err)
		}
		last = max(last, n)
	}
	return last, nil
}
