package keys

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
		return Master{}, errors.New("not a master key, which is 32 bytes in base64 or hex: bring back the one this instance began with, or make one with `openssl rand -base64 32`")
	}
	return Master{b: [masterBytes]byte(raw)}, nil
}

// LoadMaster reads the master key's file; one that others than its owner may
// read is refused. A missing file is fs.ErrNotExist.
func LoadMaster(path string) (Master, error) {
	file, err := os.Open(path) //nolint:gosec // the path is the operator's
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Master{}, missing{path}
	case err != nil:
		return Master{}, fmt.Errorf("master key: %w: let the user that runs postern read it", err)
	}
	defer file.Close()
	// The mode of the opened file, so that nobody can swap it in between.
	info, err := file.Stat()
	switch {
	case err != nil:
		return Master{}, fmt.Errorf("master key: %w", err)
	case !info.Mode().IsRegular():
		return Master{}, fmt.Errorf("master key: %s is not a file: name one in --master-key-file", path)
	case info.Mode().Perm()&tooOpen(path) != 0:
		return Master{}, fmt.Errorf("master key: others than its owner may read %s: `chmod 600 %s`", path, path)
	case info.Size() > 1024:
		return Master{}, fmt.Errorf("master key: %s is too long to be one: name the right file in --master-key-file", path)
	}
	text := make([]byte, info.Size())
	if _, err := file.Read(text); err != nil && !errors.Is(err, io.EOF) {
		return Master{}, fmt.Errorf("master key: %s: %w", path, err)
	}
	master, err := ParseMaster(string(text))
	if err != nil {
		return Master{}, fmt.Errorf("master key: %s is %w", path, err)
	}
	return master, nil
}

// tooOpen are the mode's bits that a master key must not have. systemd lends its
// credentials to a service by a list, which shows as the group's right to read.
func tooOpen(path string) fs.FileMode {
	if lent := os.Getenv("CREDENTIALS_DIRECTORY"); lent != "" && filepath.Dir(path) == filepath.Clean(lent) {
		return 0o037
	}
	return 0o077
}

// missing is a master key that is not there, an fs.ErrNotExist.
type missing struct{ path string }

func (m missing) Error() string {
	return fmt.Sprintf("there is no master key at %[1]s: bring back the one this instance began with; for a new instance, "+
		"`openssl rand -base64 32 > %[1]s && chmod 600 %[1]s` makes one. Keep a copy: without it, signing keys and sessions are lost", m.path)
}

func (missing) Unwrap() error { return fs.ErrNotExist }

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
