package harness

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// NodeModules gives a folder node_modules with what the lock file of a folder names.
func NodeModules(t *testing.T, folder string) string {
	t.Helper()
	files := []string{filepath.Join(folder, "package.json"), filepath.Join(folder, "package-lock.json")}
	dir := Cached(t, "node", files, func(dir string) {
		for _, file := range files {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), read(t, file), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		Install(t, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	})
	return filepath.Join(dir, "node_modules")
}

// Cached gives a folder outside the clone that fill filled, once for each
// content of the files that say what belongs there.
func Cached(t *testing.T, kind string, files []string, fill func(dir string)) string {
	t.Helper()
	caches, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.New()
	for _, file := range files {
		digest.Write(read(t, file))
	}
	dir := filepath.Join(caches, "postern-tools", kind, hex.EncodeToString(digest.Sum(nil))[:16])
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	defer lock(t, dir+".lock")()
	done := filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fill(dir)
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lock keeps other tests, of this and other runs, waiting until it is undone.
func lock(t *testing.T, path string) (undo func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}

// Install runs what fills such a folder.
func Install(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v (these tests need nodejs, npm and python3-venv)\n%s", name, args, err, out)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
