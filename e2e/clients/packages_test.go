package clients_test

import (
	"os"
	"path/filepath"
	"testing"

	"postern/e2e/harness"
)

// python gives an interpreter that knows the packages of python/requirements.txt.
func python(t *testing.T) string {
	t.Helper()
	requirements, err := filepath.Abs("python/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	dir := harness.Cached(t, "python", []string{requirements}, func(dir string) {
		harness.Install(t, dir, "python3", "-m", "venv", "venv")
		harness.Install(t, dir, "venv/bin/pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", requirements)
	})
	return filepath.Join(dir, "venv", "bin", "python")
}

// workspace gives a folder with the files of a folder of the clone and the
// packages of its lock file beside them, where Node looks for them.
func workspace(t *testing.T, folder string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(harness.NodeModules(t, folder), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyFile(t *testing.T, file, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), readFile(t, file), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
