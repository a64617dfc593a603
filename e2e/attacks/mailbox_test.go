package attacks_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/e2e/harness"
)

const accountPath = "/auth/account"

// moving is a change of address that waits for its mail.
type moving struct {
	*login
	to      string
	waiting *harness.Page
}

// move asks for a new address, from the account page in the login's browser.
func (l *login) move(t *testing.T, to string) moving {
	t.Helper()
	page := l.browser.Get(l.tenant.base + accountPath)
	waiting := submit(t, l.browser, page, accountPath, url.Values{"email": {to}})
	waiting.FormTo(t, "/auth/code")
	return moving{login: l, to: to, waiting: waiting}
}

// Threat 22: who has taken a session, a refresh token or a pending link of a
// person keeps none of it once the person has moved to another mailbox.
func TestWhatWasStolenIsWorthlessOnceThePersonHasANewAddress(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		l, code := c.signIn(t)
		stolen := redeem(t, c.tenant, code, l.request.verifier)
		elsewhere := c.begin(t, browse(t), l.address)
		elsewhere.finish(t, elsewhere.press(t, w.mail(t, l.address, 2).Link))
		pending := c.begin(t, browse(t), l.address)
		pendingLink := w.mail(t, l.address, 3).Link
		pendingCode := relayCode(t, pendingLink)

		m := l.move(t, newAddress())
		done := l.press(t, w.mail(t, m.to, 1).Link)
		if done.Status != http.StatusOK || !strings.HasSuffix(done.URL.Path, accountPath) || !strings.Contains(done.Body, m.to) {
			t.Fatalf("the change ends with %d at %s:\n%s", done.Status, done.URL.Path, done.Body)
		}
		notice := w.mail(t, l.address, 4)
		if notice.Link != "" || strings.Contains(string(notice.Data), m.to) {
			t.Errorf("the old mailbox is told where the person has gone, or how to follow:\n%s", notice.Data)
		}
		if c.signedIn(t, elsewhere.browser) {
			t.Error("a session of another browser is alive")
		}
		status, got := c.token(t, renew(stolen["refresh_token"]))
		refused(t, "a refresh token from before", status, got)
		if got := c.userinfo(t, -1, stolen["access_token"]); got != http.StatusUnauthorized {
			t.Errorf("an access token from before is answered %d", got)
		}
		for name, p := range map[string]*harness.Page{
			"link": pending.browser.Get(pendingLink), "code": pending.enter(t, pendingCode), "pasted link": pending.enter(t, pendingLink),
		} {
			if isCallback(p) || p.Status < 400 {
				t.Errorf("a %s to the old mailbox is answered %d", name, p.Status)
			}
		}
		now := c.begin(t, browse(t), m.to)
		if was, is := subjectOf(t, stolen["id_token"]), subjectOf(t, now.finish(t, now.press(t, w.mail(t, m.to, 2).Link))["id_token"]); was != is {
			t.Errorf("sub was %s and is %s", was, is)
		}
		if !c.signedIn(t, l.browser) {
			t.Error("the browser that changed the address is signed out")
		}
	})
}

// Threat 22, the other way round: who has the person's browser for a moment, or
// the new mailbox's mail alone, or an old session, moves nobody.
func TestAnAddressIsNotChangedByAnOldSessionAnotherBrowserOrAForeignMailbox(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		l, _ := c.signIn(t)
		m := l.move(t, newAddress())
		link := w.mail(t, m.to, 1).Link
		openAndPressAll(t, browse(t), link)
		thief, _ := c.signIn(t) // another person, signed in with another browser
		openAndPressAll(t, thief.browser, link)
		verify := l.browser.Get(link)
		forge(t, l.browser, verify, "/auth/verify", nil)
		forge(t, l.browser, l.browser.Get(c.tenant.base+accountPath), accountPath, url.Values{"email": {newAddress()}})
		unmoved(t, w, l)

		// The same browser, with somebody else signed in by now.
		other := c.begin(t, l.browser, newAddress(), "prompt", "login")
		other.finish(t, other.press(t, other.link(t)))
		if p := submit(t, l.browser, verify, "/auth/verify", nil); p.Status < 400 {
			t.Errorf("somebody else's session is answered %d", p.Status)
		}
		unmoved(t, w, l)

		// An address that another person has, proven by who reads their mail.
		taken, _ := c.signIn(t)
		mine, _ := c.signIn(t)
		to := mine.move(t, taken.address)
		p := submit(t, mine.browser, to.waiting, "/auth/code", url.Values{"code": {relayCode(t, w.mail(t, taken.address, 2).Link)}})
		if p.Status != http.StatusConflict {
			t.Errorf("an address that is taken is answered %d", p.Status)
		}
		unmoved(t, w, mine)
		unmoved(t, w, taken)
	})
}

func unmoved(t *testing.T, w *world, l *login) {
	t.Helper()
	if n := w.count(t, `SELECT count(*) FROM users WHERE address = $1`, l.address); n != 1 {
		t.Errorf("%d people have the address from before", n)
	}
}

// A session that is not fresh is asked to sign in again before anything: it
// changes no address and ends nothing.
func TestAnAddressIsChangedAfterAFreshLoginOnly(t *testing.T) {
	onBothWithClocks(t, func(t *testing.T, w *world) {
		now, later := 0, 1
		c := w.demo(t)
		b := by(browse(t), now)
		if p := b.Get(c.tenant.base + accountPath); !strings.HasSuffix(p.URL.Path, "/auth/login") {
			t.Errorf("nobody is shown %s", p.URL.Path)
		}
		l := &login{client: c, browser: b, address: newAddress(), request: c.request()}
		l.waiting = submit(t, b, b.Get(l.request.url), "/auth/login", url.Values{"email": {l.address}})
		l.press(t, l.link(t))
		m := l.move(t, newAddress())
		link := w.mail(t, m.to, 1).Link
		verify := b.Get(link)
		aged := by(b, later)
		if p := aged.Get(c.tenant.base + accountPath); !strings.HasSuffix(p.URL.Path, "/auth/login") {
			t.Errorf("a session of eleven minutes is shown %s", p.URL.Path)
		}
		if p := submit(t, aged, verify, "/auth/verify", nil); p.Status < 400 {
			t.Errorf("a change of eleven minutes is answered %d", p.Status)
		}
		if p := submit(t, aged, l.account(t), accountPath+"/everywhere", nil); !strings.HasSuffix(p.URL.Path, "/auth/login") {
			t.Errorf("signing out everywhere after eleven minutes is answered %d at %s", p.Status, p.URL.Path)
		}
		if !c.signedIn(t, b) {
			t.Error("a session of eleven minutes signed the person out everywhere")
		}
		unmoved(t, w, l)
		submit(t, b, verify, "/auth/verify", nil)
		if n := w.count(t, `SELECT count(*) FROM users WHERE address = $1`, m.to); n != 1 {
			t.Error("the fresh session does not change it either")
		}
	}, "0s", "11m")
}

// Whether the new address has an account is told to nobody who asks.
func TestAskingForAnAddressTellsNotWhetherSomebodyHasIt(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.apart(t, "sign_up=open")
		taken, _ := c.signIn(t)
		l, _ := c.signIn(t)
		seen := map[string]string{}
		for name, address := range map[string]string{"known": taken.address, "unknown": newAddress()} {
			page := l.browser.Get(c.tenant.base + accountPath)
			form := page.FormTo(t, accountPath)
			answer := post(t, l.browser, form.Action, form.Values(nil, url.Values{"email": {address}}))
			waiting := l.browser.Get(w.URL + answer.location)
			seen[name] = shape(address, answer.String(), waiting.Body)
		}
		if diff := cmp.Diff(seen["known"], seen["unknown"]); diff != "" {
			t.Error(diff)
		}
	})
}
