package clients_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// clone is what somebody has who reads an example's README: the program, and
// the examples, but at addresses that are free here.
type clone struct {
	t         *testing.T
	dir       string
	addresses *strings.Replacer
	api, app  string // origins
}

// newClone copies examples, with the packages that their lock files name.
func newClone(t *testing.T, names ...string) *clone {
	t.Helper()
	c := &clone{t: t, dir: t.TempDir(), api: freeOrigin(t), app: freeOrigin(t)}
	api, app := strings.TrimPrefix(c.api, "http://"), strings.TrimPrefix(c.app, "http://")
	c.addresses = strings.NewReplacer("127.0.0.1:8080", shared.Listen, "127.0.0.1:8081", api, "127.0.0.1:3000", app, "127.0.0.1:3001", app)
	for _, file := range []string{"go.mod", "go.sum"} {
		copyFile(t, filepath.Join("../..", file), c.dir)
	}
	if err := os.Symlink(binary, filepath.Join(c.dir, "postern")); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		c.copy(name)
	}
	return c
}

func (c *clone) copy(name string) {
	c.t.Helper()
	from, to := filepath.Join("../../examples", name), filepath.Join(c.dir, "examples", name)
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Name() == "node_modules":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, strings.TrimPrefix(path, from)), 0o755)
		}
		text := c.addresses.Replace(string(readFile(c.t, path)))
		return os.WriteFile(filepath.Join(to, strings.TrimPrefix(path, from)), []byte(text), 0o644)
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(from, "package.json")); err != nil {
		return
	}
	if err := os.Symlink(harness.NodeModules(c.t, from), filepath.Join(to, "node_modules")); err != nil {
		c.t.Fatal(err)
	}
}

var commands = regexp.MustCompile("(?s)```sh\n(.*?)```")

// readme gives the commands of an example's README, block by block.
func (c *clone) readme(name string) (blocks []string) {
	c.t.Helper()
	text := readFile(c.t, filepath.Join(c.dir, "examples", name, "README.md"))
	for _, block := range commands.FindAllStringSubmatch(string(text), -1) {
		// NodeModules has done so already, and keeps the packages for the next time.
		blocks = append(blocks, strings.Replace(block[1], "npm ci\n", "", 1))
	}
	if len(blocks) == 0 {
		c.t.Fatalf("the README of %s has no commands", name)
	}
	return blocks
}

// terminal is a shell in the clone, whose commands find the server that runs.
func (c *clone) terminal() *program {
	c.t.Helper()
	shell := startWith(c.t, c.dir, []string{"POSTERN_DATA=" + shared.Data, "XDG_CONFIG_HOME=" + filepath.Join(c.dir, "config")}, "bash")
	shell.say("set -euo pipefail")
	return shell
}

// run has a terminal run an example's first commands, which start it.
func (c *clone) run(name string) {
	c.t.Helper()
	shell := c.terminal()
	shell.say(c.readme(name)[0])
	if name != "api" {
		shell.listensAt(c.app)
		return
	}
	shell.listensAt(c.api)
	tokenFor(c.t, newClient(c.t, "--grant", "client_credentials"), c.api, nil) // the provider knows of it
}

// look writes pictures of the page that a tab is at to e2e/shots, and fails
// where it is wider than its window.
func look(t *testing.T, tab *harness.Tab, name string) {
	t.Helper()
	if err := os.MkdirAll("../shots", 0o755); err != nil {
		t.Fatal(err)
	}
	for size, width := range map[string]int64{"phone": 390, "desktop": 1280} {
		for _, scheme := range []string{"dark", "light"} {
			tab.Size(width, 844).Colours(scheme)
			if err := os.WriteFile("../shots/example-"+name+"-"+size+"-"+scheme+".png", tab.Shot(), 0o644); err != nil {
				t.Fatal(err)
			}
			if over := tab.Overflow(); over > 0 {
				t.Errorf("%s on a %s is %d px too wide", name, size, over)
			}
		}
	}
}
