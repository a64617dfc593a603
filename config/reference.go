package config

import (
	"fmt"
	"strings"
)

// Example gives a whole file of settings: what must be set, and, commented out,
// all else with its default.
func Example() string {
	var b strings.Builder
	b.WriteString(`# Settings of Postern. Serve with them: postern serve --config FILE.
# A flag counts more than the environment, and that more than this file.
# If a password is in here, nobody else may read it: chmod 640 FILE.
`)
	for _, g := range Groups() {
		fmt.Fprintf(&b, "\n## %s\n", g.Title)
		for _, s := range Settings() {
			if s.Group != g.Key || !s.InFile {
				continue
			}
			fmt.Fprintf(&b, "\n# %s\n", s.Help)
			if !s.Required {
				b.WriteString("# ")
			}
			fmt.Fprintf(&b, "%s = %s\n", s.Name, s.sample())
		}
	}
	return b.String()
}

// sample is a value in TOML: the default, or what one might write.
func (s Setting) sample() string {
	value := s.Default
	if value == "" {
		value = s.Example
	}
	switch s.Type {
	case "text":
		return fmt.Sprintf("%q", value)
	case "list":
		return fmt.Sprintf("[%q]", value)
	default:
		return value
	}
}

// Reference gives docs/settings.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Settings

Each setting is a flag, an environment variable and a key of one file. A flag counts more than the environment, and that
more than the file. ` + "`postern config example`" + ` prints a commented file with all of them; ` + "`postern serve --config FILE`" + ` serves
with it, and other commands take from it what is the instance's. A key that is no setting is refused with its line. Lists
are written ` + "`key = [\"a\", \"b\"]`" + ` in the file and ` + "`a,b`" + ` elsewhere.

What a tenant may set for itself is set by ` + "`postern tenant set`" + `: see [limits.md](limits.md) and [brand.md](brand.md).
This page is made of the program's own tags: ` + "`go test ./config -update`" + `.
`)
	for _, g := range Groups() {
		fmt.Fprintf(&b, "\n## %s\n\n| flag and key | variable | default | what |\n| --- | --- | --- | --- |\n", g.Title)
		for _, s := range Settings() {
			if s.Group == g.Key {
				b.WriteString(s.row())
			}
		}
	}
	return b.String()
}

func (s Setting) row() string {
	value := "none"
	switch {
	case s.Required:
		value = "must be set"
	case s.Default != "":
		value = "`" + s.Default + "`"
	case strings.Contains(s.Help, "(default: "):
		value = "see there"
	}
	name := "`--" + s.Name + " " + s.Placeholder + "`"
	if s.Placeholder == "" {
		name = "`--" + s.Name + "`"
	}
	if s.InFile {
		name += "<br>`" + s.Name + " = " + s.sample() + "`"
	}
	return fmt.Sprintf("| %s | `%s` | %s | %s |\n", name, s.Variable, value, strings.ReplaceAll(s.Help, "|", `\|`))
}
