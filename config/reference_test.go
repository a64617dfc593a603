package config_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/config"
)

var update = flag.Bool("update", false, "write docs/settings.md and the example anew")

// The reference and the example are made of the tags, and kept so.
func TestTheReferenceIsThatOfTheSettings(t *testing.T) {
	for path, got := range map[string]string{
		"../docs/settings.md":   config.Reference(),
		"testdata/postern.toml": config.Example(),
	} {
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s is out of date; `go test ./config -update` writes it anew:\n%s", path, diff)
		}
	}
}

func TestEverySettingSaysWhatItIs(t *testing.T) {
	for _, s := range config.Settings() {
		if s.Help == "" || s.Group == "" || s.Variable == "" {
			t.Errorf("%s: help %q, group %q, variable %q", s.Name, s.Help, s.Group, s.Variable)
		}
		if s.InFile && s.Default == "" && s.Example == "" {
			t.Errorf("%s has neither a default nor an example", s.Name)
		}
	}
}
