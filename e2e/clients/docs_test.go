package clients_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	linked = regexp.MustCompile(`\]\(([^)]+)\)`)
	fenced = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
)

// What a page shows is what the tests run: each block in a language is part of
// the file that is linked last before it.
func TestPagesShowWhatIsRun(t *testing.T) {
	t.Parallel()
	for _, path := range pagesOfClients(t) {
		text := string(readFile(t, path))
		blocks := fenced.FindAllStringSubmatchIndex(text, -1)
		shown := 0
		for _, at := range blocks {
			language, block := text[at[2]:at[3]], text[at[4]:at[5]]
			if language == "" {
				continue // a command
			}
			shown++
			links := linked.FindAllStringSubmatch(text[:at[0]], -1)
			if len(links) == 0 {
				t.Errorf("%s: a block of %s that says not which file it is of", path, language)
				continue
			}
			file := filepath.Join(filepath.Dir(path), links[len(links)-1][1])
			if !strings.Contains(unindented(string(readFile(t, file))), unindented(block)) {
				t.Errorf("%s: this is not in %s:\n%s", path, file, block)
			}
		}
		if shown == 0 {
			t.Errorf("%s shows nothing of what is run", path)
		}
	}
}

// unindented leaves the indentation out: an excerpt begins at the margin.
func unindented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// Each page is in the index, which says of a library of the lock files the version that was run.
func TestTheIndexNamesEachPageAndItsVersion(t *testing.T) {
	t.Parallel()
	index := string(readFile(t, filepath.Join(pages, "README.md")))
	versions := lockedVersions(t)
	rows := regexp.MustCompile(`(?m)^\| \[([^\]]+)\]\(([^)]+)\) \| ([^ |]+) \| ([^|]+)`).FindAllStringSubmatch(index, -1)
	listed := map[string]bool{}
	for _, row := range rows {
		listed[row[2]] = true
		if want := versions[row[1]]; want != row[3] && !strings.Contains(row[4], "Debian") { // which says itself what it has
			t.Errorf("the index says %s %s; it is %q that is run", row[1], row[3], want)
		}
	}
	for _, path := range pagesOfClients(t) {
		if !listed[filepath.Base(path)] {
			t.Errorf("the index lacks %s", path)
		}
	}
}

// lockedVersions are those that go.mod, package.json, requirements.in and so on ask for.
func lockedVersions(t *testing.T) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for file, pattern := range map[string]string{
		"../../go.mod":           `(?m)^\t(\S+) v(\S+)`,
		"node/package.json":      `(?m)^    "([^"]+)": "([0-9][^"]+)"`,
		"python/requirements.in": `(?m)^([^=\[\n]+)(?:\[.*\])?==(.+)$`,
		"rust/Cargo.toml":        `(?m)^(\w+) = \{ version = "=([^"]+)"`,
		"spring/pom.xml":         `(?s)<artifactId>spring-boot-starter-(parent)</artifactId>\s*<version>([^<]+)<`,
		"oauth2-proxy/module":    `(?m)^github.com/(oauth2-proxy)/.*@v(.+)$`,
	} {
		for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(readFile(t, file)), -1) {
			versions[found[1]] = found[2]
		}
	}
	versions["spring-boot-starter-oauth2-client"] = versions["parent"] // which sets those of all its starters
	return versions
}

func pagesOfClients(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(pages)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		if entry.Name() != "README.md" {
			found = append(found, filepath.Join(pages, entry.Name()))
		}
	}
	return found
}
