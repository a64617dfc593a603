package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// mended is an error with words for the operator in place of the driver's.
type mended struct {
	words string
	error
}

func (m mended) Error() string { return m.words }

func (m mended) Unwrap() error { return m.error }

// mend says in one line what keeps the file from being opened and how to mend
// it; other errors stay as they are.
func (c Config) mend(err error) error {
	if err == nil {
		return nil
	}
	say := func(format string, args ...any) error { return mended{fmt.Sprintf(format, args...), err} }
	if errors.Is(err, fs.ErrPermission) {
		return say("the user that runs postern may not reach the database %s: make it the owner of file and folder", c.Path)
	}
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return err
	}
	switch failed.Code() & 0xff { // the primary code of an extended one
	case sqlite3.SQLITE_NOTADB:
		return say("%s is no SQLite database: name another file in --database, or move this one away", c.Path)
	case sqlite3.SQLITE_CORRUPT:
		return say("the database %s is damaged: bring back a backup of it", c.Path)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		if info, err := os.Stat(c.Path); err == nil && info.IsDir() {
			return say("%s is a folder, not a database: name a file in --database", c.Path)
		}
		return say("the user that runs postern may not write the database %s: make it the owner of file and folder", c.Path)
	case sqlite3.SQLITE_BUSY:
		return say("another program holds the database %s: find it with `fuser %s`", c.Path, c.Path)
	}
	return err
}
