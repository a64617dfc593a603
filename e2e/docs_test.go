package e2e_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README's transcript is what its script prints.
func TestLoginByHandEndsInAnIDToken(t *testing.T) {
	t.Parallel()
	var made struct {
		ID string `json:"client_id"`
	}
	out := shared.Run(t, "client", "create", "--tenant", "demo", "--name", "Shell", "--public", "--finish", "link",
		"--redirect-uri", "http://127.0.0.1:3000/callback")
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	address := newAddress()
	script := exec.Command("../examples/by-hand.sh", shared.URL+"/t/demo", address)
	script.Env = append(os.Environ(), "CLIENT_ID="+made.ID)
	printed, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	_, last, _ := strings.Cut(string(printed), "who it is.\n")
	if err := json.Unmarshal([]byte(last), &claims); err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	if claims.Issuer != shared.URL+"/t/demo" || claims.Email != address || !claims.Verified {
		t.Errorf("%+v", claims)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(printed)) {
		if step := strings.TrimSpace(line); regexp.MustCompile(`^\d\. `).MatchString(step) && !strings.Contains(string(readme), step) {
			t.Errorf("the README's transcript lacks %q", step)
		}
	}
}

var (
	links    = regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
	testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]+)`")
)

// Every relative link in the documents leads somewhere, and every test that they name is there.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	tests := testsOfTheProject(t)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "node_modules" { // of who tries the examples out
			return fs.SkipDir
		}
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, link := range links.FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join(filepath.Dir(path), link[1])
			if _, err := os.Stat(target); err != nil && !strings.Contains(link[1], "://") {
				t.Errorf("%s links to %s, which is not there", path, link[1])
			}
		}
		for _, name := range testName.FindAllStringSubmatch(string(text), -1) {
			if !tests[name[1]] {
				t.Errorf("%s names %s, which is not there", path, name[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every file and folder that ARCHITECTURE.md sends a reader to is there.
func TestTheArchitectureNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range regexp.MustCompile("`([a-z0-9]+/[A-Za-z0-9_*/.-]*)`").FindAllStringSubmatch(string(text), -1) {
		found++
		if there, err := filepath.Glob(filepath.Join("..", name[1])); err != nil || len(there) == 0 {
			t.Errorf("ARCHITECTURE.md names %s, which is not there", name[1])
		}
	}
	if found < 50 {
		t.Errorf("%d names were looked at", found)
	}
}

func testsOfTheProject(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range declared.FindAllStringSubmatch(string(text), -1) {
			found[name[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Each mutation is in the table of docs/security.md, with what became of it.
func TestEveryMutationIsInTheTable(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	patches, err := filepath.Glob("mutations/*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatalf("no patches: %v", err)
	}
	for _, patch := range patches {
		_, name, _ := strings.Cut(strings.TrimSuffix(filepath.Base(patch), ".patch"), "-")
		if !strings.Contains(string(table), "`"+name+"` caught") {
			t.Errorf("docs/security.md does not say that %s is caught", patch)
		}
	}
}

// Each fuzz target begins with inputs that are kept beside it.
func TestEveryFuzzTargetKeepsACorpus(t *testing.T) {
	t.Parallel()
	targets := 0
	for name := range testsOfTheProject(t) {
		if !strings.HasPrefix(name, "Fuzz") {
			continue
		}
		targets++
		if kept, err := filepath.Glob("../*/testdata/fuzz/" + name + "/*"); err != nil || len(kept) == 0 {
			t.Errorf("%s has no corpus in testdata/fuzz: %v", name, err)
		}
	}
	if targets == 0 {
		t.Error("there is no fuzz target")
	}
}
