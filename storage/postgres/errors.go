package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"postern/idp"
)

// SQLSTATEs (PostgreSQL, appendix A) that mean something here.
const (
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	queryCanceled        = "57014"
	// notText: bytes that no text of the database can hold, so nothing there is named so.
	notText    = "22021"
	notTextDoc = "22P05"
)

// unavailable are the classes, or codes, that say the database cannot answer
// now: connection, resources, intervention by an operator, system, read-only
// (a former primary).
var unavailable = []string{"08", "53", "57P", "58", "25006"}

// translate puts the domain's word for a driver's error in front of it.
func translate(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return idp.ErrNotFound
	}
	failed, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok && lost(err):
		return fmt.Errorf("%w: %w", idp.ErrUnavailable, err)
	case !ok:
		return err
	case failed.Code == uniqueViolation:
		return fmt.Errorf("%w: %w", idp.ErrConflict, err)
	case failed.Code == notText, failed.Code == notTextDoc:
		return fmt.Errorf("%w: %w", idp.ErrNotFound, err)
	case failed.Code == serializationFailure, failed.Code == deadlockDetected, failed.Code == queryCanceled, isUnavailable(failed):
		return fmt.Errorf("%w: %w", idp.ErrUnavailable, err)
	default:
		return err
	}
}

func isUnavailable(failed *pgconn.PgError) bool {
	for _, class := range unavailable {
		if strings.HasPrefix(failed.Code, class) {
			return true
		}
	}
	return false
}

// lost tells that the connection is gone, or was never made.
func lost(err error) bool {
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(failed.Code, "57P") || strings.HasPrefix(failed.Code, "08")
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, pgx.ErrNoRows) {
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return broken(err)
}

// repeatable tells that a step changed nothing and may do better a second time.
func repeatable(err error) bool {
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok {
		return failed.Code == serializationFailure || failed.Code == deadlockDetected
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return false // the caller hears it at once
	}
	return pgconn.SafeToRetry(err)
}
