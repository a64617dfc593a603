package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"postern/config"
)

// grammar is a program with two commands that take settings.
type grammar struct {
	config.Instance `embed:""`
	Serve           struct{ config.Serve } `cmd:""`
	Other           struct {
		Listen string
	} `cmd:""`
}

// parsed runs the command line over a file with the text; @ stands for its path.
func parsed(t *testing.T, text string, mode os.FileMode, args ...string) (grammar, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postern.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	var g grammar
	parser, err := kong.New(&g, kong.DefaultEnvars(config.Prefix), kong.ExplicitGroups(config.Groups()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append(args, "--config", path))
	if err != nil {
		err = redacted{strings.ReplaceAll(err.Error(), path, "@")}
	}
	return g, err
}

type redacted struct{ text string }

func (r redacted) Error() string { return r.text }

const whole = `
public-url = "https://login.example.com"
smtp = "smtps://smtp.example.com"
mail-from = "no-reply@example.com"
listen = "127.0.0.1:9000"
trusted-proxy = ["10.0.0.0/8", "192.0.2.1/32"]
log-level = "warn"
`

func TestAFileSetsWhatFlagsSet(t *testing.T) {
	g, err := parsed(t, whole, 0o644, "serve")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{g.Serve.PublicURL, g.Serve.SMTP, g.Serve.MailFrom, g.Serve.Listen, g.LogLevel}
	want := []string{"https://login.example.com", "smtps://smtp.example.com", "no-reply@example.com", "127.0.0.1:9000", "warn"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(g.Serve.Proxies) != 2 || g.Serve.Proxies[1].String() != "192.0.2.1/32" {
		t.Errorf("trusted proxies %v", g.Serve.Proxies)
	}
}

func TestFlagsCountMoreThanTheEnvironmentAndThatMoreThanTheFile(t *testing.T) {
	t.Setenv("POSTERN_LISTEN", "127.0.0.1:9001")
	t.Setenv("POSTERN_LOG_LEVEL", "error")
	g, err := parsed(t, whole, 0o644, "serve", "--log-level", "debug")
	if err != nil {
		t.Fatal(err)
	}
	if g.Serve.Listen != "127.0.0.1:9001" || g.LogLevel != "debug" {
		t.Errorf("listen %s, log level %s", g.Serve.Listen, g.LogLevel)
	}
}

func TestTheEnvironmentNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postern.toml")
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("POSTERN_CONFIG", path)
	var g grammar
	parser, err := kong.New(&g, kong.DefaultEnvars(config.Prefix), kong.ExplicitGroups(config.Groups()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"serve"}); err != nil || g.Serve.Listen != "127.0.0.1:9000" {
		t.Errorf("listen %q, %v", g.Serve.Listen, err)
	}
}

// A flag of another command may have a setting's name and be something else.
func TestOtherCommandsTakeOnlyWhatIsTheInstances(t *testing.T) {
	g, err := parsed(t, whole, 0o644, "other")
	if err != nil || g.LogLevel != "warn" || g.Other.Listen != "" {
		t.Errorf("log level %q, the other's listen %q, %v", g.LogLevel, g.Other.Listen, err)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		mode             os.FileMode
	}{
		{"an unknown key", "# a\n\nlisten = \"x\"\nlisen = \"y\"\n", "@:4: there is no setting \"lisen\"; `postern config example` lists them", 0o644},
		{"a section", "listen = \"x\"\n[serve]\nlisten = \"y\"\n", "@:2: there is no setting \"serve\"", 0o644},
		{"the flag that names the file", "config = \"x\"\n", "@:1: there is no setting \"config\"", 0o644},
		{"another command's flag", "\n\ntenant = \"x\"\n", "@:3: there is no setting \"tenant\"", 0o644},
		{"no TOML", "listen = \"x\"\nlog-level warn\n", "@:2: ", 0o644},
		{"a key twice", "listen = \"x\"\nlisten = \"y\"\n", "@:", 0o644},
		{"a number for a text", "\nlisten = 80\n", "@:2: listen: write listen = \"…\"", 0o644},
		{"a text for a list", "trusted-proxy = \"10.0.0.0/8\"\n", "@:1: trusted-proxy: write trusted-proxy = [\"…\", \"…\"]", 0o644},
		{"a list of numbers", "trusted-proxy = [10]\n", "@:1: trusted-proxy: write trusted-proxy = [\"…\", \"…\"]", 0o644},
		{"a value that the flag refuses", "\n\ntrusted-proxy = [\"10.0.0.0\"]\n", "@:3: trusted-proxy: ", 0o644},
		{"a password in the second URL that everybody may read", "listen = \"x\"\nsmtp = \"smtp://mail.example smtp://u:p@mail.example\"\n", "@:2: smtp holds a password, and everybody may read the file: chmod 640 it", 0o644},
		{"a password that everybody may read", "listen = \"x\"\nsmtp = \"smtp://u:p@mail.example\"\n", "@:2: smtp holds a password, and everybody may read the file: chmod 640 it", 0o644},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parsed(t, c.text, c.mode, "serve", "--public-url", "https://a.example", "--smtp", "smtp://a.example", "--mail-from", "a@b.example")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "u:p") {
				t.Errorf("the password is in the message: %v", err)
			}
		})
	}
	if _, err := parsed(t, whole+"database = \"postgres://u:p@db.example/x\"\n", 0o640, "serve"); err != nil {
		t.Errorf("a password in a file of mode 640: %v", err)
	}
	var g grammar
	parser, err := kong.New(&g, kong.DefaultEnvars(config.Prefix), kong.ExplicitGroups(config.Groups()))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"gone.toml", t.TempDir()} {
		if _, err := parser.Parse([]string{"serve", "--config", path}); err == nil || !strings.Contains(err.Error(), "--config") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What the example shows is all there is, and each line of it is good as it
// stands, also those that are commented out.
func TestTheExampleIsAGoodFile(t *testing.T) {
	example := config.Example()
	if _, err := parsed(t, example, 0o640, "serve"); err != nil {
		t.Errorf("as printed: %v", err)
	}
	all := regexp.MustCompile(`(?m)^# ([a-z-]+ = )`).ReplaceAllString(example, "$1")
	g, err := parsed(t, all, 0o640, "serve")
	if err != nil {
		t.Fatalf("with everything set: %v\n%s", err, all)
	}
	for _, s := range config.Settings() {
		if n := strings.Count("\n"+all, "\n"+s.Name+" = "); s.InFile && n != 1 {
			t.Errorf("%s is in the example %d times", s.Name, n)
		}
	}
	if g.Database == "" || g.Serve.Listen == "" || len(g.Serve.Proxies) == 0 {
		t.Errorf("not everything was set: %+v", g)
	}
}
