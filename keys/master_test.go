package keys_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/idp"
	"postern/keys"
)

func TestMasterKeyIsReadInEveryUsualForm(t *testing.T) {
	want := keys.NewBox(mustParse(t, strings.Repeat("fb", 32))).MAC("t", "p")
	for _, text := range []string{
		strings.Repeat("FB", 32),
		"+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=",
		"-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",
		"\n+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=\n",
	} {
		if keys.NewBox(mustParse(t, text)).MAC("t", "p") != want {
			t.Errorf("%q is another key", text)
		}
	}
	for _, text := range []string{"", "short", strings.Repeat("fb", 31), strings.Repeat("fb", 33), strings.Repeat("A", 42)} {
		if _, err := keys.ParseMaster(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func mustParse(t *testing.T, text string) keys.Master {
	t.Helper()
	master, err := keys.ParseMaster(text)
	if err != nil {
		t.Fatal(err)
	}
	return master
}

func TestMasterKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := keys.LoadMaster(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("missing file: %v", err)
	}
	made, err := keys.CreateMaster(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.CreateMaster(path); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("created twice: %v", err)
	}
	loaded, err := keys.LoadMaster(path)
	if err != nil || keys.NewBox(loaded).MAC("t", "p") != keys.NewBox(made).MAC("t", "p") {
		t.Errorf("another key was loaded: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".master-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := keys.LoadMaster(path); err == nil {
			t.Errorf("mode %o was taken", mode)
		}
	}
}

func TestRacingProcessesAgreeOnOneMasterKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	var group sync.WaitGroup
	macs := make([][32]byte, 20)
	for i := range macs {
		group.Go(func() {
			master, err := keys.LoadOrCreateMaster(path)
			if err != nil {
				t.Error(err)
			}
			macs[i] = keys.NewBox(master).MAC("t", "p")
		})
	}
	group.Wait()
	for _, mac := range macs {
		if mac != macs[0] {
			t.Fatal("two keys were made")
		}
	}
}

func TestMasterKeyDoesNotPrint(t *testing.T) {
	master := mustParse(t, strings.Repeat("fb", 32))
	for _, text := range []string{fmt.Sprint(master), fmt.Sprintf("%v %+v %#v %s", master, master, master, master)} {
		if strings.Contains(text, "251") || strings.Contains(text, "fb") {
			t.Errorf("printed %q", text)
		}
	}
}

// systemd hands a service its credentials with a mode of 0440.
func TestAKeyThatSystemdLendsMayShowAGroup(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	if _, err := keys.CreateMaster(path); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for mode, good := range map[os.FileMode]bool{0o400: true, 0o440: true, 0o460: false, 0o444: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := keys.LoadMaster(path); (err == nil) != good {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir())
	if err := os.Chmod(path, 0o440); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.LoadMaster(path); err == nil {
		t.Error("mode 440 elsewhere is taken")
	}
}
