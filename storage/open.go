package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"postern/storage/sqlite"
)

var _ Store = (*sqlite.Store)(nil)

// Open opens the database of a URL, such as sqlite:/var/lib/postern/postern.db.
// It refuses one whose schema is not this version's and says what to do.
func Open(ctx context.Context, url string) (Store, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	return store, nil
}

// Migrate makes the database of a URL if there is none and brings its schema
// up. It is safe while the version before this one is serving.
func Migrate(ctx context.Context, url string) error {
	config, err := parse(url)
	if err != nil {
		return err
	}
	return sqlite.Migrate(ctx, config)
}

// parse never repeats more of the URL than its scheme: it may hold a password.
func parse(url string) (sqlite.Config, error) {
	scheme, rest, found := strings.Cut(url, ":")
	switch {
	case !found:
		return sqlite.Config{}, errors.New("database URL without a scheme: use sqlite:PATH")
	case scheme == "postgres" || scheme == "postgresql":
		return sqlite.Config{}, fmt.Errorf("this version keeps its data in SQLite only: use sqlite:PATH instead of %s://", scheme)
	case scheme != "sqlite":
		return sqlite.Config{}, fmt.Errorf("database URL with the scheme %q: use sqlite:PATH", scheme)
	case rest == "":
		return sqlite.Config{}, errors.New("database URL without a path: use sqlite:PATH")
	}
	return sqlite.Config{Path: rest}, nil
}
