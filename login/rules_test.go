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

func TestAnotherPersonThanTheRequestedIsToldToTheClient(t *testing.T) {
	t.Parallel()
	finish := map[string]func(b *browser, waiting, link string) page{
		"web": func(b *browser, _, link string) page { return b.submit(b.get(link), "/auth/verify", nil) },
		"spa": func(b *browser, waiting, link string) page {
			b.submit(b.get(link), "/auth/verify", nil).want(b.t, http.StatusOK)
			return b.get(waiting)
		},
		"third": func(b *browser, waiting, link string) page {
			return b.submit(b.get(waiting), "/auth/code", url.Values{"code": {link}})
		},
	}
	for client, finish := range finish {
		t.Run(client, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web")
			ann, err := w.db.FindUser(t.Context(), w.acme.ID, "ann@example.org")
			must(t, err)
			req := w.request(idp.ClientID(client))
			req.Subject = ann.Subject
			waiting := b.ask(w.loginPath(w.acme, req), "bob@example.org")
			got := finish(b, waiting, w.send()).answered(t, req.ClientID)
			if got.Get("error") != "login_required" || got.Has("code") {
				t.Errorf("bob for ann: %v", got)
			}
			b.get(waiting).want(t, http.StatusOK)
			waiting = b.ask(w.loginPath(w.acme, req), "ann@example.org")
			p := finish(b, waiting, w.send())
			if client == "third" {
				p = b.submit(b.get(p.location), "/auth/consent", url.Values{"action": {"agree"}})
			}
			_, user, err := w.redeem(req.ClientID, w.acme, p.answered(t, req.ClientID).Get("code"))
			must(t, err)
			if user.Subject != ann.Subject {
				t.Errorf("the code is %q's", user.Address)
			}
		})
	}
}

func TestAnAppThatInsistsOnTheLinkTakesNoCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	req := w.request("web")
	req.EssentialACR = []string{idp.ACRLink}
	waiting := b.ask(w.loginPath(w.acme, req), "ann@example.org")
	link := w.send()
	elsewhere := w.browser().get(link)
	elsewhere.want(t, http.StatusOK)
	if elsewhere.texts["relay-code"] != "" || len(elsewhere.forms) != 0 {
		t.Errorf("shows a code that is good for nothing: %q", elsewhere.texts["relay-code"])
	}
	for _, typed := range []string{link, "ABCD-EFGH"} {
		b.submit(b.get(waiting), "/auth/code", url.Values{"code": {typed}}).want(t, http.StatusUnprocessableEntity)
	}
	if n := flowOf(t, w, waiting).Attempts; n != 0 {
		t.Errorf("%d attempts counted", n)
	}
	b.submit(b.get(link), "/auth/verify", nil).answered(t, "web")
}

func TestAnAppThatAsksForTheLesserProofGetsItsName(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		acr    []string
		answer string
	}{
		{"either", []string{idp.ACRRelay, idp.ACRLink}, idp.ACRLink},
		{"the relay's only", []string{idp.ACRRelay}, idp.ACRRelay},
		{"one that nothing here meets", []string{"urn:mace:incommon:iap:silver"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			req := w.request("web")
			req.EssentialACR = tt.acr
			got := b.signIn(w.acme, req, "ann@example.org").answered(t, "web")
			if tt.answer == "" {
				if got.Get("error") != "unmet_authentication_requirements" || w.logins(w.acme) != 0 {
					t.Errorf("answered %v after %d logins", got, w.logins(w.acme))
				}
				return
			}
			grant, _, err := w.redeem("web", w.acme, got.Get("code"))
			must(t, err)
			if grant.ACR != tt.answer {
				t.Errorf("acr %q, want %q", grant.ACR, tt.answer)
			}
		})
	}
}

func TestResendWaitsForItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	first := w.send()
	early := b.submit(b.get(waiting), "/auth/resend", nil)
	early.want(t, http.StatusTooManyRequests)
	if early.header.Get("Retry-After") != "60" || !strings.Contains(early.body, "12:01") || w.outbox.waiting() != 0 {
		t.Errorf("too early: Retry-After %q", early.header.Get("Retry-After"))
	}
	w.clock.advance(time.Minute)
	w.limits.mail = func(_ idp.Address, _ string, now time.Time) (idp.MailDecision, error) {
		return idp.MailDecision{Send: true, NextMail: now.Add(5 * time.Minute)}, nil
	}
	b.submit(b.get(waiting), "/auth/resend", nil).want(t, http.StatusSeeOther)
	second := w.send()
	if next := flowOf(t, w, waiting).NextMail; !next.Equal(w.clock.Now().Add(5 * time.Minute)) {
		t.Errorf("next mail at %s", next)
	}
	for _, link := range []string{first, second} {
		b.get(link).form(t, "/auth/verify") // mail comes in any order: both are good
	}
	b.submit(b.get(first), "/auth/verify", nil).answered(t, "web")
	b.get(second).want(t, http.StatusGone)
}

func TestAFormSentTwiceAsksOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	form := b.get(w.loginPath(w.acme, w.request("web")))
	post := func(address string) string {
		t.Helper()
		answer := b.submit(form, "/auth/login", url.Values{"email": {address}})
		answer.want(t, http.StatusSeeOther)
		return answer.location
	}
	first := post("ann@example.org")
	w.limits.mail = func(_ idp.Address, _ string, now time.Time) (idp.MailDecision, error) {
		return idp.MailDecision{NextMail: now.Add(time.Minute)}, nil
	}
	if second := post("Ann@Example.org"); second != first {
		t.Errorf("a double click waits at %s and %s", first, second)
	}
	if other := post("bob@example.org"); other == first {
		t.Error("another address waits at the same page")
	}
	w.limits.mail = nil
	if again := post("ann@example.org"); again == first {
		t.Error("a form sent again when a mail is due does not bring one")
	}
	b.submit(b.get(w.send()), "/auth/verify", nil).answered(t, "web")
	w.limits.mail = func(_ idp.Address, _ string, now time.Time) (idp.MailDecision, error) {
		return idp.MailDecision{NextMail: now.Add(time.Minute)}, nil
	}
	if after := post("ann@example.org"); after == first {
		t.Error("a form sent again after its login waits at the old page")
	}
}

func TestThePageElsewhereTellsWhoAskedAndNoMore(t *testing.T) {
	t.Parallel()
	tests := []struct{ agent, want string }{
		{"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Linux"},
		{"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36", "Chrome on Android"},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1", "Safari on iPhone"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", "Edge on Windows"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", "Safari on Mac"},
		{"curl/8.11 <b>hello</b>", ""},
		{"", ""},
	}
	for _, tt := range tests {
		t.Run(tt.agent, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.header.Set("User-Agent", tt.agent)
			b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
			p := w.browser().get(w.send())
			for _, want := range []string{tt.want, "192.0.2.x", "12:00", "App web"} {
				if !strings.Contains(p.body, want) {
					t.Errorf("does not tell %q", want)
				}
			}
			for _, never := range []string{"192.0.2.7", "hello", "Gecko", "ann@example.org"} {
				if strings.Contains(p.body, never) {
					t.Errorf("tells %q", never)
				}
			}
		})
	}
}

func TestTheLoginPagePrefillsAndWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for hint, want := range map[string]string{"Ann@Example.org": "ann@example.org", "": "", "+49 30 1234": "", "<b>": ""} {
		req := w.request("web")
		req.LoginHint = hint
		w.store.drain()
		b := w.browser()
		p := b.get(w.loginPath(w.acme, req))
		if f := p.form(t, "/auth/login"); f.fields.Get("email") != want || f.inputs["email"] != "email" {
			t.Errorf("%q prefills %q", hint, f.fields.Get("email"))
		}
		if diff := cmp.Diff([]string{"FindClient"}, w.store.drain()); diff != "" || w.outbox.waiting() != 0 {
			t.Errorf("touched the store: %s", diff)
		}
		f := p.form(t, "/auth/login")
		f.fields.Set("action", "cancel")
		paths := []string{strings.Replace(f.action, "/auth/login", "/auth/cancel", 1)}
		if want == "" {
			paths = append(paths, f.action)
		}
		for _, path := range paths {
			if got := b.post(path, f.fields).answered(t, "web"); got.Get("error") != "access_denied" {
				t.Errorf("cancel at %s answers %v", path, got)
			}
		}
	}
}

// The words follow what the app asked for, and never whose address it is.
func TestTheLoginPageSaysWhatItAsksFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, test := range map[string]struct {
		prompt []string
		want   string
	}{
		"no prompt":           {nil, "Sign in to"},
		"login":               {[]string{"login"}, "Sign in to"},
		"create":              {[]string{"create"}, "Create your account for"},
		"select_account":      {[]string{"select_account"}, "Choose an account for"},
		"consent and another": {[]string{"consent", "select_account"}, "Choose an account for"},
	} {
		t.Run(name, func(t *testing.T) {
			req := w.request("web")
			req.Prompt = test.prompt
			b := w.browser()
			shown := b.get(w.loginPath(w.acme, req))
			shown.want(t, http.StatusOK)
			again := b.submit(shown, "/auth/login", url.Values{"email": {"ann@"}})
			for where, p := range map[string]page{"at first": shown, "with a problem": again} {
				if !strings.Contains(p.body, "<h1>"+test.want) {
					t.Errorf("%s: no %q", where, test.want)
				}
			}
		})
	}
}

func TestAStoredRequestServesLikeASealedOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	stored := idp.StoredRequest{
		TenantID: w.acme.ID, ID: idp.NewID(w.clock.Now()),
		Sealed: []byte(w.seal(w.acme, w.request("web"))), Expires: w.clock.Now().Add(idp.RequestLife),
	}
	must(t, w.db.SaveRequest(t.Context(), stored))
	b.ask("/t/acme/auth/login?stored="+stored.ID, "ann@example.org")
	b.submit(b.get(w.send()), "/auth/verify", nil).answered(t, "web")
	w.clock.advance(idp.RequestLife)
	b.get("/t/acme/auth/login?stored="+stored.ID).want(t, http.StatusGone)
	b.get("/t/zeta/auth/login?stored="+stored.ID).want(t, http.StatusBadRequest)
}

func TestAnExpiredRequestOffersTheAppsOwnStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bare := idp.Client{
		TenantID: w.acme.ID, ID: "bare", CreatedAt: w.clock.Now(),
		Metadata: idp.ClientMetadata{Name: "App bare", AuthMethods: []idp.AuthMethod{idp.AuthNone}, RedirectURIs: []string{callback("bare")}},
	}
	must(t, w.db.CreateClient(t.Context(), bare))
	for client, want := range map[idp.ClientID]string{
		"web":   "https://web.example/",
		"third": "https://third.example/start?iss=https%3A%2F%2Flogin.example%2Ft%2Facme&target_link_uri=https%3A%2F%2Fthird.example%2F&x=1",
		"bare":  "",
	} {
		path := w.loginPath(w.acme, w.request(client))
		w.clock.advance(idp.RequestLife)
		p := w.browser().get(path)
		p.want(t, http.StatusGone)
		if got := strings.Join(p.links, " "); got != want {
			t.Errorf("%s: links %q, want %q", client, got, want)
		}
	}
}

func TestADisabledPersonIsRefusedAndSignedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	here := b.get(w.send())
	must(t, w.db.InviteUser(t.Context(), idp.User{
		TenantID: w.acme.ID, ID: idp.UserID(idp.NewID(w.clock.Now())), Subject: idp.NewSubject(),
		Address: "ann@example.org", Disabled: true, CreatedAt: w.clock.Now(),
	}))
	b.submit(here, "/auth/verify", nil).want(t, http.StatusForbidden)
	b.get(waiting).want(t, http.StatusOK)
	if b.who(w.acme) != "" || w.logins(w.acme) != 0 {
		t.Error("signed in all the same")
	}
}

func TestOfANetworkOnlyTheFirstPartIsTold(t *testing.T) {
	t.Parallel()
	for peer, want := range map[string]string{
		"192.0.2.7:50000":              "192.0.2.x",
		"[::ffff:192.0.2.7]:50000":     "192.0.2.x",
		"[2001:db8:1:2:3:4:5:6]:50000": "2001:db8:1::/48",
		"@":                            "",
	} {
		w := newWorld(t)
		b := w.browser()
		b.peer = peer
		waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
		if got := flowOf(t, w, waiting).Asked.Network; got != want {
			t.Errorf("%s is told as %q, want %q", peer, got, want)
		}
	}
}

func TestATenantOnAHostOfItsOwnHasNoSlugInItsLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.acme.Host = "login.acme.example"
	must(t, w.db.UpdateTenant(t.Context(), w.acme))
	b := w.browser()
	b.origin = "https://login.acme.example"
	waiting := b.ask("/auth/login?request="+w.seal(w.acme, w.request("spa")), "ann@example.org")
	if !strings.HasPrefix(waiting, "/auth/waiting?flow=") {
		t.Fatalf("waits at %q", waiting)
	}
	link := strings.TrimPrefix(w.send(), "/t/acme")
	b.submit(b.get(link), "/auth/verify", nil).want(t, http.StatusOK)
	b.get(waiting).answered(t, "spa")
	form := b.get("/auth/login?request="+w.seal(w.acme, w.request("web"))).form(t, "/auth/login")
	form.fields.Set("email", "ann@example.org")
	b.do(http.MethodPost, form.action, form.fields, http.Header{"Origin": {public}}).want(t, http.StatusForbidden)
	b.do(http.MethodPost, form.action, form.fields, http.Header{"Origin": {b.origin}}).want(t, http.StatusSeeOther)
}

// What a request took from limits that led to nothing is given back: a database
// that fails for a moment leaves nobody waiting.
func TestCountsAreGivenBackWhereNoFlowComesOfThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken := []idp.Taken{{Key: idp.LimitKey{1}, At: w.clock.Now()}, {Key: idp.LimitKey{2}, At: w.clock.Now()}}
	w.limits.mail = func(_ idp.Address, _ string, now time.Time) (idp.MailDecision, error) {
		return idp.MailDecision{Send: true, NextMail: now.Add(time.Minute), Taken: taken}, nil
	}
	failing := func(method string) {
		w.store.fail = func(called string) error {
			if called == method {
				return idp.ErrUnavailable
			}
			return nil
		}
	}
	b := w.browser()
	page := b.get(w.loginPath(w.acme, w.request("web")))
	address := url.Values{"email": {"ann@example.org"}}
	failing("StartFlow")
	b.submit(page, "/auth/login", address).want(t, http.StatusServiceUnavailable)
	if diff := cmp.Diff(taken, w.limits.back); diff != "" {
		t.Errorf("given back after a flow that was not started (-want +got):\n%s", diff)
	}
	w.store.fail, w.limits.back = nil, nil
	waiting := b.get(b.submit(page, "/auth/login", address).location)
	if len(w.limits.back) != 0 {
		t.Error("given back though the flow was started")
	}
	w.clock.advance(time.Minute)
	failing("Resend")
	b.submit(waiting, "/auth/resend", nil).want(t, http.StatusServiceUnavailable)
	if diff := cmp.Diff(taken, w.limits.back); diff != "" {
		t.Errorf("given back after a mail that was not queued (-want +got):\n%s", diff)
	}
}
