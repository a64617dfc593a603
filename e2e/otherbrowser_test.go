package e2e_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"postern/e2e/harness"
)

var relayForm = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`)

// What a mail scanner does to a link: everything.
func TestSecondBrowserChangesNothing(t *testing.T) {
	t.Parallel()
	l := begin(t, newClient(t, shared), newBrowser(t), newAddress())
	link := l.mail().Link

	stranger := newBrowser(t)
	for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodGet} {
		if _, err := stranger.Do(method, link, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	page := stranger.Get(link)
	for _, f := range page.Forms() {
		if f.PostsTo("/auth/verify") {
			t.Error("the page for another browser has a form that posts to /auth/verify")
		}
		stranger.Submit(page, f, nil, nil)
		for i := range f.Buttons {
			stranger.Submit(page, f, &f.Buttons[i], nil)
		}
	}
	token := harness.MustURL(t, link).Query().Get("token")
	for _, form := range []url.Values{{"token": {token}}, {}} {
		if p, err := stranger.Do(http.MethodPost, link, shared.URL, form); err != nil || p.Status < 400 {
			t.Errorf("POST of the bare token: %v, %v", p, err)
		}
	}
	l.stillWaits()
	l.finish(l.openLink(link))
}

func TestChromiumPressingEverythingInASecondBrowserChangesNothing(t *testing.T) {
	t.Parallel()
	l := begin(t, newClient(t, shared), newBrowser(t), newAddress())
	link := l.mail().Link
	tab := harness.NewChromium(t).NewTab().Open(link)
	pressEverything(t, tab, link)
	l.stillWaits()
	l.finish(l.openLink(link))
}

// pressEverything presses each control of a page, from a fresh load each time,
// then submits each form by script.
func pressEverything(t *testing.T, tab *harness.Tab, address string) {
	t.Helper()
	const controls = `document.querySelectorAll("a, button, input, summary, [role=button]")`
	for i := range tab.Count(controls) {
		tab.Open(address)
		tab.Script(controls + "[" + strconv.Itoa(i) + "].click()")
	}
	tab.Open(address)
	for i := range tab.Count("document.forms") {
		tab.Open(address)
		tab.Script("document.forms[" + strconv.Itoa(i) + "].submit()")
	}
}

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

func TestRelayCodeOfAnotherLoginIsRefused(t *testing.T) {
	t.Parallel()
	c := newClient(t, shared)
	mine, other := begin(t, c, newBrowser(t), newAddress()), begin(t, c, newBrowser(t), newAddress())
	p := mine.enter(relayCode(t, other.mail().Link))
	if strings.HasPrefix(p.URL.String(), callback) {
		t.Fatal("a code of another login was taken")
	}
	p = mine.enter(other.mail().Link)
	if strings.HasPrefix(p.URL.String(), callback) {
		t.Fatal("a link of another login was taken")
	}
	other.finish(other.openLink(other.mail().Link))
}

func TestFiveWrongCodesEndTheLogin(t *testing.T) {
	t.Parallel()
	l := begin(t, newClient(t, shared), newBrowser(t), newAddress())
	link := l.mail().Link
	code := relayCode(t, link)
	wrong := "0000-0000"
	if code == wrong {
		wrong = "0000-0001"
	}
	for i := range 5 {
		if p := l.enter(wrong); p.Status < 400 {
			t.Errorf("wrong code %d: status %d at %s", i+1, p.Status, p.URL.Redacted())
		}
	}
	for _, late := range []string{code, link} {
		if p := l.enter(late); p.Status < 400 || strings.HasPrefix(p.URL.String(), callback) {
			t.Errorf("after five wrong codes: status %d at %s", p.Status, p.URL.Redacted())
		}
	}
	for _, f := range l.browser.Get(link).Forms() {
		if f.PostsTo("/auth/verify") {
			t.Error("the link of an ended login still offers to go on")
		}
	}
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
