package attacks_test

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"postern/e2e/cluster"
	"postern/e2e/harness"
)

// skewed is the program with a clock that POSTERN_SKEW moves.
var skewed = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "postern-skewed")
	out, err := exec.Command("go", "build", "-tags", "skew", "-o", path, "postern/cmd/postern").CombinedOutput()
	if err != nil {
		_, _ = os.Stderr.Write(out)
	}
	return path, err
})

// onBothWithClocks runs a test against processes whose clocks are wrong by so much.
func onBothWithClocks(t *testing.T, run func(t *testing.T, w *world), skews ...string) {
	t.Helper()
	program, err := skewed()
	if err != nil {
		t.Fatal(err)
	}
	onFresh(t, cluster.Config{Binary: program, Processes: len(skews), Env: func(i int) []string {
		return []string{"POSTERN_SKEW=" + skews[i]}
	}}, run)
}

// Threat 23: replicas whose clocks are five minutes slow and five fast. Logins
// that go from one to the other finish, and nothing lives longer than by that.
func TestReplicasWithClocksTenMinutesApartFinishALoginAndNoLinkTwice(t *testing.T) {
	onBothWithClocks(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		for first := range 2 {
			l := &login{client: c, browser: by(browse(t), first), address: newAddress(), request: c.request()}
			l.waiting = submit(t, l.browser, l.browser.Get(l.request.url), "/auth/login", url.Values{"email": {l.address}})
			link := l.link(t)
			code := relayCodeIn(t, by(browse(t), first), link)
			// The slow one mails, the fast one is asked: the link's ten minutes are over there.
			other := by(l.browser, 1-first)
			p := submit(t, other, l.waiting, "/auth/code", url.Values{"code": {code}})
			if first == 0 {
				if isCallback(p) {
					t.Error("a clock that is past a link's end takes its code")
				}
				p = submit(t, l.browser, l.browser.Get(link), "/auth/verify", nil)
			}
			// Both times, the slow one has written the authorization code.
			if status, got := l.tokenAt(t, 0, l.spend(l.code(t, p))); status != http.StatusOK {
				t.Errorf("the code of a login that began at process %d: %d %v", first, status, got)
			}
			for _, b := range []*harness.Browser{l.browser, other} {
				if p := submit(t, b, l.waiting, "/auth/code", url.Values{"code": {code}}); isCallback(p) && p.URL.Query().Get("code") != "" {
					t.Error("the code signs in twice")
				}
			}
		}
	}, "-5m", "5m")
}

// The clock is moved past everything that a login gives: link, relay code,
// waiting page, form, authorization code, access and refresh token, session.
func TestWhatAgedIsRefusedEverywhere(t *testing.T) {
	onBothWithClocks(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		now, later, nextYear := 0, 1, 2
		l := &login{client: c, browser: by(browse(t), now), address: newAddress(), request: c.request()}
		l.waiting = submit(t, l.browser, l.browser.Get(l.request.url), "/auth/login", url.Values{"email": {l.address}})
		link := l.link(t)
		code := relayCodeIn(t, by(browse(t), now), link)
		opened := l.browser.Get(link)
		aged := by(l.browser, later)
		for name, p := range map[string]*harness.Page{
			"link opened":  aged.Get(link),
			"link pressed": submit(t, aged, opened, "/auth/verify", nil),
			"code typed":   submit(t, aged, l.waiting, "/auth/code", url.Values{"code": {code}}),
			"link pasted":  submit(t, aged, l.waiting, "/auth/code", url.Values{"code": {link}}),
		} {
			if p.Status < 400 || isCallback(p) {
				t.Errorf("%s after its time: status %d at %s", name, p.Status, p.URL.Redacted())
			}
		}
		p := submit(t, l.browser, opened, "/auth/verify", nil)
		status, got := l.tokenAt(t, later, l.spend(l.code(t, p)))
		refused(t, "an authorization code after eleven minutes", status, got)
		second := c.request()
		l.request = second
		status, tokens := l.tokenAt(t, now, l.spend(l.code(t, l.browser.Get(second.url))))
		if status != http.StatusOK {
			t.Fatalf("no tokens: %d %v", status, tokens)
		}
		for when, want := range map[int]int{now: http.StatusOK, later: http.StatusOK, nextYear: http.StatusUnauthorized} {
			if got := l.userinfo(t, when, tokens["access_token"]); got != want {
				t.Errorf("userinfo at clock %d: %d", when, got)
			}
		}
		status, got = l.tokenAt(t, nextYear, renew(tokens["refresh_token"]))
		refused(t, "a refresh token after a year", status, got)
		if p := by(l.browser, nextYear).Get(c.request("prompt", "none").url); p.URL.Query().Get("error") != "login_required" {
			t.Errorf("a session after a year: %s", p.URL.Redacted())
		}
	}, "0s", "11m", "8760h")
}
