package templates_test

import (
	"iter"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// everyPage gives all pages in all languages, by name.
func everyPage(t *testing.T) iter.Seq2[string, *html.Node] {
	t.Helper()
	set := newSet(t)
	return func(yield func(string, *html.Node) bool) {
		for _, locale := range set.Locales() {
			for _, s := range samples() {
				if !yield(locale+"/"+s.name, page(t, set, locale, s.body)) {
					return
				}
			}
		}
	}
}

func TestPagesHaveOneMainOneHeadingAndALanguage(t *testing.T) {
	for name, root := range everyPage(t) {
		for _, kind := range []string{"h1", "main", "header", "footer", "title"} {
			if found := all(root, kind); len(found) != 1 || text(found[0]) == "" {
				t.Errorf("%s: %d <%s>, or an empty one", name, len(found), kind)
			}
		}
		top := all(root, "html")[0]
		if attr(top, "lang") == "" || attr(top, "dir") == "" {
			t.Errorf("%s: no language or direction", name)
		}
	}
}

func TestIdsAreUniqueAndReferencesLeadSomewhere(t *testing.T) {
	for name, root := range everyPage(t) {
		seen := map[string]bool{}
		for n := range root.Descendants() {
			if id := attr(n, "id"); id != "" {
				if seen[id] {
					t.Errorf("%s: id %q twice", name, id)
				}
				seen[id] = true
			}
		}
		for n := range root.Descendants() {
			for _, reference := range []string{"aria-describedby", "aria-labelledby", "for", "data-copy"} {
				for _, id := range strings.Fields(attr(n, reference)) {
					if !seen[id] {
						t.Errorf("%s: %s=%q leads nowhere", name, reference, id)
					}
				}
			}
		}
	}
}

func TestFieldsAreLabelledAndButtonsSaySomething(t *testing.T) {
	for name, root := range everyPage(t) {
		var labelled []string
		for _, label := range all(root, "label") {
			labelled = append(labelled, attr(label, "for"))
		}
		for _, input := range all(root, "input") {
			if attr(input, "type") != "hidden" && !slices.Contains(labelled, attr(input, "id")) {
				t.Errorf("%s: field %q has no label", name, attr(input, "name"))
			}
		}
		for _, kind := range []string{"button", "a", "label", "h2", "dt", "dd"} {
			for _, n := range all(root, kind) {
				if text(n) == "" {
					t.Errorf("%s: an empty <%s>", name, kind)
				}
			}
		}
	}
}

// The policy forbids what is inline; and what it forbids must not be there to be missed.
func TestNothingIsInlineAndNothingComesFromElsewhere(t *testing.T) {
	for name, root := range everyPage(t) {
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			switch {
			case n.Data == "iframe" && strings.HasSuffix(name, "signed_out_frames"):
				// The apps' own pages, which its policy names.
			case n.Data == "img" && strings.HasPrefix(attr(n, "src"), "/t/demo/auth/logo/"):
				// The app's picture, from our own origin.
			case n.Data == "style", n.Data == "img", n.Data == "iframe", n.Data == "base":
				t.Errorf("%s: a <%s>", name, n.Data)
			case n.Data == "script" && (!strings.HasPrefix(attr(n, "src"), "/t/demo/auth/assets/") || n.FirstChild != nil):
				t.Errorf("%s: a script that is inline or not ours", name)
			case n.Data == "link" && !strings.HasPrefix(attr(n, "href"), "/t/demo/auth/assets/"):
				t.Errorf("%s: a linked file that is not ours", name)
			case n.Data == "svg" && attr(n, "aria-hidden") != "true":
				t.Errorf("%s: a drawing that is read out", name)
			}
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s: <%s %s>", name, n.Data, a.Key)
				}
			}
		}
	}
}

func TestTimesAreUTCWithTheInstantBesideThem(t *testing.T) {
	set := newSet(t)
	times := all(page(t, set, "en", bodyOf(t, "verify_elsewhere")), "time")
	times = append(times, all(page(t, set, "de", bodyOf(t, "waiting")), "time")...)
	times = append(times, all(page(t, set, "en", bodyOf(t, "account")), "time")...)
	var got []string
	for _, n := range times {
		got = append(got, attr(n, "datetime")+" "+text(n))
	}
	want := []string{"2026-11-22T14:30:00Z 14:30 UTC", "2026-11-22T14:31:00Z 14:31 UTC", "2026-11-22T14:30:00Z 2026-11-22 14:30 UTC"}
	if !slices.Equal(got, want) {
		t.Errorf("times %q, want %q", got, want)
	}
}
