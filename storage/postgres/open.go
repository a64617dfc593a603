package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DefaultPatience is how long a step may take in all, waiting for a connection
// included, before idp.ErrUnavailable. A database that answers takes a
// thousandth of it.
const DefaultPatience = 3 * time.Second

const (
	connectTimeout = 2 * time.Second
	// pingAfter is how long a connection lies unused before it is tried out
	// first. One that the server closed meanwhile is found so; with a server that
	// is gone altogether all are dropped at the first failure.
	pingAfter = 30 * time.Second
	leastPool = 16
)

// Config names the database.
type Config struct {
	// URL as libpq takes it, postgres://user:password@host/database; pgxpool's
	// pool_max_conns and its like may be in it.
	URL string
	// Patience, if not zero, takes DefaultPatience's place.
	Patience time.Duration
}

func (c Config) patience() time.Duration {
	if c.Patience == 0 {
		return DefaultPatience
	}
	return c.Patience
}

// Store is a database that is open.
type Store struct {
	pool        *pgxpool.Pool
	patience    time.Duration
	distributed bool // Citus holds the tenants' rows
}

// Open opens a database that Migrate has brought up.
func Open(ctx context.Context, c Config) (*Store, error) {
	config, err := c.pool()
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{pool: pool, patience: c.patience()}
	if err := s.inspect(ctx); err != nil {
		pool.Close()
		return nil, mend(err, config.ConnConfig)
	}
	return s, nil
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.try(ctx, s.pool.Ping)
}

// Close waits for steps that run and closes the connections.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// pool never repeats the URL in an error: it may hold a password.
func (c Config) pool() (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, errors.New("database URL: not as postgres://user:password@host:port/database?sslmode=…")
	}
	if !strings.Contains(c.URL, "pool_max_conns") {
		config.MaxConns = int32(max(leastPool, 4*runtime.GOMAXPROCS(0)))
	}
	if !strings.Contains(c.URL, "connect_timeout") {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	config.PingTimeout = connectTimeout
	config.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool { return p.IdleDuration > pingAfter }
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	patience := strconv.FormatInt(c.patience().Milliseconds(), 10)
	defaults := map[string]string{
		"application_name": "postern",
		// What the caller no longer waits for ends on the server too.
		"statement_timeout": patience,
		// A connection lost in the middle must not hold a tenant's rows.
		"idle_in_transaction_session_timeout": patience,
		"timezone":                            "UTC",
		// The statements are short; what compiling them would take is longer.
		"jit": "off",
	}
	for name, value := range defaults {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	return config, nil
}

// inspect refuses a schema that this version was not made for, and finds out
// what kind of database it is.
func (s *Store) inspect(ctx context.Context) error {
	return s.try(ctx, func(ctx context.Context) error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		if err := checkSchema(ctx, conn.Conn()); err != nil {
			return err
		}
		s.distributed, err = hasCitus(ctx, conn.Conn())
		return err
	})
}
