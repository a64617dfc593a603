package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

func TestALinkIsSpentOnceAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	link := w.send()
	here, wait := b.get(link), b.get(waiting)
	b.submit(here, "/auth/verify", nil).answered(t, "web")
	for _, p := range []page{b.get(link), w.browser().get(link), b.submit(here, "/auth/verify", nil)} {
		p.want(t, http.StatusGone)
		if p.hasForm("/auth/verify") || !strings.Contains(strings.Join(p.links, " "), "https://web.example/") {
			t.Errorf("offers %v and %v", p.forms, p.links)
		}
	}
	b.submit(wait, "/auth/code", url.Values{"code": {tokenOf(t, link)}}).want(t, http.StatusSeeOther)
	b.submit(wait, "/auth/resend", nil).want(t, http.StatusSeeOther)
	b.get(waiting).want(t, http.StatusOK)
	if w.logins(w.acme) != 1 {
		t.Errorf("%d logins", w.logins(w.acme))
	}
	w.clock.advance(2 * time.Hour)
	for range 3 { // the janitor has been
		_, err := w.db.Sweep(t.Context(), w.clock.Now(), 1000)
		must(t, err)
	}
	late := w.browser().get(link)
	late.want(t, http.StatusGone)
	if diff := cmp.Diff(b.get(link).body, late.body); diff != "" {
		t.Errorf("the tombstone speaks otherwise: %s", diff)
	}
}

func TestEverythingHasItsTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		wait   time.Duration
		do     func(b *browser, loginPage, waitPage, herePage page, waiting, link string) page
		status int
	}{
		{"an address in time", idp.RequestLife - time.Second, func(b *browser, l, _, _ page, _, _ string) page {
			return b.submit(l, "/auth/login", url.Values{"email": {"bob@example.org"}})
		}, http.StatusSeeOther},
		{"an address too late", idp.RequestLife, func(b *browser, l, _, _ page, _, _ string) page {
			return b.submit(l, "/auth/login", url.Values{"email": {"bob@example.org"}})
		}, http.StatusGone},
		{"a link in time", idp.DefaultLinkLife - time.Second, func(b *browser, _, _, h page, _, _ string) page {
			return b.submit(h, "/auth/verify", nil)
		}, http.StatusSeeOther},
		{"a link opened too late", idp.DefaultLinkLife, func(b *browser, _, _, _ page, _, link string) page {
			return b.get(link)
		}, http.StatusGone},
		{"a link opened too late elsewhere", idp.DefaultLinkLife, func(b *browser, _, _, _ page, _, link string) page {
			return b.w.browser().get(link)
		}, http.StatusGone},
		{"a button pressed too late", idp.DefaultLinkLife, func(b *browser, _, _, h page, _, _ string) page {
			return b.submit(h, "/auth/verify", nil)
		}, http.StatusGone},
		{"a link pasted too late", idp.DefaultLinkLife, func(b *browser, _, wait, _ page, _, link string) page {
			return b.submit(wait, "/auth/code", url.Values{"code": {link}})
		}, http.StatusUnprocessableEntity},
		{"waiting in time", idp.DefaultLinkLife + idp.FlowGrace - time.Second, func(b *browser, _, _, _ page, waiting, _ string) page {
			return b.get(waiting)
		}, http.StatusOK},
		{"waiting too long", idp.DefaultLinkLife + idp.FlowGrace, func(b *browser, _, _, _ page, waiting, _ string) page {
			return b.get(waiting)
		}, http.StatusGone},
		{"a resend too late leads to the page that says so", idp.DefaultLinkLife + idp.FlowGrace, func(b *browser, _, wait, _ page, _, _ string) page {
			return b.submit(wait, "/auth/resend", nil)
		}, http.StatusSeeOther},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			loginPage := b.get(w.loginPath(w.acme, w.request("web")))
			waiting := b.submit(loginPage, "/auth/login", url.Values{"email": {"ann@example.org"}}).location
			link := w.send()
			waitPage, herePage := b.get(waiting), b.get(link)
			w.clock.advance(tt.wait)
			p := tt.do(b, loginPage, waitPage, herePage, waiting, link)
			p.want(t, tt.status)
			if p.status == http.StatusGone && !strings.Contains(strings.Join(p.links, " "), "https://web.example/") {
				t.Errorf("no way to begin anew: %v", p.links)
			}
		})
	}
}
