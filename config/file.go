package config

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"
)

// FilePath names a settings file, whose values count where neither a flag nor
// the environment says otherwise.
type FilePath string

// BeforeResolve reads the file. kong calls it with the flag that names it, which
// may have come from the environment.
func (p FilePath) BeforeResolve(ctx *kong.Context, at *kong.Path) error {
	if given, ok := ctx.FlagValue(at.Flag).(FilePath); ok && given != "" {
		p = given
	}
	if p == "" {
		return nil
	}
	file, err := readFile(string(p))
	if err != nil {
		return err
	}
	ctx.AddResolver(file)
	return nil
}

// file is a settings file that was read: TOML, each key at its top.
type file struct {
	path   string
	values map[string]any
	lines  map[string]int
}

// maxFile is longer than any file of settings.
const maxFile = 1 << 20

func readFile(path string) (file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return file{}, fmt.Errorf("--config: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return file{}, fmt.Errorf("--config %s: not a file of settings; `postern config example` prints one", path)
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return file{}, fmt.Errorf("--config: %w", err)
	}
	f, err := parse(path, raw)
	if err != nil {
		return file{}, err
	}
	if key := f.password(); key != "" && info.Mode().Perm()&0o004 != 0 {
		return file{}, fmt.Errorf("%s:%d: %s holds a password, and everybody may read the file: chmod 640 it", path, f.lines[key], key)
	}
	return f, nil
}

// parse refuses what is not TOML and keys that are no settings, by line.
func parse(path string, raw []byte) (file, error) {
	f := file{path: path, values: map[string]any{}, lines: linesOf(raw)}
	if err := toml.Unmarshal(raw, &f.values); err != nil {
		line := 1
		var wrong *toml.DecodeError
		if errors.As(err, &wrong) {
			line, _ = wrong.Position()
		}
		return f, fmt.Errorf("%s:%d: %s; a setting is written as key = \"value\"", path, line, strings.TrimPrefix(err.Error(), "toml: "))
	}
	known := map[string]bool{}
	for _, s := range Settings() {
		known[s.Name] = s.InFile
	}
	unknown := []string{}
	for key := range f.values {
		if !known[key] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return f, nil
	}
	slices.SortFunc(unknown, func(a, b string) int { return f.lines[a] - f.lines[b] })
	return f, fmt.Errorf("%s:%d: there is no setting %q; `postern config example` lists them", path, f.lines[unknown[0]], unknown[0])
}

// linesOf tells the line of each key: what a strict reader that expects nothing
// finds too much.
func linesOf(raw []byte) map[string]int {
	reader := toml.NewDecoder(bytes.NewReader(raw))
	reader.DisallowUnknownFields()
	lines := map[string]int{}
	var tooMuch *toml.StrictMissingError
	if !errors.As(reader.Decode(&struct{}{}), &tooMuch) {
		return lines
	}
	for _, e := range tooMuch.Errors {
		if key := e.Key(); len(key) > 0 && lines[key[0]] == 0 {
			lines[key[0]], _ = e.Position()
		}
	}
	return lines
}

// password names a setting with a URL in it that holds a password; empty if none does.
func (f file) password() string {
	for key, value := range f.values {
		text, _ := value.(string)
		for one := range strings.FieldsSeq(text) {
			u, err := url.Parse(one)
			if err != nil {
				continue
			}
			if _, has := u.User.Password(); has {
				return key
			}
		}
	}
	return ""
}

// Validate implements kong.Resolver; unknown keys were refused before.
func (file) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver: the file's value for a flag that neither the
// command line nor the environment has set. A file is for `serve`; other commands
// take from it what is the whole instance's, and what they name alike.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := f.values[flag.Name]
	if !ok || !isSetting(flag) {
		return nil, nil //nolint:nilnil // kong's way to say that it is not set
	}
	for _, variable := range flag.Envs {
		if _, set := os.LookupEnv(variable); set {
			return nil, nil //nolint:nilnil // as above
		}
	}
	if err := check(flag, value); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", f.path, f.lines[flag.Name], err)
	}
	return value, nil
}

// isSetting tells a setting from another command's flag of the same name: it is
// in one of the settings' groups.
func isSetting(flag *kong.Flag) bool { return flag.Group != nil }
