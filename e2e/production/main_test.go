package production_test

import (
	"testing"

	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) {
	harness.Main(func(_, program string) (int, error) {
		binary = program
		return pgtest.Main(m), nil
	})
}
