package login_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
	"postern/login"
)

const accountPath = "/t/acme/auth/account"

// signedIn is a browser in which a person has just signed in to an app.
func (w *world) signedIn(t idp.Tenant, address string) *browser {
	w.t.Helper()
	b := w.browser()
	b.signIn(t, w.request("web"), address).answered(w.t, "web")
	return b
}

// session gives the id in the browser's session cookie.
func (b *browser) session() string {
	b.t.Helper()
	for _, c := range b.cookies() {
		if strings.Contains(c.Name, "postern-session-") {
			credential, err := idp.ParseCredential(c.Value)
			must(b.t, err)
			return credential.ID
		}
	}
	b.t.Fatal("no session cookie")
	return ""
}

// offers gives the values of the buttons of an account page's form.
func (p page) offers(action, name string) (values []string) {
	for _, f := range p.forms {
		if strings.HasSuffix(f.action, action) {
			for _, button := range f.buttons {
				values = append(values, button.Get(name))
			}
		}
	}
	return values
}

// done presses a button of an account page and gives the page that it leads to.
func (b *browser) done(p page, action, name, value string) page {
	b.t.Helper()
	answer := b.submit(p, action, url.Values{name: {value}})
	answer.want(b.t, http.StatusSeeOther)
	return b.get(answer.location)
}

func (p page) says(tb testing.TB, words string) {
	tb.Helper()
	if !strings.Contains(p.body, words) {
		tb.Errorf("%q is not said:\n%s", words, p.body)
	}
}

func TestAPersonSignsAnotherBrowserOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.signedIn(w.acme, "ann@example.org")
	w.clock.advance(time.Minute)
	b := w.signedIn(w.acme, "ann@example.org")
	p := b.get(accountPath)
	if diff := cmp.Diff([]string{other.session()}, p.offers("/signout", "session")); diff != "" {
		t.Errorf("sessions to end (-want +got):\n%s", diff)
	}
	p.says(t, "2026-11-22 12:01 UTC")
	p.says(t, "2026-11-22 12:00 UTC")
	after := b.done(p, "/signout", "session", other.session())
	after.says(t, "That browser is signed out.")
	if got := after.offers("/signout", "session"); len(got) != 0 {
		t.Errorf("still to be ended: %q", got)
	}
	if other.who(w.acme) != "" || b.who(w.acme) == "" {
		t.Errorf("signed in: the other %q, this one %q", other.who(w.acme), b.who(w.acme))
	}
	b.done(p, "/signout", "session", other.session()).says(t, "That browser was no longer signed in.")
	if n := w.events(w.acme, idp.EventSignOut); n != 1 {
		t.Errorf("%d sessions ended by the audit log, want 1", n)
	}
}

func TestASessionThatIsNotOnesOwnIsAnsweredLikeOneThatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob, elsewhere := w.signedIn(w.acme, "bob@example.org"), w.signedIn(w.zeta, "ann@example.org")
	w.signedIn(w.acme, "ann@example.org")
	b := w.signedIn(w.acme, "ann@example.org")
	p := b.get(accountPath)
	answers := map[string]bool{}
	for _, id := range []string{bob.session(), elsewhere.session(), idp.NewID(w.clock.Now()), "none", ""} {
		answers[b.submit(p, "/signout", url.Values{"session": {id}}).location] = true
	}
	if len(answers) != 1 {
		t.Errorf("answers differ: %q", slices.Collect(maps.Keys(answers)))
	}
	if bob.who(w.acme) == "" || elsewhere.who(w.zeta) == "" {
		t.Error("somebody else was signed out")
	}
}

func TestManySessionsAreListedUpToABound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.signedIn(w.acme, "ann@example.org")
	for range 20 {
		w.signedIn(w.acme, "ann@example.org")
	}
	for _, more := range []bool{false, true} {
		p := b.get(accountPath)
		if n := len(p.offers("/signout", "session")); n != 20 {
			t.Errorf("%d other browsers, want 20", n)
		}
		if got := strings.Contains(p.body, "Older sign-ins"); got != more {
			t.Errorf("says that there are more: %v, want %v", got, more)
		}
		w.signedIn(w.acme, "ann@example.org")
	}
}

func TestAPersonSignsOutEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.signedIn(w.acme, "ann@example.org")
	bob := w.signedIn(w.acme, "bob@example.org")
	var framed idp.SessionID
	c := w.config()
	c.Frames = func(_ *http.Request, s idp.Session) ([]string, error) {
		framed = s.ID
		return []string{"https://web.example/bye"}, nil
	}
	h, err := login.New(c)
	must(t, err)
	w.handler = w.route(h)
	b := w.browser()
	code := b.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web").Get("code")
	session := b.session()
	p := b.get(accountPath)
	answer := b.submit(p, "/everywhere", nil)
	answer.want(t, http.StatusOK)
	answer.says(t, "You are signed out")
	answer.says(t, `src="https://web.example/bye"`)
	if string(framed) != session {
		t.Errorf("pages were asked for of %q", framed)
	}
	for _, c := range b.cookies() {
		if strings.Contains(c.Name, "postern-session-") {
			t.Error("the cookie stays")
		}
	}
	if b.who(w.acme) != "" || other.who(w.acme) != "" || bob.who(w.acme) == "" {
		t.Errorf("signed in: this one %q, the other %q, somebody else %q", b.who(w.acme), other.who(w.acme), bob.who(w.acme))
	}
	if _, _, err := w.redeem("web", w.acme, code); err == nil {
		t.Error("an app still has access")
	}
}

func TestAPersonRemovesAnAppsAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob := w.browser()
	bobs := bob.signIn(w.acme, w.request("web"), "bob@example.org").answered(t, "web").Get("code")
	b := w.browser()
	code := b.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web").Get("code")
	w.clock.advance(time.Second)
	third := w.request("third")
	consent := b.get("/t/acme/auth/consent?request=" + w.seal(w.acme, third))
	b.submit(consent, "/auth/consent", url.Values{"action": {"agree"}}).answered(t, "third")

	p := b.get(accountPath)
	if diff := cmp.Diff([]string{"third", "web"}, p.offers("/access", "client")); diff != "" {
		t.Fatalf("apps (-want +got):\n%s", diff)
	}
	p.says(t, "App third")
	after := b.done(p, "/access", "client", "third")
	after.says(t, "The app no longer has access.")
	if diff := cmp.Diff([]string{"web"}, after.offers("/access", "client")); diff != "" {
		t.Errorf("apps (-want +got):\n%s", diff)
	}
	b.get("/t/acme/auth/consent?request="+w.seal(w.acme, third)).form(t, "/auth/consent")
	b.done(p, "/access", "client", "third").says(t, "That app had no access any more.")
	b.done(p, "/access", "client", "nobody").says(t, "That app had no access any more.")
	b.done(p, "/access", "client", "web").says(t, "No app has access right now.")
	if _, _, err := w.redeem("web", w.acme, code); err == nil {
		t.Error("the app still has access")
	}
	if _, _, err := w.redeem("web", w.acme, bobs); err != nil {
		t.Errorf("another person's access ended: %v", err)
	}
}

// Whoever finds a browser that is signed in for longer ends nothing with it.
func TestTheFormsOfAnAccountNeedAFreshLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, b := w.signedIn(w.acme, "ann@example.org"), w.signedIn(w.acme, "ann@example.org")
	p := b.get(accountPath)
	w.clock.advance(idp.FreshLogin)
	for _, path := range accountForms {
		answer := b.submit(p, path, url.Values{"session": {other.session()}, "client": {"web"}, "email": {"new@example.org"}})
		if answer.status != http.StatusSeeOther || !strings.HasPrefix(answer.location, "/t/acme/auth/login?") {
			t.Errorf("%s: %d to %q", path, answer.status, answer.location)
		}
	}
	w.nothingEnded(other, b)
	nobody := w.browser()
	if got := nobody.get(accountPath).location; !strings.HasPrefix(got, "/t/acme/auth/login?") {
		t.Errorf("nobody is led to %q", got)
	}
}

var accountForms = []string{"/account", "/account/signout", "/account/everywhere", "/account/access"}

// nothingEnded fails unless both browsers and the app's access are as they were.
func (w *world) nothingEnded(browsers ...*browser) {
	w.t.Helper()
	for _, b := range browsers {
		if b.who(w.acme) == "" {
			w.t.Error("a browser was signed out")
		}
	}
	if n := w.events(w.acme, idp.EventConsentGone) + w.events(w.acme, idp.EventSignedOut); n != 0 {
		w.t.Errorf("%d ends in the audit log", n)
	}
	if n := w.outbox.waiting(); n != 0 {
		w.t.Errorf("%d mails were asked for", n)
	}
}

func TestAFormOfAnAccountIsTakenForItselfAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, b := w.signedIn(w.acme, "ann@example.org"), w.signedIn(w.acme, "ann@example.org")
	p := b.get(accountPath)
	tokens := map[string]string{"none": ""}
	for _, path := range accountForms {
		if p.hasForm("/auth" + path) {
			tokens[path] = p.form(t, "/auth"+path).fields.Get("form_token")
		}
	}
	if len(tokens) != len(accountForms)+1 {
		t.Fatalf("forms are missing: %v", slices.Collect(maps.Keys(tokens)))
	}
	tokens["another browser's"] = other.get(accountPath).form(t, "/everywhere").fields.Get("form_token")
	for _, path := range accountForms {
		for from, token := range tokens {
			if from == path {
				continue
			}
			answer := b.post("/t/acme/auth"+path, url.Values{
				"form_token": {token}, "session": {other.session()}, "client": {"web"}, "email": {"new@example.org"},
			})
			if answer.status != http.StatusForbidden {
				t.Errorf("%s with the token of %s: %d", path, from, answer.status)
			}
		}
		cross := b.do(http.MethodPost, "/t/acme/auth"+path, url.Values{"form_token": {tokens[path]}}, http.Header{"Sec-Fetch-Site": {"cross-site"}})
		cross.want(t, http.StatusForbidden)
	}
	w.nothingEnded(other, b)
}

// What the page says was done is what its own forms did.
func TestALinkMakesAnAccountSayNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.signedIn(w.acme, "ann@example.org")
	for query, want := range map[string]bool{
		"?done=changed":                      false,
		"?done=changed&of=x":                 false,
		"?done=x&of=" + b.session():          false,
		"?done=signed_out&of=" + b.session(): true,
	} {
		if got := strings.Contains(b.get(accountPath+query).body, `role="status"`); got != want {
			t.Errorf("%s: said something: %v", query, got)
		}
	}
}

func TestAStoreThatFailsEndsNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, b := w.signedIn(w.acme, "ann@example.org"), w.signedIn(w.acme, "ann@example.org")
	p := b.get(accountPath)
	for path, method := range map[string]string{
		"/signout": "EndSession", "/everywhere": "SignOutUser", "/access": "EndAccess", "": "ListAccess",
	} {
		w.store.fail = func(called string) error {
			if called == method {
				return idp.ErrUnavailable
			}
			return nil
		}
		answer := b.get(accountPath)
		if path != "" {
			answer = b.submit(p, path, url.Values{"session": {other.session()}, "client": {"web"}})
		}
		if answer.status != http.StatusServiceUnavailable {
			t.Errorf("%s fails: %d", method, answer.status)
		}
	}
	w.store.fail = nil
	w.nothingEnded(other, b)
}
