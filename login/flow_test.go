package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/idp"
)

func TestEveryWayOfFinishingEndsAtTheClientOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		client idp.ClientID
		finish func(b *browser, waiting, link string) page
		acr    string
	}{
		{"the button in the link's tab", "web", func(b *browser, _, link string) page {
			return b.submit(b.get(link), "/auth/verify", nil)
		}, idp.ACRLink},
		{"the waiting tab of an app that keeps its state there", "spa", func(b *browser, waiting, link string) page {
			b.submit(b.get(link), "/auth/verify", nil).want(b.t, http.StatusOK)
			return b.get(waiting)
		}, idp.ACRLink},
		{"continue here, before the waiting tab asked", "spa", func(b *browser, _, link string) page {
			return b.submit(b.submit(b.get(link), "/auth/verify", nil), "/auth/finish", nil)
		}, idp.ACRLink},
		{"continue here, after opening the link again", "spa", func(b *browser, _, link string) page {
			b.submit(b.get(link), "/auth/verify", nil).want(b.t, http.StatusOK)
			return b.submit(b.get(link), "/auth/finish", nil)
		}, idp.ACRLink},
		{"the relay code", "web", func(b *browser, waiting, link string) page {
			return b.submit(b.get(waiting), "/auth/code", url.Values{"code": {relayCode(b.w, link)}})
		}, idp.ACRRelay},
		{"the relay code in lower case without the hyphen", "spa", func(b *browser, waiting, link string) page {
			code := strings.ToLower(strings.ReplaceAll(relayCode(b.w, link), "-", ""))
			return b.submit(b.get(waiting), "/auth/code", url.Values{"code": {code}})
		}, idp.ACRRelay},
		{"the relay code with letters for digits", "spa", func(b *browser, waiting, link string) page {
			code := strings.NewReplacer("0", "o", "1", "l", "-", " ").Replace(relayCode(b.w, link))
			return b.submit(b.get(waiting), "/auth/code", url.Values{"code": {code}})
		}, idp.ACRRelay},
		{"the pasted link", "web", func(b *browser, waiting, link string) page {
			return b.submit(b.get(waiting), "/auth/code", url.Values{"code": {" " + public + link + "\n"}})
		}, idp.ACRRelay},
		{"the pasted token", "spa", func(b *browser, waiting, link string) page {
			return b.submit(b.get(waiting), "/auth/code", url.Values{"code": {tokenOf(b.t, link)}})
		}, idp.ACRRelay},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			waiting := b.ask(w.loginPath(w.acme, w.request(tt.client)), "Ann@Example.org")
			code := tt.finish(b, waiting, w.send()).answered(t, tt.client).Get("code")
			grant, user, err := w.redeem(tt.client, w.acme, code)
			must(t, err)
			if user.Address != "ann@example.org" || !user.Verified || grant.ACR != tt.acr || grant.Request.Nonce != "n0nce" {
				t.Errorf("grant %+v of user %+v", grant, user)
			}
			if who := b.who(w.acme); who != "ann@example.org "+tt.acr {
				t.Errorf("signed in: %q", who)
			}
			if again := b.get(waiting); again.status != http.StatusOK || strings.Contains(again.body, "code=") {
				t.Errorf("the waiting page of a finished login answers %d", again.status)
			}
		})
	}
}

// relayCode opens the link on another device and reads the code.
func relayCode(w *world, link string) string {
	w.t.Helper()
	p := w.browser().get(link)
	p.want(w.t, http.StatusOK)
	return p.texts["relay-code"]
}

func TestOnlyTheFirstTabToAskGetsTheCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("spa")), "ann@example.org")
	completed := b.submit(b.get(w.send()), "/auth/verify", nil)
	b.get(waiting).answered(t, "spa")
	late := b.submit(completed, "/auth/finish", nil)
	late.want(t, http.StatusOK)
	if late.location != "" || !strings.Contains(strings.Join(late.links, " "), "https://spa.example/") {
		t.Errorf("the later tab gets %q, links %q", late.location, late.links)
	}
}

func TestTwoLoginsInOneBrowserBothFinish(t *testing.T) {
	t.Parallel()
	for _, second := range []string{"ann@example.org", "bob@example.org"} {
		t.Run("the second as "+second, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			firstWaiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
			secondWaiting := b.ask(w.loginPath(w.acme, w.request("spa")), second)
			first, other := w.send(), w.send()
			b.submit(b.get(other), "/auth/verify", nil).want(t, http.StatusOK)
			b.submit(b.get(first), "/auth/verify", nil).answered(t, "web")
			if second == "ann@example.org" {
				code := b.get(secondWaiting).answered(t, "spa").Get("code")
				_, user, err := w.redeem("spa", w.acme, code)
				must(t, err)
				if user.Address != "ann@example.org" {
					t.Errorf("the second login is %q's", user.Address)
				}
			}
			b.get(firstWaiting).want(t, http.StatusOK)
			if who := b.who(w.acme); !strings.HasPrefix(who, "ann@example.org") {
				t.Errorf("signed in: %q", who)
			}
		})
	}
}

func TestTheWaitingPageFollowsTheLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("spa")), "ann@example.org")
	state := strings.Replace(waiting, "/auth/waiting?", "/auth/waiting/state?", 1)
	wantState := func(status int, want string) {
		t.Helper()
		p := b.get(state)
		if p.status != status || p.body != `{"state":"`+want+`"}` || p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("state: %d %s %v", p.status, p.body, p.header)
		}
	}
	wantState(http.StatusOK, "asked")
	w.store.drain()
	b.get(state)
	if calls := w.store.drain(); len(calls) != 1 {
		t.Errorf("a poll costs %q", calls)
	}
	link := w.send()
	wantState(http.StatusOK, "asked")
	b.submit(b.get(link), "/auth/verify", nil).want(t, http.StatusOK)
	wantState(http.StatusOK, "done")
	b.do(http.MethodHead, waiting, nil, nil).want(t, http.StatusOK)
	b.do(http.MethodGet, waiting, nil, http.Header{"Sec-Purpose": {"prefetch;prerender"}}).want(t, http.StatusOK)
	wantState(http.StatusOK, "done")
	b.get(waiting).answered(t, "spa")
	wantState(http.StatusOK, "done")
	if p := w.browser().get(state); p.status != http.StatusNotFound || p.body != `{"state":"expired"}` {
		t.Errorf("another browser learns %d %s", p.status, p.body)
	}
}
