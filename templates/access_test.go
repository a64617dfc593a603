package templates_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// everyPage runs a check over all pages in all languages.
func everyPage(t *testing.T, check func(t *testing.T, root *html.Node)) {
	t.Helper()
	set := newSet(t)
	for _, locale := range set.Locales() {
		for _, s := range samples() {
			t.Run(locale+"/"+s.name, func(t *testing.T) { check(t, page(t, set, locale, s.body)) })
		}
	}
}

func TestPagesHaveOneMainOneHeadingAndALanguage(t *testing.T) {
	everyPage(t, func(t *testing.T, root *html.Node) {
		for _, kind := range []string{"h1", "main", "header", "footer", "title"} {
			if found := all(root, kind); len(found) != 1 || text(found[0]) == "" {
				t.Errorf("%d <%s>, or an empty one", len(found), kind)
			}
		}
		top := all(root, "html")[0]
		if attr(top, "lang") == "" || attr(top, "dir") == "" {
			t.Error("no language or direction")
		}
	})
}

func TestIdsAreUniqueAndReferencesLeadSomewhere(t *testing.T) {
	everyPage(t, func(t *testing.T, root *html.Node) {
		seen := map[string]bool{}
		for n := range root.Descendants() {
			if id := attr(n, "id"); id != "" {
				if seen[id] {
					t.Errorf("id %q twice", id)
				}
				seen[id] = true
			}
		}
		for n := range root.Descendants() {
			for _, name := range []string{"aria-describedby", "aria-labelledby", "for", "data-copy"} {
				for _, id := range strings.Fields(attr(n, name)) {
					if !seen[id] {
						t.Errorf("%s=%q leads nowhere", name, id)
					}
				}
			}
		}
	})
}

func TestFieldsAreLabelledAndButtonsSaySomething(t *testing.T) {
	everyPage(t, func(t *testing.T, root *html.Node) {
		var labelled []string
		for _, label := range all(root, "label") {
			labelled = append(labelled, attr(label, "for"))
		}
		for _, input := range all(root, "input") {
			if attr(input, "type") != "hidden" && !slices.Contains(labelled, attr(input, "id")) {
				t.Errorf("field %q has no label", attr(input, "name"))
			}
		}
		for _, kind := range []string{"button", "a", "label", "h2", "dt", "dd"} {
			for _, n := range all(root, kind) {
				if text(n) == "" {
					t.Errorf("an empty <%s>", kind)
				}
			}
		}
	})
}

// The policy forbids what is inline; and what it forbids must not be there to be missed.
func TestNothingIsInlineAndNothingComesFromElsewhere(t *testing.T) {
	everyPage(t, func(t *testing.T, root *html.Node) {
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			switch {
			case n.Data == "style", n.Data == "img", n.Data == "iframe", n.Data == "base":
				t.Errorf("a <%s>", n.Data)
			case n.Data == "script" && (!strings.HasPrefix(attr(n, "src"), "/t/demo/auth/assets/") || n.FirstChild != nil):
				t.Error("a script that is inline or not ours")
			case n.Data == "link" && !strings.HasPrefix(attr(n, "href"), "/t/demo/auth/assets/"):
				t.Error("a linked file that is not ours")
			case n.Data == "svg" && attr(n, "aria-hidden") != "true":
				t.Error("a drawing that is read out")
			}
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("<%s %s>", n.Data, a.Key)
				}
			}
		}
	})
}

func TestTimesAreUTCWithTheInstantBesideThem(t *testing.T) {
	set := newSet(t)
	times := all(page(t, set, "en", bodyOf(t, "verify_elsewhere")), "time")
	times = append(times, all(page(t, set, "de", bodyOf(t, "waiting")), "time")...)
	var got []string
	for _, n := range times {
		got = append(got, attr(n, "datetime")+" "+text(n))
	}
	want := []string{"2026-11-22T14:30:00Z 14:30 UTC", "2026-11-22T14:31:00Z 14:31 UTC"}
	if !slices.Equal(got, want) {
		t.Errorf("times %q, want %q", got, want)
	}
}
