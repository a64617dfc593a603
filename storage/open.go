package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"postern/storage/postgres"
	"postern/storage/sqlite"
)

var (
	_ Store = (*sqlite.Store)(nil)
	_ Store = (*postgres.Store)(nil)
)

// Open opens the database of a URL, such as sqlite:/var/lib/postern/postern.db
// or postgres://postern@db.example/postern. It refuses one whose schema is not
// this version's and says what to do.
func Open(ctx context.Context, url string) (Store, error) {
	b, err := parse(url)
	if err != nil {
		return nil, err
	}
	return b.open(ctx)
}

// Migrate brings the schema of a URL's database up; it makes an SQLite file that
// is not there. It is safe while the version before this one is serving.
func Migrate(ctx context.Context, url string) error {
	b, err := parse(url)
	if err != nil {
		return err
	}
	return b.migrate(ctx)
}

// Backup writes a copy of an SQLite database, as it is at one moment, into a new
// file, beside whoever serves from it. PostgreSQL has programs of its own for that.
func Backup(ctx context.Context, url, path string) error {
	b, err := parse(url)
	if err != nil {
		return err
	}
	return b.backup(ctx, path)
}

// backend is what a URL names.
type backend interface {
	backup(ctx context.Context, path string) error
	open(ctx context.Context) (Store, error)
	migrate(ctx context.Context) error
}

type onSQLite sqlite.Config

func (c onSQLite) open(ctx context.Context) (Store, error) {
	store, err := sqlite.Open(ctx, sqlite.Config(c))
	if err != nil {
		return nil, err // not a *sqlite.Store that is nil
	}
	return store, nil
}

func (c onSQLite) migrate(ctx context.Context) error { return sqlite.Migrate(ctx, sqlite.Config(c)) }

func (c onSQLite) backup(ctx context.Context, path string) error {
	return sqlite.Backup(ctx, sqlite.Config(c), path)
}

type onPostgres postgres.Config

func (onPostgres) backup(context.Context, string) error {
	return errors.New("a PostgreSQL database is backed up by its own means: pg_dump, or base backups with pg_basebackup")
}

func (c onPostgres) open(ctx context.Context) (Store, error) {
	store, err := postgres.Open(ctx, postgres.Config(c))
	if err != nil {
		return nil, err // not a *postgres.Store that is nil
	}
	return store, nil
}

func (c onPostgres) migrate(ctx context.Context) error {
	return postgres.Migrate(ctx, postgres.Config(c))
}

// parse never repeats more of the URL than its scheme: it may hold a password.
func parse(url string) (backend, error) {
	const known = "use sqlite:PATH or postgres://HOST/DATABASE"
	scheme, rest, found := strings.Cut(url, ":")
	switch {
	case !found:
		return nil, errors.New("database URL without a scheme: " + known)
	case scheme == "postgres" || scheme == "postgresql":
		return onPostgres{URL: url}, nil
	case scheme != "sqlite":
		return nil, fmt.Errorf("database URL with the scheme %q: %s", scheme, known)
	case rest == "":
		return nil, errors.New("database URL without a path: use sqlite:PATH")
	}
	return onSQLite{Path: rest}, nil
}
