package e2e_test

import (
	"regexp"
	"strings"
	"testing"
)

var relayForm = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`)

func TestRelayCodeSignsInTheFirstBrowserAndOnlyTheFirst(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(string) string{
		"as shown":           func(s string) string { return s },
		"in lower case":      strings.ToLower,
		"without its hyphen": func(s string) string { return strings.ReplaceAll(s, "-", "") },
		"with spaces around": func(s string) string { return "  " + s + " " },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, shared)
			l := begin(t, c, newBrowser(t), newAddress())
			link, stranger := l.mail().Link, newBrowser(t)
			code := stranger.Get(link).Text("relay-code")
			if !relayForm.MatchString(code) {
				t.Fatalf("relay code %q", code)
			}
			l.finish(l.enter(alter(code)))
			silent := stranger.Get(c.request("prompt", "none").url)
			if got := silent.URL.Query().Get("error"); got != "login_required" {
				t.Errorf("the second browser is answered %q", silent.URL.Redacted())
			}
		})
	}
}

func TestPastedLinkSignsInTheFirstBrowser(t *testing.T) {
	t.Parallel()
	l := begin(t, newClient(t, shared), newBrowser(t), newAddress())
	l.finish(l.enter(l.mail().Link))
}

func TestFourWrongCodesLeaveTheFifthGood(t *testing.T) {
	t.Parallel()
	l := begin(t, newClient(t, shared), newBrowser(t), newAddress())
	code := relayCode(t, l.mail().Link)
	for range 4 {
		l.enter("0000-0000")
	}
	l.finish(l.enter(code))
}
