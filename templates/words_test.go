package templates_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/templates"
)

func catalogue(t *testing.T, locale string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("locales", locale+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var words map[string]string
	if err := json.Unmarshal(b, &words); err != nil {
		t.Fatal(err)
	}
	return words
}

// A key that is there twice would silently lose one of its texts.
func TestNoKeyIsThereTwice(t *testing.T) {
	keys := regexp.MustCompile(`(?m)^  "([^"]+)":`)
	for _, locale := range newSet(t).Locales() {
		b, err := os.ReadFile(filepath.Join("locales", locale+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(keys.FindAll(b, -1)), len(catalogue(t, locale)); got != want {
			t.Errorf("%s: %d lines with a key for %d keys", locale, got, want)
		}
	}
}

var argument = regexp.MustCompile(`\{[^}]*\}`)

// forms are those that a language's plurals take; all others have one and other.
var forms = map[string][]string{"ja": {"other"}, "pl": {"one", "few", "many"}}

// plurals are the keys that come in forms.
var plurals = []string{"minutes", "seconds", "waiting.left"}

// englishFor gives the English words by the keys that a locale has to have.
func englishFor(t *testing.T, locale string) map[string]string {
	t.Helper()
	english := catalogue(t, "en")
	for _, key := range plurals {
		words := english[key+".other"]
		delete(english, key+".one")
		delete(english, key+".other")
		own := forms[locale]
		if own == nil {
			own = []string{"one", "other"}
		}
		for _, form := range own {
			english[key+"."+form] = words
		}
	}
	return english
}

func TestEveryLocaleHasTheSameKeysAndArguments(t *testing.T) {
	for _, locale := range newSet(t).Locales() {
		words, english := catalogue(t, locale), englishFor(t, locale)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(english)), slices.Sorted(maps.Keys(words))); diff != "" {
			t.Errorf("keys (-en +%s):\n%s", locale, diff)
		}
		for key, text := range words {
			got, want := argument.FindAllString(text, -1), argument.FindAllString(english[key], -1)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(slices.Compact(got), slices.Compact(want)) {
				t.Errorf("%s: %s has arguments %v, want %v", locale, key, got, want)
			}
			if strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s: %s is empty or begins or ends with a space", locale, key)
			}
		}
	}
}

// alike are words that a language shares with English.
var alike = map[string][]string{
	"de": {"elsewhere.app", "elsewhere.browser", "page.dir"},
	"fr": {"page.dir", "minutes.one", "minutes.other"},
	"es": {"page.dir"},
	"it": {"page.dir", "page.privacy", "elsewhere.app", "elsewhere.browser"},
	"ja": {"page.dir"},
	"nl": {"page.dir", "page.privacy", "elsewhere.app", "elsewhere.browser"},
	"pl": {"page.dir"},
	"pt": {"page.dir"},
	"sv": {"page.dir", "elsewhere.app"},
}

// english are words that no other of our languages has.
var english = regexp.MustCompile(`(?i)\b(the|you|your|and|this|with|please|have|been|sign(ed)?[ -]in|sign[ -]out)\b`)

func TestNoEnglishIsLeftInOtherLanguages(t *testing.T) {
	for _, locale := range newSet(t).Locales()[1:] {
		words, wanted := catalogue(t, locale), englishFor(t, locale)
		for key, text := range words {
			if text == wanted[key] && !slices.Contains(alike[locale], key) {
				t.Errorf("%s: %s is %q, as in English", locale, key, text)
			}
			if found := english.FindString(text); found != "" {
				t.Errorf("%s: %s says %q: %s", locale, key, found, text)
			}
		}
	}
}

func TestNumbersTakeTheFormThatTheirLanguageHas(t *testing.T) {
	set := newSet(t)
	for locale, want := range map[string][4]string{
		"en": {"1 minute", "2 minutes", "5 minutes", "22 minutes"},
		"fr": {"1 minute", "2 minutes", "5 minutes", "22 minutes"},
		"pl": {"1 minutę", "2 minuty", "5 minut", "22 minuty"},
		"ja": {"1分", "2分", "5分", "22分"},
	} {
		for i, n := range []time.Duration{1, 2, 5, 22} {
			if got := text(page(t, set, locale, templates.Fault{Key: "too_many", RetryIn: n * time.Minute})); !strings.Contains(got, want[i]) {
				t.Errorf("%s: %d minutes are not %q: %s", locale, n, want[i], got)
			}
		}
	}
}

// used finds the keys that templates and code name; families are those whose
// last parts are chosen by the caller.
var (
	used     = regexp.MustCompile(`\b(t|parts|say|plural)[ (]"([a-z._]+)"`)
	families = []string{"fault.", "over.", "scope.", "login.title", "login.lead", "login.create.", "login.select.", "login.problem.", "waiting.problem.", "account.problem.", "device.problem."}
)

func TestEveryMessageIsUsedAndEveryUsedMessageIsThere(t *testing.T) {
	named := map[string]bool{}
	for _, pattern := range []string{"pages/*.html", "mails/*", "*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range used.FindAllStringSubmatch(string(b), -1) {
				if found[1] == "plural" {
					named[found[2]+".one"], named[found[2]+".other"] = true, true
				} else {
					named[found[2]] = true
				}
			}
		}
	}
	words := catalogue(t, "en")
	for key := range named {
		if _, ok := words[key]; !ok {
			t.Errorf("%s is used and not there", key)
		}
	}
	for key := range words {
		family := slices.ContainsFunc(families, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
		if !named[key] && !family {
			t.Errorf("%s is there and not used", key)
		}
	}
}

func TestEveryFaultHasWordsOfItsOwn(t *testing.T) {
	keys := []string{
		"bad_request", "bad_client", "bad_redirect", "forbidden", "no_cookie", "expired_request", "too_many", "unavailable",
		"too_large", "method", "not_found", "not_allowed", "address_taken", "signed_in", "unknown_tenant", "unknown_host", "internal",
	}
	set := newSet(t)
	for _, locale := range set.Locales() {
		seen := map[string]string{}
		for _, key := range keys {
			title := text(all(page(t, set, locale, templates.Fault{Key: key}), "h1")[0])
			if other, ok := seen[title]; ok {
				t.Errorf("%s: %s and %s share the title %q", locale, key, other, title)
			}
			seen[title] = key
		}
	}
	for key := range catalogue(t, "en") {
		if parts := strings.Split(key, "."); parts[0] == "fault" && len(parts) == 3 && !slices.Contains(keys, parts[1]) {
			t.Errorf("%s: no such fault", key)
		}
	}
}

func TestUnknownKeysHaveGeneralWords(t *testing.T) {
	set := newSet(t)
	for _, test := range []struct {
		body templates.Body
		want string
	}{
		{templates.Fault{Key: "of_tomorrow"}, "Something went wrong on our side"},
		{templates.Fault{}, "Something went wrong on our side"},
		{templates.Over{What: "of_tomorrow"}, "We do not know this link"},
		{templates.Login{Asks: "of_tomorrow"}, "Enter your email address. If it can sign in here"},
		{templates.Login{Problem: "of_tomorrow"}, "That did not work. Please check the address"},
		{templates.Login{Problem: "fault.internal.text"}, "That did not work. Please check the address"},
		{templates.Waiting{Problem: "of_tomorrow", SelfURL: "/"}, "That did not work. Please try once more."},
		{templates.Consent{Scopes: []string{"other"}}, "use “other”"},
	} {
		if got := text(page(t, set, "en", test.body)); !strings.Contains(got, test.want) {
			t.Errorf("%#v: does not say %q", test.body, test.want)
		}
	}
}

func TestWaitsAreToldInMinutesRoundedUp(t *testing.T) {
	set := newSet(t)
	for wait, want := range map[time.Duration]string{
		time.Millisecond: "in 1 second.", 5 * time.Second: "in 5 seconds.", 59 * time.Second: "in 59 seconds.",
		time.Minute: "in 1 minute.", 61 * time.Second: "in 2 minutes.", 24 * time.Hour: "in 1440 minutes.",
	} {
		if got := text(page(t, set, "en", templates.Fault{Key: "too_many", RetryIn: wait})); !strings.Contains(got, "try again "+want) {
			t.Errorf("%v: page does not say %q: %s", wait, want, got)
		}
	}
}

func TestGermanSaysSie(t *testing.T) {
	familiar := regexp.MustCompile(`(?i)\b(du|dir|dich|dein\w*)\b`)
	for key, words := range catalogue(t, "de") {
		if found := familiar.FindString(words); found != "" {
			t.Errorf("%s says %q", key, found)
		}
	}
}
