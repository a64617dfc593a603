package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"postern": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}})
}

// Each script is one command's story, wrong uses included. Some hundred
// processes run in them one after the other, so it is the binary as it is built:
// the race detector would make each several times as slow, and find nothing there.
func TestCommands(t *testing.T) {
	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	runScripts(t, "testdata/script", func(env *testscript.Env) {
		env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
	})
}

// What serves does many things at once: under go test -race, with its detector.
func TestServers(t *testing.T) {
	runScripts(t, "testdata/serve", func(*testscript.Env) {})
}

func runScripts(t *testing.T, dir string, setUp func(*testscript.Env)) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"json":       jsonHas,
			"dnsserver":  dnsServer,
			"mailserver": mailServer,
			"taken":      taken,
		},
		Setup: func(env *testscript.Env) error {
			setUp(env)
			var picture bytes.Buffer
			if err := png.Encode(&picture, image.NewNRGBA(image.Rect(0, 0, 64, 32))); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(env.WorkDir, "logo.png"), picture.Bytes(), 0o600)
		},
	})
}

// exits CODE COMMAND…: the command ends with just that code and says it in one line.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("%v: exit code %s, want %s", args[1:], code, args[0])
	}
	if complaint := ts.ReadFile("stderr"); code != "0" && strings.Count(complaint, "\n") != 1 {
		ts.Fatalf("%v: not one line: %q", args[1:], complaint)
	}
}

// taken NAME: the environment variable is a port of loopback that somebody listens on.
func taken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: taken NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[0], port)
}

// json KEY…: stdout is one JSON value; if it is an object, it has just these keys.
func jsonHas(ts *testscript.TestScript, neg bool, args []string) {
	var got any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &got); err != nil || neg {
		ts.Fatalf("stdout is not JSON alone: %v", err)
	}
	object, ok := got.(map[string]any)
	if !ok {
		return
	}
	want := map[string]bool{}
	for _, key := range args {
		want[key] = true
	}
	have := map[string]bool{}
	for key := range object {
		have[key] = true
	}
	if !reflect.DeepEqual(want, have) {
		ts.Fatalf("keys are %v, want %v", have, want)
	}
}
