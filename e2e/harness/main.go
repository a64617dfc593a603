package harness

import (
	"fmt"
	"os"
)

// Main is a package's TestMain: it builds the program into a folder that is gone
// afterwards, has run do with both what the package's tests need, and ends the
// process with the code that this gives.
func Main(run func(dir, binary string) (code int, err error)) {
	code, err := built(run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func built(run func(dir, binary string) (int, error)) (int, error) {
	dir, err := os.MkdirTemp("", "postern-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary, err := Build(dir)
	if err != nil {
		return 1, err
	}
	return run(dir, binary)
}

// Beside has tests run beside one server that they share, with relaxed limits,
// and stops it. Where they fail, it shows what the server printed last.
func Beside(dir, binary string, run func(*Server) (code int)) (int, error) {
	s, err := Start(binary, dir, "--limits", "relaxed")
	if err != nil {
		return 1, err
	}
	code := run(s)
	err = s.Stop()
	if logs := s.Logs(); code != 0 {
		fmt.Fprintln(os.Stderr, "what the shared server printed last:", logs[max(0, len(logs)-4000):])
	}
	return code, err
}
