package keys

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"postern/idp"
)

// masterBytes is the size of the master key: 256 bits.
const masterBytes = 32

// Master is the key that all others are derived from. It does not print itself.
type Master struct{ b [masterBytes]byte }

// String keeps the master key out of logs and formatted text.
func (Master) String() string { return "[master key]" }

// GoString keeps the master key out of %#v.
func (Master) GoString() string { return "[master key]" }

// LogValue keeps the master key out of slog.
func (Master) LogValue() slog.Value { return slog.StringValue("[master key]") }

// ParseMaster reads 32 bytes as base64, with either alphabet, or as hex.
func ParseMaster(text string) (Master, error) {
	text = strings.TrimSpace(text)
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == masterBytes {
		return Master{b: [masterBytes]byte(raw)}, nil
	}
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	raw, err := base64.RawStdEncoding.Strict().DecodeString(plain)
	if err != nil || len(raw) != masterBytes {
		return Master{}, errors.New("master key: 32 bytes in base64 or hex are wanted")
	}
	return Master{b: [masterBytes]byte(raw)}, nil
}

// LoadMaster reads the master key's file; one that others than its owner may
// read is refused. A missing file is fs.ErrNotExist.
func LoadMaster(path string) (Master, error) {
	file, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return Master{}, fmt.Errorf("master key: %w", err)
	}
	defer file.Close()
	// The mode of the opened file, so that nobody can swap it in between.
	info, err := file.Stat()
	switch {
	case err != nil:
		return Master{}, fmt.Errorf("master key: %w", err)
	case !info.Mode().IsRegular():
		return Master{}, fmt.Errorf("master key: %s is not a file", path)
	case info.Mode().Perm()&0o077 != 0:
		return Master{}, fmt.Errorf("master key: others may read %s: chmod 600 it", path)
	case info.Size() > 1024:
		return Master{}, fmt.Errorf("master key: %s is too long to be one", path)
	}
	text := make([]byte, info.Size())
	if _, err := file.Read(text); err != nil {
		return Master{}, fmt.Errorf("master key: %s: %w", path, err)
	}
	master, err := ParseMaster(string(text))
	if err != nil {
		return Master{}, fmt.Errorf("%s: %w", path, err)
	}
	return master, nil
}

// CreateMaster draws a new master key into a file that does not exist yet;
// otherwise idp.ErrConflict. The file appears whole or not at all: it is
// written beside its place and linked there, which fails where one is.
func CreateMaster(path string) (Master, error) {
	var master Master
	rand.Read(master.b[:])
	draft, err := os.CreateTemp(filepath.Dir(path), ".master-*") // O_EXCL, mode 0600
	if err != nil {
		return Master{}, fmt.Errorf("master key: %w", err)
	}
	defer os.Remove(draft.Name())
	_, err = draft.WriteString(base64.StdEncoding.EncodeToString(master.b[:]) + "\n")
	err = errors.Join(err, draft.Sync(), draft.Close())
	if err != nil {
		return Master{}, fmt.Errorf("master key: %w", err)
	}
	err = os.Link(draft.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return Master{}, fmt.Errorf("master key: %s: %w", path, idp.ErrConflict)
	}
	if err != nil {
		return Master{}, fmt.Errorf("master key: %w", err)
	}
	return master, nil
}

// LoadOrCreateMaster loads the master key, or creates it where there is none.
// Of several processes that start at once, one creates it and all use it.
func LoadOrCreateMaster(path string) (Master, error) {
	master, err := LoadMaster(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return master, err
	}
	master, err = CreateMaster(path)
	if errors.Is(err, idp.ErrConflict) {
		return LoadMaster(path)
	}
	return master, err
}
