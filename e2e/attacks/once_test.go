package attacks_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"postern/e2e/harness"
)

// Threat 8: fifty hands press the button and type the code at the same moment,
// on two processes.
func TestFiftyHandsOnOneLinkAndItsCodeMakeOneSessionAndOneGrant(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		l := w.demo(t).begin(t, browse(t), newAddress())
		link := l.link(t)
		code, opened := relayCode(t, link), l.browser.Get(link)
		byLink, byCode := opened.FormTo(t, "/auth/verify"), l.waiting.FormTo(t, "/auth/code")
		pages := atOnce(t, 50, func(i int) (*harness.Page, error) {
			b := by(l.browser, i%2)
			if i%10 == 0 { // a login takes five attempts
				return b.TrySubmit(l.waiting, byCode, nil, url.Values{"code": {code}})
			}
			return b.TrySubmit(opened, byLink, nil, nil)
		})
		won := map[string]bool{}
		for _, p := range pages {
			if isCallback(p) {
				won[p.URL.Query().Get("code")] = true
			} else if p.Status >= http.StatusInternalServerError {
				t.Errorf("a loser is answered %d", p.Status)
			}
		}
		if len(won) != 1 || won[""] {
			t.Fatalf("%d hands won", len(won))
		}
		for code := range won {
			redeem(t, l.tenant, code, l.request.verifier)
		}
		const of = ` WHERE user_id IN (SELECT user_id FROM users WHERE address = $1)`
		for _, table := range []string{"sessions", "grants"} {
			if n := w.count(t, `SELECT count(*) FROM `+table+of, l.address); n != 1 {
				t.Errorf("%d rows of %s", n, table)
			}
		}
	})
}

// atOnce runs n requests from the same moment on and gives their answers.
func atOnce(t *testing.T, n int, send func(int) (*harness.Page, error)) []*harness.Page {
	t.Helper()
	var all sync.WaitGroup
	start, pages := make(chan struct{}), make([]*harness.Page, n)
	for i := range n {
		all.Go(func() {
			<-start
			p, err := send(i)
			if err != nil {
				t.Errorf("request %d: %v", i, err)
				p = &harness.Page{URL: harness.MustURL(t, "about:blank")}
			}
			pages[i] = p
		})
	}
	close(start)
	all.Wait()
	return pages
}

// Threat 9: everything that a browser posted is posted again, as by the back
// button, or by who has found it in a cache.
func TestPostsOfALoginSentAgainChangeNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t, "--public")
		l := &login{client: c, browser: browse(t), address: newAddress(), request: c.request()}
		asks := l.browser.Get(l.request.url)
		l.waiting = submit(t, l.browser, asks, "/auth/login", url.Values{"email": {l.address}})
		link := l.link(t)
		code, opened := relayCode(t, link), l.browser.Get(link)
		completed := submit(t, l.browser, opened, "/auth/verify", nil)
		l.finish(t, submit(t, l.browser, completed, "/auth/finish", nil))

		again := submit(t, l.browser, asks, "/auth/login", url.Values{"email": {l.address}})
		if again.URL.Query().Get("flow") == l.waiting.URL.Query().Get("flow") {
			t.Error("the first page, sent again, leads to the login that is over")
		}
		for name, p := range map[string]*harness.Page{
			"verify": submit(t, l.browser, opened, "/auth/verify", nil),
			"finish": submit(t, l.browser, completed, "/auth/finish", nil),
			"code":   l.enter(t, code),
			"pasted": l.enter(t, link),
		} {
			if isCallback(p) {
				t.Errorf("%s, sent again, signs in again", name)
			}
			for _, f := range p.Forms() {
				if f.PostsTo("/auth/verify") {
					t.Errorf("%s, sent again, offers the link again", name)
				}
			}
		}
		for name, b := range map[string]*harness.Browser{"the same browser": l.browser, "another": browse(t)} {
			p := b.Get(link)
			if p.Status < 400 || p.Text("relay-code") != "" || !offersANewStart(p) {
				t.Errorf("the used link in %s: status %d\n%s", name, p.Status, p.Body)
			}
		}
		const of = ` WHERE user_id IN (SELECT user_id FROM users WHERE address = $1)`
		if n := w.count(t, `SELECT count(*) FROM grants`+of, l.address); n != 1 {
			t.Errorf("%d grants", n)
		}
	})
}

// offersANewStart looks for the way on from a used or expired link: words at
// least, a link to the app or a form to the address page where there is one.
func offersANewStart(p *harness.Page) bool {
	for _, f := range p.Forms() {
		if f.PostsTo("/auth/verify") {
			return false
		}
	}
	return strings.Contains(p.Body, "<h1") && strings.Contains(strings.ToLower(p.Body), "app")
}

// Of parallel redemptions of one code one is answered, and using it twice ends
// what it gave.
func TestOneCodeRedeemedByManyAtOnceGivesTokensToOne(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		l, code := w.demo(t).signIn(t)
		wins := make(chan string, 30)
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				status, tokens := l.token(t, l.spend(code))
				if status == http.StatusOK {
					wins <- tokens["refresh_token"]
				}
			})
		}
		all.Wait()
		if len(wins) != 1 {
			t.Fatalf("%d of 30 redemptions were answered", len(wins))
		}
		status, got := l.token(t, renew(<-wins))
		refused(t, "a refresh token whose code was used twice", status, got)
	})
}
