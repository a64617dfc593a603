package attacks_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"postern/e2e/harness"
)

// Threat 1: the attacker asks in the victim's name, and the victim, or what
// reads their mail, opens the link and presses whatever it sees.
func TestALoginThatAnAttackerStartsIsNotAdvancedByWhoOpensItsLink(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		attacker := w.demo(t, "--public").begin(t, browse(t), newAddress())
		victim, link := browse(t), attacker.link(t)
		openAndPressAll(t, victim, link)
		attacker.stillWaits(t)
		state := attacker.browser.Get(strings.Replace(attacker.waiting.URL.String(), "/auth/waiting", "/auth/waiting/state", 1))
		if !strings.Contains(state.Body, `"asked"`) {
			t.Errorf("the attacker's page is told %s", state.Body)
		}
		if attacker.signedIn(t, attacker.browser) {
			t.Error("the attacker is signed in as the victim")
		}
		if n := w.count(t, `SELECT count(*) FROM users WHERE address = $1`, attacker.address); n != 0 {
			t.Error("the victim has an account that they did not ask for")
		}
	})
}

// openAndPressAll does to a link all that a mail scanner may: it asks for its
// head, opens it, submits each form with each button, and posts the bare token,
// also with the form token and the cookies of a login of its own.
func openAndPressAll(t *testing.T, b *harness.Browser, link string) {
	t.Helper()
	for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodGet} {
		if _, err := b.Do(method, link, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	page := b.Get(link)
	for _, f := range page.Forms() {
		if f.PostsTo("/auth/verify") {
			t.Error("the page in another browser has a form that posts to /auth/verify")
		}
		b.Submit(page, f, nil, nil)
		for i := range f.Buttons {
			b.Submit(page, f, &f.Buttons[i], nil)
		}
	}
	at := harness.MustURL(t, link)
	token := at.Query().Get("token")
	for _, form := range []url.Values{{"token": {token}}, {}, {"token": {token}, "form_token": {strings.Repeat("A", 43)}}} {
		p, err := b.Do(http.MethodPost, link, harness.Origin(at), form)
		if err != nil || p.Status < 400 {
			t.Errorf("POST of the bare token: %v, %v", p, err)
		}
	}
}

// Threat 2: the attacker asks in their own name and sends the victim the link,
// so that the victim works in the attacker's account.
func TestAnAttackersOwnLinkSentToAVictimSignsTheVictimInNowhere(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		attacker, victim := c.begin(t, browse(t), newAddress()), browse(t)
		own := c.begin(t, victim, newAddress()) // so that the victim's browser has a secret and form tokens, too
		link := attacker.link(t)
		openAndPressAll(t, victim, link)
		form := victim.Get(own.link(t)).FormTo(t, "/auth/verify")
		mixed := form.Values(nil, nil)
		mixed.Set("token", harness.MustURL(t, link).Query().Get("token"))
		if p, err := victim.Do(http.MethodPost, form.Action.String(), harness.Origin(form.Action), mixed); err != nil || p.Status < 400 {
			t.Errorf("the attacker's token in the victim's form: %v %v", p, err)
		}
		if c.signedIn(t, victim) {
			t.Error("the victim is signed in")
		}
		for _, code := range []string{link, relayCode(t, link)} {
			if p := own.enter(t, code); isCallback(p) {
				t.Error("the victim's waiting page takes what the attacker was mailed")
			}
		}
		attacker.finish(t, attacker.press(t, link))
	})
}

// Threat 3: what reads the mail first runs scripts and presses every button.
func TestAScannerThatRunsScriptsAndPressesEverythingUsesNoLinkUp(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		l := w.demo(t).begin(t, browse(t), newAddress())
		link := l.link(t)
		pressEverything(t, harness.NewChromium(t).NewTab().Open(link), link)
		openAndPressAll(t, browse(t), link)
		l.stillWaits(t)
		l.finish(t, l.press(t, link))
	})
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

// Threat 4, seen by the app and by what shares the machine: the link's token in
// a Referer, in the history, in a cache, at a third party.
func TestALinksTokenLeavesItsPageByNoReferrerHistoryOrCache(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		landing := &landings{}
		app := httptest.NewServer(landing)
		t.Cleanup(app.Close)
		uri := app.URL + "/callback"
		c := w.demo(t, "--redirect-uri", uri)
		address := newAddress()
		chromium := harness.NewChromium(t)
		tab := chromium.NewTab().Open(c.request("redirect_uri", uri).url)
		tab.Type("input[type=email]", address)
		tab.Click(`form[action$="/auth/login"] button`)
		link := w.mail(t, address, 1).Link
		linked := chromium.NewTab().Open(link)
		harness.Eventually(t, "an address without the token", func() bool { return !strings.Contains(linked.URL(), "token") })
		linked.Click(`form[action$="/auth/verify"] button`)
		linked.WaitURL(uri)
		for _, r := range landing.all() {
			if r.Referer() != "" {
				t.Errorf("the app is told where the person came from: %q", r.Referer())
			}
		}
		page := browse(t).Get(link)
		checkHeaders(t, page)
		if found := elsewhere.FindString(page.Body); found != "" {
			t.Errorf("the page loads %s", found)
		}
		token := harness.MustURL(t, link).Query().Get("token")
		if logs := w.Logs(); strings.Contains(logs, token) || strings.Contains(logs, token[22:]) {
			t.Error("the log holds the token")
		}
	})
}

// elsewhere is an asset of another origin.
var elsewhere = regexp.MustCompile(`(?:src|srcset|data)="https?://[^"]*"|<link[^>]+href="https?://[^"]*"|url\(https?:[^)]*\)`)

// checkHeaders checks those of every page.
func checkHeaders(t *testing.T, p *harness.Page) {
	t.Helper()
	csp := p.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("%s: Content-Security-Policy: %q", p.URL.Path, csp)
	}
	for name, want := range map[string]string{
		"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := p.Header.Get(name); got != want {
			t.Errorf("%s: %s: %q", p.URL.Path, name, got)
		}
	}
}

// landings is an app that keeps what it was asked.
type landings struct {
	mu       sync.Mutex
	requests []*http.Request
}

// ServeHTTP implements http.Handler.
func (l *landings) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, r)
	_, _ = w.Write([]byte("<!doctype html><p>landed</p>"))
}

func (l *landings) all() []*http.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*http.Request(nil), l.requests...)
}
