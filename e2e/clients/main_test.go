package clients_test

import (
	"testing"

	"postern/e2e/harness"
)

var (
	// binary is the program, built once.
	binary string
	// shared is the one provider of all these tests.
	shared *harness.Server
)

func TestMain(m *testing.M) {
	harness.Main(func(dir, program string) (int, error) {
		binary = program
		return harness.Beside(dir, binary, func(s *harness.Server) int {
			shared = s
			return m.Run()
		})
	})
}
