package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"postern/config"
	"postern/idp"
)

var writeReference = flag.Bool("write-reference", false, "write docs/commands.md anew")

// The reference is made of the grammar, and kept so.
func TestTheReferenceIsThatOfTheCommands(t *testing.T) {
	const file = "../../docs/commands.md"
	got := reference(t)
	if *writeReference {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is out of date; `go test ./cmd/postern -run Reference -write-reference` writes it anew:\n%s", file, diff)
	}
}

// Every setting that help names is one that set takes.
func TestEverySettingIsTaken(t *testing.T) {
	for _, s := range tenantKeys {
		if err := setTenant(&idp.Tenant{}, s.key, ""); s.key != "logo" && isUnknown(err) {
			t.Errorf("tenant set %s: %v", s.key, err)
		}
	}
	for _, s := range clientKeys {
		if err := setClient(&idp.ClientMetadata{}, s.key, ""); isUnknown(err) {
			t.Errorf("client set %s: %v", s.key, err)
		}
	}
	if err := setTenant(&idp.Tenant{}, "nothing", ""); !isUnknown(err) {
		t.Errorf("a setting that is none: %v", err)
	}
}

func isUnknown(err error) bool { return err != nil && strings.Contains(err.Error(), "no such setting") }

func reference(t *testing.T) string {
	t.Helper()
	var grammar cli
	parser, err := kong.New(&grammar, kong.DefaultEnvars(config.Prefix), kong.ExplicitGroups(config.Groups()),
		kong.Vars{"tenant_settings": "see below", "client_settings": "see below"})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Commands\n\nAs `postern COMMAND --help` has them; this page is made of the same source. Every command also takes the flags of\n" +
		"[the instance](settings.md#the-instance-for-every-command), and `serve` is in [settings.md](settings.md). A flag is an environment variable,\n" +
		"too: `--smtp` is `POSTERN_SMTP`. `--json` makes stdout JSON alone. Exit codes: 0 done, 2 called wrongly, 1 all else.\n")
	for _, node := range parser.Model.Children {
		if node.Hidden || node.Name == "serve" {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", node.Name, node.Help)
		if len(node.Children) == 0 {
			describeCommand(&b, node)
		}
		for _, leaf := range node.Leaves(true) {
			if leaf != node {
				fmt.Fprintf(&b, "\n### %s\n\n%s\n", commandPath(leaf), leaf.Help)
				describeCommand(&b, leaf)
			}
		}
	}
	return b.String()
}

// describeCommand writes how a command is called, its flags, and the settings it takes.
func describeCommand(b *strings.Builder, node *kong.Node) {
	fmt.Fprintf(b, "\n    postern %s%s", commandPath(node), needed(node.Flags))
	for _, arg := range node.Positional {
		fmt.Fprintf(b, " %s", arg.Summary())
	}
	b.WriteString("\n")
	rows := ""
	for _, arg := range node.Positional {
		if arg.Help != "see below" {
			rows += fmt.Sprintf("| `%s` | %s |\n", arg.Summary(), cell(arg.Help))
		}
	}
	for _, flag := range node.Flags {
		if flag.Name != "json" && flag.Name != "help" {
			rows += fmt.Sprintf("| `--%s` | %s |\n", cell(flagOf(flag)), cell(helpOf(flag)))
		}
	}
	if rows != "" {
		fmt.Fprintf(b, "\n| | |\n| --- | --- |\n%s", rows)
	}
	switch commandPath(node) {
	case "tenant set":
		describeSettings(b, tenantKeys)
	case "client set":
		describeSettings(b, clientKeys)
	}
}

// needed are the flags that must be there; one of several is in brackets.
func needed(flags []*kong.Flag) string {
	var all, either []string
	for _, flag := range flags {
		switch {
		case !flag.Required:
		case len(flag.Xor) > 0:
			either = append(either, "--"+flagOf(flag))
		default:
			all = append(all, " --"+flagOf(flag))
		}
	}
	if len(either) > 0 {
		all = append(all, " ("+strings.Join(either, " | ")+")")
	}
	return strings.Join(all, "")
}

func flagOf(flag *kong.Flag) string {
	switch {
	case flag.PlaceHolder == "" && flag.Enum == "" && !flag.IsBool():
		return flag.Name + " " + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
	case flag.IsBool():
		return flag.Name
	case flag.PlaceHolder == "" && flag.Enum != "":
		return flag.Name + " " + strings.ReplaceAll(flag.Enum, ",", "|")
	default:
		return flag.Name + " " + strings.Trim(flag.FormatPlaceHolder(), `"`)
	}
}

func helpOf(flag *kong.Flag) string {
	if flag.Default == "" || flag.Default == "false" || strings.Contains(flag.Help, "default: ") {
		return flag.Help
	}
	return strings.TrimSuffix(flag.Help, ".") + " (default: " + flag.Default + ")."
}

func describeSettings(b *strings.Builder, all keyed) {
	b.WriteString("\nAn empty value is the default again.\n\n| key | values | |\n| --- | --- | --- |\n")
	for _, s := range all {
		values := s.values
		if values != "" {
			values = "`" + cell(values) + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", s.key, values, cell(s.what))
	}
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
