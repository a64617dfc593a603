package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
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
	internalError        = "XX000"
	// notText: bytes that no text of the database can hold, so nothing there is named so.
	notText    = "22021"
	notTextDoc = "22P05"
)

// unavailable are the classes, or codes, that say the database cannot answer
// now: connection, resources, intervention by an operator, system, read-only
// (a former primary), and what has been tried often enough.
var unavailable = []string{"08", "53", "57P", "58", "25006", queryCanceled, serializationFailure, deadlockDetected}

// translate puts the domain's word for a driver's error in front of it.
func translate(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return idp.ErrNotFound
	}
	code := codeOf(err)
	switch {
	case code == uniqueViolation && replayed(err):
		return fmt.Errorf("%w: %w", idp.ErrReplayed, err)
	case code == uniqueViolation:
		return fmt.Errorf("%w: %w", idp.ErrConflict, err)
	case code == notText, code == notTextDoc:
		return fmt.Errorf("%w: %w", idp.ErrNotFound, err)
	case lost(err), startsWithAny(code, unavailable):
		return fmt.Errorf("%w: %w", idp.ErrUnavailable, err)
	default:
		return err
	}
}

// replayed tells that a statement failed for what it noted as used, which was
// noted before. On Citus the constraint has its shard's number in its name.
func replayed(err error) bool {
	failed, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(failed.ConstraintName, "used_once_pkey") || strings.Contains(failed.Message, `"used_once_pkey`))
}

// codeOf gives an error's SQLSTATE, empty if it did not come from the server.
// Citus loses the code of what failed on a worker in the middle of a
// statement, and keeps the words.
func codeOf(err error) string {
	failed, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return ""
	case failed.Code != internalError:
		return failed.Code
	case strings.HasPrefix(failed.Message, "duplicate key value"):
		return uniqueViolation
	case strings.HasPrefix(failed.Message, "deadlock detected"):
		return deadlockDetected
	case strings.HasPrefix(failed.Message, "could not serialize access"):
		return serializationFailure
	default:
		return failed.Code
	}
}

func startsWithAny(code string, classes []string) bool {
	return slices.ContainsFunc(classes, func(class string) bool { return strings.HasPrefix(code, class) })
}

// lost tells that the connection is gone, or was never made.
func lost(err error) bool {
	if code := codeOf(err); code != "" {
		return strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "25006")
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, pgx.ErrNoRows) {
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true // also where connecting took longer than it may
	}
	return !errors.Is(err, context.DeadlineExceeded) && broken(err)
}

// repeatable tells that a step changed nothing and may do better a second time.
func repeatable(err error) bool {
	if code := codeOf(err); code != "" {
		return code == serializationFailure || code == deadlockDetected
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return false // the caller hears it at once
	}
	return pgconn.SafeToRetry(err)
}

// broken tells an error of the network.
func broken(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return true
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}
