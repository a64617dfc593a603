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

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		end  func(w *world, b *browser)
	}{
		{"by signing out", func(_ *world, b *browser) { b.get("/t/acme/signout") }},
		{"by time", func(w *world, _ *browser) { w.clock.advance(idp.SessionLife) }},
		{"by revocation", func(w *world, b *browser) {
			for _, c := range b.cookies() {
				if credential, err := idp.ParseCredential(c.Value); err == nil {
					must(w.t, w.db.RevokeSession(w.t.Context(), w.acme.ID, idp.SessionID(credential.ID), w.clock.Now()))
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b, thief := w.browser(), w.browser()
			b.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web")
			thief.plant(b.cookies()...)
			if b.who(w.acme) == "" || thief.who(w.acme) == "" {
				t.Fatal("not signed in")
			}
			tt.end(w, b)
			if b.who(w.acme) != "" || thief.who(w.acme) != "" {
				t.Error("still signed in")
			}
		})
	}
}

// A tenant's change counts from the next login on.
func TestASessionLastsAsLongAsItsTenantSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, after := w.browser(), w.browser()
	before.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web")
	w.acme.Settings.SessionLife = idp.Duration(time.Hour)
	must(t, w.db.UpdateTenant(t.Context(), w.acme))
	after.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web")
	w.clock.advance(time.Hour - time.Second)
	if before.who(w.acme) == "" || after.who(w.acme) == "" {
		t.Error("a session ended too early")
	}
	w.clock.advance(time.Second)
	if before.who(w.acme) == "" || after.who(w.acme) != "" {
		t.Errorf("after the hour: the one from before %q, the other %q", before.who(w.acme), after.who(w.acme))
	}
}

func TestALoginOverASessionLeavesTheOldCookieDead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, thief := w.browser(), w.browser()
	code := b.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web").Get("code")
	thief.plant(b.cookies()...)
	_, _, err := w.redeem("web", w.acme, code)
	must(t, err)
	b.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web")
	if thief.who(w.acme) != "" || b.who(w.acme) == "" {
		t.Errorf("old cookie: %q, new one: %q", thief.who(w.acme), b.who(w.acme))
	}
	credential, err := idp.ParseCredential(code)
	must(t, err)
	if _, _, err := w.db.FindGrant(t.Context(), w.acme.ID, idp.GrantID(credential.ID), w.clock.Now()); err != nil {
		t.Errorf("what the first login granted died with it: %v", err)
	}
}

func TestForgedSessionCookiesSignNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	b.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web")
	for _, c := range b.cookies() {
		credential, err := idp.ParseCredential(c.Value)
		if err != nil {
			continue
		}
		for name, value := range map[string]string{
			"another secret": idp.NewCredential(credential.ID).Reveal(),
			"another id":     idp.Credential{ID: idp.NewID(w.clock.Now()), Secret: credential.Secret}.Reveal(),
			"cut short":      c.Value[:60],
			"nothing":        "",
		} {
			forger := w.browser()
			forger.plant(&http.Cookie{Name: c.Name, Value: value})
			if who := forger.who(w.acme); who != "" {
				t.Errorf("%s signs %q in", name, who)
			}
		}
	}
}

func TestALostAnswerLosesNoSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	link := w.send()
	here := b.get(link)
	b.submit(here, "/auth/verify", nil).answered(t, "web")
	b.drop("session")
	if b.who(w.acme) != "" {
		t.Fatal("the cookie is still there")
	}
	for name, again := range map[string]func(){
		"the waiting page":         func() { b.get(waiting) },
		"the button pressed again": func() { b.submit(here, "/auth/verify", nil) },
		"the link opened again":    func() { b.get(link) },
	} {
		b.drop("session")
		again()
		if b.who(w.acme) == "" {
			t.Errorf("%s gives no session back", name)
		}
	}
	b.get("/t/acme/signout")
	b.get(waiting)
	b.get(link)
	if who := b.who(w.acme); who != "" {
		t.Errorf("signed in again after signing out: %q", who)
	}
}

func TestABrowserIsKnownByTheMailboxesItSignedInWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	ask := func(b *browser, address string) string {
		t.Helper()
		w.limits.asked = nil
		b.ask(w.loginPath(w.acme, w.request("web")), address)
		_, known, _ := strings.Cut(w.limits.asked[0], " ")
		return known
	}
	if known := ask(b, "ann@example.org"); known != "" {
		t.Errorf("known before any login: %q", known)
	}
	b.submit(b.get(w.send()), "/auth/verify", nil).answered(t, "web")
	known := ask(b, "ann@example.org")
	if known == "" || strings.Contains(known, "ann") {
		t.Errorf("known by %q", known)
	}
	if diff := cmp.Diff(known, ask(b, "ann+news@example.org")); diff != "" {
		t.Error("a plus-tag makes another browser of it:", diff)
	}
	if ask(b, "bob@example.org") != "" || ask(w.browser(), "ann@example.org") != "" {
		t.Error("known with another mailbox, or another browser")
	}
	for w.outbox.waiting() > 0 {
		w.send()
	}
	for _, other := range []string{"b@x.example", "c@x.example", "d@x.example", "e@x.example", "f@x.example"} {
		b.signIn(w.acme, w.request("web"), other).answered(t, "web")
	}
	if ask(b, "f@x.example") == "" || ask(b, "ann@example.org") != "" {
		t.Error("not the five newest are remembered")
	}
}

func TestCookiesByScheme(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		publicURL, prefix string
		secure            bool
	}{
		{"https://login.example", "__Host-", true},
		{"http://127.0.0.1:8080", "", false},
	} {
		t.Run(tt.publicURL, func(t *testing.T) {
			w := newWorldAt(t, tt.publicURL)
			b := w.browser()
			first := b.get(w.loginPath(w.acme, w.request("web")))
			b.submit(first, "/auth/login", url.Values{"email": {"ann@example.org"}}).want(t, http.StatusSeeOther)
			last := b.submit(b.get(w.send()), "/auth/verify", nil)
			last.answered(t, "web")
			seen := map[string]bool{}
			for _, p := range []page{first, last} {
				for _, c := range (&http.Response{Header: p.header}).Cookies() {
					kind := strings.TrimSuffix(strings.TrimPrefix(c.Name, tt.prefix+"postern-"), "-"+string(w.acme.ID))
					seen[kind] = true
					if c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge <= 0 || c.Domain != "" {
						t.Errorf("cookie %s: %s", kind, c)
					}
				}
			}
			if diff := cmp.Diff(map[string]bool{"session": true, "browser": true, "known": true}, seen); diff != "" {
				t.Error(diff)
			}
			if b.who(w.acme) == "" {
				t.Error("not signed in")
			}
		})
	}
}
