package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"postern/config"
)

var (
	fenced   = regexp.MustCompile("(?s)```[a-z]*\n(.*?)```")
	quoted   = regexp.MustCompile(`"[^"]*"|'[^']*'|\$\([^)]*\)`)
	ends     = regexp.MustCompile(`\s(#|>|\||&&|\|\|)\s.*$`)
	assigned = regexp.MustCompile(`^(\$ |export )?([A-Z_]+=(\$\()?)?\s*`)
)

// Every command that the documents show is one that the program takes.
func TestCommandsInTheDocumentsAreThere(t *testing.T) {
	found := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" || strings.Contains(path, "node_modules") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", " ")) {
				if args := argumentsOf(line); args != nil {
					found++
					if err := parses(args); err != nil {
						t.Errorf("%s: %s: %v", path, strings.TrimSpace(line), err)
					}
				}
			}
		}
		return err
	})
	if err != nil || found < 20 {
		t.Errorf("%d commands, %v", found, err)
	}
}

// argumentsOf gives the arguments of a line that calls postern; nil of other lines.
func argumentsOf(line string) []string {
	line = assigned.ReplaceAllString(strings.TrimSpace(line), "")
	rest, ok := strings.CutPrefix(strings.TrimPrefix(line, "./"), "postern ")
	if !ok || strings.Contains(rest, "…") { // which stands for what is missing
		return nil
	}
	rest = quoted.ReplaceAllStringFunc(" "+rest, func(s string) string { return strings.ReplaceAll(strings.Trim(s, `"'`), " ", "_") })
	return strings.Fields(ends.ReplaceAllString(rest+" ", ""))
}

// parses tells whether the command line takes it; it runs nothing.
func parses(args []string) error {
	var grammar cli
	parser, err := kong.New(&grammar, kong.DefaultEnvars(config.Prefix), kong.ExplicitGroups(config.Groups()),
		kong.Vars{"tenant_settings": tenantKeys.help(), "client_settings": clientKeys.help()}, kong.Exit(func(int) {}), kong.Writers(&strings.Builder{}, &strings.Builder{}))
	if err != nil {
		return err
	}
	_, err = parser.Parse(args)
	return err
}
