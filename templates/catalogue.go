package templates

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// defaultLocale has the words that every other locale must have too.
const defaultLocale = "en"

// catalogue is one language's words.
type catalogue struct {
	locale   string
	tag      language.Tag
	messages map[string]message
}

// message is a text cut at its {named} arguments.
type message []segment

// segment is a piece of literal text, or the place of an argument.
type segment struct{ text, arg string }

// piece is a segment filled in, for the template to dress: arguments are set
// apart from the words around them, times become <time>.
type piece struct {
	Text string
	Name bool   // an argument, somebody's data
	ISO  string // set if it is a time
	Day  bool   // it is told with its day
}

// dated is a time that is told with its day.
type dated time.Time

var errMessage = errors.New("no such message")

// loadCatalogues reads all locales, the default first.
func loadCatalogues(files fs.FS) ([]catalogue, error) {
	names, err := fs.Glob(files, "locales/*.json")
	if err != nil {
		return nil, fmt.Errorf("templates: locales: %w", err)
	}
	catalogues := make([]catalogue, 0, len(names))
	for _, name := range names {
		c, err := loadCatalogue(files, name)
		if err != nil {
			return nil, err
		}
		catalogues = append(catalogues, c)
	}
	slices.SortFunc(catalogues, func(a, b catalogue) int {
		if (a.locale == defaultLocale) != (b.locale == defaultLocale) {
			if a.locale == defaultLocale {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.locale, b.locale)
	})
	for _, c := range catalogues[1:] {
		if err := c.complete(catalogues[0]); err != nil {
			return nil, err
		}
	}
	return catalogues, nil
}

func loadCatalogue(files fs.FS, name string) (catalogue, error) {
	b, err := fs.ReadFile(files, name)
	if err != nil {
		return catalogue{}, fmt.Errorf("templates: %w", err)
	}
	var flat map[string]string
	if err := json.Unmarshal(b, &flat); err != nil {
		return catalogue{}, fmt.Errorf("templates: %s: %w", name, err)
	}
	c := catalogue{
		locale:   strings.TrimSuffix(path.Base(name), ".json"),
		messages: make(map[string]message, len(flat)),
	}
	if c.tag, err = language.Parse(c.locale); err != nil {
		return catalogue{}, fmt.Errorf("templates: locale %q: %w", c.locale, err)
	}
	for key, text := range flat {
		m, err := parseMessage(text)
		if err != nil {
			return catalogue{}, fmt.Errorf("templates: %s: %s: %w", name, key, err)
		}
		c.messages[key] = m
	}
	return c, nil
}

// complete tells what is missing or left over, compared with the default's keys
// and arguments. Of a plural, each language has its own forms.
func (c catalogue) complete(want catalogue) error {
	base := map[string]message{}
	for key, m := range want.messages {
		if name, plural := strings.CutSuffix(key, ".other"); plural && want.has(name+".one") {
			for _, form := range pluralForms(c.tag) {
				base[name+"."+form] = m
			}
		} else if name, one := strings.CutSuffix(key, ".one"); !one || !want.has(name+".other") {
			base[key] = m
		}
	}
	keys := slices.Sorted(maps.Keys(base))
	if got := slices.Sorted(maps.Keys(c.messages)); !slices.Equal(got, keys) {
		return fmt.Errorf("templates: locale %s has other keys than %s: %q", c.locale, want.locale, difference(got, keys))
	}
	for _, key := range keys {
		if !slices.Equal(c.messages[key].args(), base[key].args()) {
			return fmt.Errorf("templates: locale %s: %s has other arguments than in %s", c.locale, key, want.locale)
		}
	}
	return nil
}

// difference gives what is in one list only.
func difference(a, b []string) []string {
	var only []string
	for _, lists := range [][2][]string{{a, b}, {b, a}} {
		for _, s := range lists[0] {
			if !slices.Contains(lists[1], s) {
				only = append(only, s)
			}
		}
	}
	return only
}

func parseMessage(text string) (message, error) {
	var m message
	for text != "" {
		literal, rest, found := strings.Cut(text, "{")
		if literal != "" {
			m = append(m, segment{text: literal})
		}
		if !found {
			break
		}
		arg, after, closed := strings.Cut(rest, "}")
		if !closed || arg == "" {
			return nil, errors.New("argument without an end or a name")
		}
		m = append(m, segment{arg: arg})
		text = after
	}
	if len(m) == 0 {
		return nil, errors.New("empty")
	}
	return m, nil
}

// args are the names of the message's arguments, sorted, each once.
func (m message) args() []string {
	var names []string
	for _, s := range m {
		if s.arg != "" {
			names = append(names, s.arg)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// has tells whether there is such a message.
func (c catalogue) has(key string) bool {
	_, ok := c.messages[key]
	return ok
}

// say gives a message as plain text; args are names and values in turn.
func (c catalogue) say(key string, args ...any) (string, error) {
	pieces, err := c.parts(key, args...)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.Text)
	}
	return b.String(), nil
}

// parts gives a message in pieces; args are names and values in turn.
func (c catalogue) parts(key string, args ...any) ([]piece, error) {
	m, ok := c.messages[key]
	if !ok {
		return nil, fmt.Errorf("%w: %s", errMessage, key)
	}
	pieces := make([]piece, 0, len(m))
	for _, s := range m {
		if s.arg == "" {
			pieces = append(pieces, piece{Text: s.text})
			continue
		}
		value, err := argument(s.arg, args)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		pieces = append(pieces, fill(value))
	}
	return pieces, nil
}

func argument(name string, args []any) (any, error) {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == name {
			return args[i+1], nil
		}
	}
	return nil, fmt.Errorf("%w: argument %s is not given", errMessage, name)
}

func fill(value any) piece {
	switch value := value.(type) {
	case time.Time:
		return piece{Text: clockUTC(value), ISO: isoUTC(value)}
	case dated:
		return piece{Text: dayUTC(time.Time(value)), ISO: isoUTC(time.Time(value)), Day: true}
	default:
		return piece{Text: fmt.Sprint(value), Name: true}
	}
}

// clockUTC is how times are shown; the script puts them into the person's zone.
func clockUTC(t time.Time) string { return t.UTC().Format("15:04 UTC") }

func dayUTC(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func isoUTC(t time.Time) string { return t.UTC().Format(time.RFC3339) }
