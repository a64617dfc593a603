package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"time"
)

// DefaultBusyTimeout is how long another process's write is waited for.
const DefaultBusyTimeout = 5 * time.Second

// Config names the database. The zero value of all but Path is usable.
type Config struct {
	// Path of the database file.
	Path string
	// BusyTimeout is how long to wait while another process writes, before
	// idp.ErrUnavailable.
	BusyTimeout time.Duration
}

// Store is a database file that is open.
type Store struct {
	write *writer
	read  *statements
	pools []*sql.DB
}

// Open opens a database that Migrate has made and brought up.
func Open(ctx context.Context, c Config) (*Store, error) {
	if _, err := os.Stat(c.Path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no database at %s: make one with `postern migrate`", c.Path)
	} else if err != nil {
		return nil, c.mend(err)
	}
	writes, err := c.writePool(ctx)
	if err != nil {
		return nil, c.mend(err)
	}
	if err := checkSchema(ctx, writes); err != nil {
		return nil, errors.Join(c.mend(err), writes.Close())
	}
	// The readers come second: a read-only connection cannot make the WAL's index.
	reads, err := c.readPool()
	if err != nil {
		return nil, errors.Join(err, writes.Close())
	}
	return &Store{write: startWriter(ctx, writes), read: prepareOn(reads), pools: []*sql.DB{reads, writes}}, nil
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	const query = `SELECT 1`
	var one int
	return s.read.row(ctx, query).Scan(&one)
}

// Close waits for steps that run and closes the file.
func (s *Store) Close() error {
	s.write.close()
	err := s.read.close()
	for _, pool := range s.pools {
		err = errors.Join(err, pool.Close())
	}
	return err
}

func (c Config) writePool(ctx context.Context) (*sql.DB, error) {
	// FULL makes each commit durable; NORMAL could forget, on power loss, that a link was used.
	db, err := sql.Open("sqlite", c.dsn("rw", "journal_mode(WAL)", "synchronous(FULL)"))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.SetMaxOpenConns(1)
	if err := c.connect(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// connectPause is between tries to connect.
const connectPause = 20 * time.Millisecond

// connect makes a pool's first connection. It turns a new file to WAL, and while
// another process writes to that file SQLite refuses this there and then, whatever
// the busy timeout: so it is tried again for as long as the timeout says.
func (c Config) connect(ctx context.Context, db *sql.DB) error {
	waiting, enough := context.WithTimeout(ctx, c.busyTimeout())
	defer enough()
	for {
		err := db.PingContext(ctx)
		if !busy(err) {
			return err
		}
		select {
		case <-waiting.Done():
			return err
		case <-time.After(connectPause):
		}
	}
}

func (c Config) busyTimeout() time.Duration { return cmp.Or(c.BusyTimeout, DefaultBusyTimeout) }

func (c Config) readPool() (*sql.DB, error) {
	db, err := sql.Open("sqlite", c.dsn("ro", "query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	conns := max(4, 2*runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// dsn writes the path as a URI, so that no character in it means something else.
func (c Config) dsn(mode string, pragmas ...string) string {
	options := url.Values{"mode": {mode}, "_txlock": {"immediate"}}
	options.Add("_pragma", "busy_timeout("+strconv.FormatInt(c.busyTimeout().Milliseconds(), 10)+")")
	options.Add("_pragma", "foreign_keys(0)")
	for _, pragma := range pragmas {
		options.Add("_pragma", pragma)
	}
	return (&url.URL{Scheme: "file", Opaque: url.PathEscape(c.Path), RawQuery: options.Encode()}).String()
}

// change runs a step in the writer.
func (s *Store) change(ctx context.Context, run step) error {
	return s.write.do(ctx, run)
}
