package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"postern/config"
)

// Scripts read what commands print: each takes --json, but for those that serve
// or print a document of another kind.
func TestEveryCommandTakesJSONAndSaysWhatItDoes(t *testing.T) {
	var grammar cli
	parser, err := kong.New(&grammar, kong.DefaultEnvars(config.Prefix), kong.ExplicitGroups(config.Groups()),
		kong.Vars{"tenant_settings": tenantKeys.help(), "client_settings": clientKeys.help()})
	if err != nil {
		t.Fatal(err)
	}
	exempt := []string{"dev", "serve", "config example", "completion", "complete"}
	for _, leaf := range parser.Model.Leaves(false) {
		path := strings.TrimPrefix(leaf.Path(), "postern ")
		path, _, _ = strings.Cut(path, " <")
		json := slices.ContainsFunc(leaf.Flags, func(f *kong.Flag) bool { return f.Name == "json" })
		if json == slices.Contains(exempt, path) {
			t.Errorf("%s: --json is %t", path, json)
		}
		if leaf.Help == "" || !strings.HasSuffix(leaf.Help, ".") {
			t.Errorf("%s: help %q", path, leaf.Help)
		}
	}
}
