package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// preparer is a pool or one connection.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// prepared is a statement that statements closes, not who runs it.
type prepared interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

// scanner is a row, or the reason why there is none.
type scanner interface {
	Scan(dest ...any) error
}

// statements runs SQL that is prepared once. The texts are constants of this
// package, so there is a bounded number of them.
type statements struct {
	on     preparer
	mu     sync.Mutex
	byText map[string]*sql.Stmt
}

func prepareOn(p preparer) *statements {
	return &statements{on: p, byText: map[string]*sql.Stmt{}}
}

func (s *statements) prepare(ctx context.Context, query string) (prepared, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt, ok := s.byText[query]; ok {
		return stmt, nil
	}
	stmt, err := s.on.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", translate(err))
	}
	s.byText[query] = stmt
	return stmt, nil
}

// exec runs a statement and tells how many rows it changed.
func (s *statements) exec(ctx context.Context, query string, args ...any) (int64, error) {
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, translate(err)
	}
	return result.RowsAffected()
}

// row runs a query for at most one row; Scan gives idp.ErrNotFound where there is none.
func (s *statements) row(ctx context.Context, query string, args ...any) scanner {
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		return noRow{err}
	}
	return oneRow{stmt.QueryRowContext(ctx, args...)}
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := make([]error, 0, len(s.byText))
	for _, stmt := range s.byText {
		errs = append(errs, stmt.Close())
	}
	clear(s.byText)
	return errors.Join(errs...)
}

type oneRow struct{ row *sql.Row }

func (r oneRow) Scan(dest ...any) error { return translate(r.row.Scan(dest...)) }

type noRow struct{ err error }

func (r noRow) Scan(...any) error { return r.err }

// list gives all rows of a query.
func list[T any](ctx context.Context, s *statements, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, translate(err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, translate(err)
		}
		all = append(all, one)
	}
	return all, translate(rows.Err())
}
