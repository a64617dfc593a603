package postgres

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATEs of what an operator can mend.
const (
	wrongPassword     = "28P01"
	notLetIn          = "28000"
	noSuchDatabase    = "3D000"
	noPrivilege       = "42501"
	tooManyClients    = "53300"
	cannotConnectNow  = "57P03"
	noWritesOnStandby = "25006"
)

// mended is an error with words for the operator in place of the driver's.
type mended struct {
	words string
	error
}

func (m mended) Error() string { return m.words }

func (m mended) Unwrap() error { return m.error }

// mend says in one line what keeps a database from being opened and how to mend
// it; other errors stay as they are. The words hold no password.
func mend(err error, c *pgx.ConnConfig) error {
	if err == nil {
		return nil
	}
	at := net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
	if strings.HasPrefix(c.Host, "/") {
		at = c.Host // the folder of a socket
	}
	say := func(format string, args ...any) error { return mended{fmt.Sprintf(format, args...), err} }
	switch codeOf(err) {
	case wrongPassword, notLetIn:
		return say("PostgreSQL at %s does not let user %q in: correct user and password in --database, or pg_hba.conf there", at, c.User)
	case noSuchDatabase:
		return say("PostgreSQL at %s has no database %q: `createdb %s` makes it", at, c.Database, c.Database)
	case noPrivilege:
		return say("user %q may not change database %q: make it the database's owner", c.User, c.Database)
	case tooManyClients:
		return say("PostgreSQL at %s has no connection left: raise max_connections there, or set pool_max_conns=N in --database", at)
	case cannotConnectNow:
		return say("PostgreSQL at %s is starting up or stopping: try again in a moment", at)
	case noWritesOnStandby:
		return say("PostgreSQL at %s is a standby: name the primary in --database", at)
	case "":
		if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
			return say("PostgreSQL at %s does not answer (%s): start it, or correct --database", at, why(err))
		}
	}
	return err
}

// why gives the innermost reason of a connection that was not made.
func why(err error) string {
	if failed, ok := errors.AsType[*net.DNSError](err); ok {
		return failed.Err
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return failed.Err.Error()
	}
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
