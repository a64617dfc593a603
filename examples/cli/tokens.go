package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/oauth2"
)

// store keeps the tokens in a file of the person's own, which nobody else reads.
type store struct{ file string }

func newStore() (store, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return store{}, err
	}
	return store{file: filepath.Join(dir, "postern-cli-example", "tokens.json")}, nil
}

func (s store) load() (*oauth2.Token, error) {
	text, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("nobody is signed in; sign-in does that")
	}
	if err != nil {
		return nil, err
	}
	token := new(oauth2.Token)
	if err := json.Unmarshal(text, token); err != nil {
		return nil, fmt.Errorf("%s: %w", s.file, err)
	}
	return token, nil
}

// save replaces the file whole: whatever happens, there is the old one or the new.
func (s store) save(token *oauth2.Token) error {
	text, err := json.Marshal(token)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.file), 0o700); err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(s.file), "") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(next.Name())
	_, err = next.Write(text)
	if err := errors.Join(err, next.Sync(), next.Close()); err != nil {
		return err
	}
	return os.Rename(next.Name(), s.file)
}

func (s store) remove() error { return os.Remove(s.file) }
