package attacks_test

import (
	"context"
	"errors"
	"testing"

	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

var (
	// scratch is a folder for what all tests share.
	scratch string
	// binary is the program, built once.
	binary string
	// server is it in dev, with generous limits.
	server *harness.Server
)

func TestMain(m *testing.M) {
	harness.Main(func(dir, program string) (int, error) {
		defer pgtest.Stop()
		scratch, binary = dir, program
		code, err := harness.Beside(dir, binary, func(s *harness.Server) int {
			server = s
			return m.Run()
		})
		return code, errors.Join(err, onSQLite.stop(context.Background()), onPostgres.stop(context.Background()))
	})
}
