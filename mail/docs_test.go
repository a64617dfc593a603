package mail_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/mail"
)

var update = flag.Bool("update", false, "write the table of providers anew")

// TestProvidersAreDocumented holds docs/mail.md to what the program knows.
func TestProvidersAreDocumented(t *testing.T) {
	const path, from, to = "../docs/mail.md", "<!-- providers -->\n", "<!-- /providers -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), from)
	had, after, closed := strings.Cut(rest, to)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", path)
	}
	want := providerTable()
	if *update {
		if err := os.WriteFile(path, []byte(before+from+want+to+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, had); diff != "" {
		t.Errorf("the table of %s is not the program's; -update writes it anew:\n%s", path, diff)
	}
	for _, p := range mail.Providers()[:len(mail.Providers())-1] {
		if title, _, _ := strings.Cut(p.Title, " and "); !strings.Contains(after, "**"+title) {
			t.Errorf("nothing is said about %s", p.Title)
		}
	}
}

func providerTable() string {
	var b strings.Builder
	b.WriteString("| provider | server | ports | login | fields that are set |\n| --- | --- | --- | --- | --- |\n")
	for _, p := range mail.Providers() {
		fmt.Fprintf(&b, "| %s: `%s` | %s | %s | %s | %s |\n", p.Title, p.Name, servers(p), ports(p), loginOf(p), fields(p))
	}
	return b.String()
}

func servers(p mail.Provider) string {
	if p.Host == "" {
		return "as the URL says"
	}
	all := []string{p.Host}
	for _, name := range slices.Sorted(maps.Keys(p.Variants)) {
		all = append(all, "`"+p.Name+"://…@"+name+"`: "+p.Variants[name])
	}
	return strings.Join(all, "; ")
}

func ports(p mail.Provider) string {
	if len(p.Ports) == 0 {
		return "587, or 25 on loopback"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(p.Ports), " ", ", "), "[]")
}

func loginOf(p mail.Provider) string {
	said := []string{}
	switch {
	case p.UserIsPassword:
		said = append(said, "the token is user and password")
	case p.User != "":
		said = append(said, "user `"+p.User+"`")
	}
	if p.Auth != mail.NoAuth {
		said = append(said, "`"+string(p.Auth)+"`")
	}
	if p.TokenURL != "" {
		said = append(said, "or `xoauth2`")
	}
	if p.LoginHint != "" {
		said = append(said, p.LoginHint)
	}
	if len(said) == 0 {
		return "`plain` if there is a user"
	}
	return strings.Join(said, "; ")
}

func fields(p mail.Provider) string {
	names := make([]string, 0, len(p.Headers))
	for _, h := range p.Headers {
		if len(h.Value) > 40 {
			names = append(names, "`"+h.Name+"` (clicks, opens and subscriptions off)")
			continue
		}
		names = append(names, "`"+h.Name+": "+h.Value+"`")
	}
	return strings.Join(names, ", ")
}
