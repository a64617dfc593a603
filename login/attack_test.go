package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

// pressEverything does what a scanner with a real browser does: HEAD, GET,
// every form of the page with every button, and posts where forms could be.
func pressEverything(b *browser, link string) {
	b.t.Helper()
	b.do(http.MethodHead, link, nil, nil)
	p := b.get(link)
	for _, f := range p.forms {
		for _, button := range append(f.buttons, url.Values{}) {
			body := url.Values{}
			for _, values := range []url.Values{f.fields, button} {
				for name, value := range values {
					body[name] = value
				}
			}
			b.post(f.action, body)
		}
	}
	path, _, _ := strings.Cut(link, "?")
	token := tokenOf(b.t, link)
	for _, to := range []string{path, strings.Replace(path, "verify", "finish", 1), strings.Replace(path, "verify", "code", 1)} {
		b.post(to, url.Values{"token": {token}, "code": {token}})
		b.post(to+"?token="+token, url.Values{"code": {p.texts["relay-code"]}})
	}
}

func TestAnotherBrowserThatOpensPostsAndPressesEverythingChangesNothing(t *testing.T) {
	t.Parallel()
	for _, client := range []idp.ClientID{"web", "spa"} {
		t.Run(string(client), func(t *testing.T) {
			w := newWorld(t)
			person, scanner := w.browser(), w.browser()
			waiting := person.ask(w.loginPath(w.acme, w.request(client)), "ann@example.org")
			link := w.send()
			// It may have a secret of its own, from a login page of ours.
			scanner.get(w.loginPath(w.acme, w.request(client)))
			before := flowOf(t, w, waiting)
			w.store.drain()
			for range 3 {
				pressEverything(scanner, link)
			}
			for _, call := range w.store.drain() {
				if call != "FindLink" && call != "FindClient" && call != "FindFlow" {
					t.Errorf("the scanner reached %s", call)
				}
			}
			opened := scanner.get(link)
			if len(opened.forms) != 0 || len(opened.texts["relay-code"]) != 9 {
				t.Errorf("the page elsewhere has forms %v and code %q", opened.forms, opened.texts["relay-code"])
			}
			if diff := cmp.Diff(before.State, flowOf(t, w, waiting).State); diff != "" || w.logins(w.acme) != 0 {
				t.Errorf("the login has moved: %s", diff)
			}
			if scanner.who(w.acme) != "" || person.who(w.acme) != "" {
				t.Error("somebody is signed in")
			}
			if p := person.get(waiting); p.status != http.StatusOK || !p.hasForm("/auth/code") {
				t.Errorf("the first browser no longer waits: %d", p.status)
			}
			p := person.submit(person.get(link), "/auth/verify", nil)
			if client == "spa" {
				p = person.get(waiting)
			}
			p.answered(t, client)
		})
	}
}

func flowOf(t *testing.T, w *world, waiting string) idp.Flow {
	t.Helper()
	u, err := url.Parse(waiting)
	must(t, err)
	flow, err := w.db.FindFlow(t.Context(), w.acme.ID, idp.FlowID(u.Query().Get("flow")))
	must(t, err)
	return flow
}

func TestAttackersOwnLinkLeavesNoSessionWithTheVictim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	attacker, victim := w.browser(), w.browser()
	victim.get(w.loginPath(w.acme, w.request("web")))
	attacker.ask(w.loginPath(w.acme, w.request("web")), "mallory@example.org")
	link := w.send()
	pressEverything(victim, link)
	if who := victim.who(w.acme); who != "" {
		t.Errorf("the victim is signed in as %q", who)
	}
	stolen := attacker.get(link).form(t, "/auth/verify")
	victim.post(stolen.action, stolen.fields).want(t, http.StatusForbidden)
	attacker.submit(attacker.get(link), "/auth/verify", nil).answered(t, "web")
	if who := victim.who(w.acme); who != "" {
		t.Errorf("the victim is signed in as %q", who)
	}
}

func TestRelayCodeSignsInTheFirstBrowserOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.browser(), w.browser()
	waiting := first.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	other := second.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	code := relayCode(w, w.send())
	w.send()
	second.submit(second.get(other), "/auth/code", url.Values{"code": {code}}).want(t, http.StatusUnprocessableEntity)
	stolen := first.get(waiting).form(t, "/auth/code")
	stolen.fields.Set("code", code)
	second.post(stolen.action, stolen.fields).want(t, http.StatusForbidden)
	second.get(waiting).want(t, http.StatusNotFound)
	first.submit(first.get(waiting), "/auth/code", url.Values{"code": {code}}).answered(t, "web")
	if second.who(w.acme) != "" || first.who(w.acme) == "" {
		t.Errorf("first %q, second %q", first.who(w.acme), second.who(w.acme))
	}
}

func TestSixthAttemptWithTheRightCodeFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	link := w.send()
	code := relayCode(w, link)
	page := b.get(waiting)
	for left := idp.MaxAttempts - 1; left > 0; left-- {
		b.submit(page, "/auth/code", url.Values{"code": {wrongCode(code)}}).want(t, http.StatusUnprocessableEntity)
		// What could not have been a code is no guess.
		b.submit(page, "/auth/code", url.Values{"code": {"ABC"}}).want(t, http.StatusUnprocessableEntity)
	}
	b.submit(page, "/auth/code", url.Values{"code": {wrongCode(code)}}).want(t, http.StatusGone)
	for range 2 {
		b.submit(page, "/auth/code", url.Values{"code": {code}}).want(t, http.StatusSeeOther)
		b.get(waiting).want(t, http.StatusGone)
	}
	b.get(link).want(t, http.StatusGone)
	if w.logins(w.acme) != 0 || b.who(w.acme) != "" {
		t.Error("signed in all the same")
	}
}

// wrongCode is well-formed and not the code.
func wrongCode(code string) string {
	if code[0] == 'A' {
		return "B" + code[1:]
	}
	return "A" + code[1:]
}

func TestParallelGuessesAdmitFive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	code := relayCode(w, w.send())
	wait := b.get(waiting)
	answers := make([]page, 40)
	var race sync.WaitGroup
	for i := range answers {
		race.Go(func() { answers[i] = b.submit(wait, "/auth/code", url.Values{"code": {wrongCode(code)}}) })
	}
	race.Wait()
	if n := flowOf(t, w, waiting).Attempts; n != idp.MaxAttempts {
		t.Errorf("%d guesses were compared", n)
	}
	told := 0
	for _, a := range answers {
		if a.status == http.StatusUnprocessableEntity {
			told++
		}
	}
	if told > idp.MaxAttempts {
		t.Errorf("%d guesses were answered", told)
	}
	b.get(waiting).want(t, http.StatusGone)
}

func TestFiftyRacersLinkAndCodeMixedMakeOneSessionAndOneGrant(t *testing.T) {
	t.Parallel()
	for _, client := range []idp.ClientID{"web", "spa"} {
		t.Run(string(client), func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			waiting := b.ask(w.loginPath(w.acme, w.request(client)), "ann@example.org")
			link := w.send()
			code := relayCode(w, link)
			here, wait := b.get(link), b.get(waiting)
			codes := make(chan string, 200)
			var race sync.WaitGroup
			for i := range 50 {
				race.Go(func() {
					var p page
					switch {
					case i < 4: // a flow takes five
						p = b.submit(wait, "/auth/code", url.Values{"code": {code}})
					case i%5 == 0:
						p = b.get(waiting)
					default:
						p = b.submit(here, "/auth/verify", nil)
					}
					if p.hasForm("/auth/finish") {
						p = b.submit(p, "/auth/finish", nil)
					}
					if strings.HasPrefix(p.location, callback(client)) {
						codes <- p.answered(t, client).Get("code")
					}
				})
			}
			race.Wait()
			close(codes)
			var won []string
			for c := range codes {
				won = append(won, c)
			}
			if client == "spa" && len(won) == 0 { // nobody came back after the winner
				won = append(won, b.get(waiting).answered(t, client).Get("code"))
			}
			if len(won) != 1 || w.logins(w.acme) != 1 {
				t.Fatalf("%d codes, %d logins", len(won), w.logins(w.acme))
			}
			if _, _, err := w.redeem(client, w.acme, won[0]); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEveryAddressGetsTheSameAnswerAndTheSameWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.acme.Settings.SignUp = idp.SignUpInvited
	must(t, w.db.UpdateTenant(t.Context(), w.acme))
	for _, u := range []idp.User{{Address: "known@example.org"}, {Address: "blocked@example.org", Disabled: true}, {Address: "limited@example.org"}} {
		u.TenantID, u.ID, u.Subject, u.CreatedAt = w.acme.ID, idp.UserID(idp.NewID(w.clock.Now())), idp.NewSubject(), w.clock.Now()
		must(t, w.db.InviteUser(t.Context(), u))
	}
	w.limits.mail = func(to idp.Address, _ string, now time.Time) (idp.MailDecision, error) {
		return idp.MailDecision{Send: to != "limited@example.org", NextMail: now.Add(time.Minute)}, nil
	}
	type seen struct {
		Posted, Waiting, Resent, Again shape
		Calls                          []string
		Woken                          int
	}
	mailed := map[string]bool{}
	look := func(address string) seen {
		b := w.browser()
		first := b.get(w.loginPath(w.acme, w.request("web")))
		w.store.drain()
		posted := b.submit(first, "/auth/login", url.Values{"email": {address}})
		waiting := b.get(posted.location)
		mailed[address] = w.send() != ""
		w.clock.advance(time.Minute)
		resent := b.submit(waiting, "/auth/resend", nil)
		again := b.get(resent.location)
		s := seen{
			shapeOf(posted, address), shapeOf(waiting, address), shapeOf(resent, address), shapeOf(again, address),
			w.store.drain(), w.outbox.waiting(),
		}
		w.send()
		w.clock.advance(-time.Minute)
		return s
	}
	known := look("known@example.org")
	if known.Posted.Status != http.StatusSeeOther || len(known.Calls) == 0 || known.Woken != 1 {
		t.Fatalf("%+v", known)
	}
	for _, address := range []string{"unknown@example.org", "blocked@example.org", "limited@example.org"} {
		if diff := cmp.Diff(known, look(address)); diff != "" {
			t.Errorf("%s is told apart (-known +%s):\n%s", address, address, diff)
		}
		if mailed[address] {
			t.Errorf("%s got a mail", address)
		}
	}
	if !mailed["known@example.org"] {
		t.Error("the one who may sign in got no mail")
	}
}

// shape is an answer less what is random in every one.
type shape struct {
	Status int
	Header http.Header
	Body   string
}

func shapeOf(p page, address string) shape {
	replaced := []string{address, "ADDRESS"}
	for _, f := range p.forms {
		for name := range f.fields {
			if v := f.fields.Get(name); v != "" {
				replaced = append(replaced, v, name)
			}
		}
	}
	for _, link := range p.links {
		if _, sealed, ok := strings.Cut(link, "request="); ok {
			replaced = append(replaced, sealed, "SEALED")
		}
	}
	header := p.header.Clone()
	if header.Get("Location") != "" {
		at, query, _ := strings.Cut(header.Get("Location"), "flow=")
		_, more, _ := strings.Cut(query, "&")
		header.Set("Location", at+more)
	}
	for i, cookie := range header["Set-Cookie"] {
		name, rest, _ := strings.Cut(cookie, "=")
		_, attributes, _ := strings.Cut(rest, ";")
		header["Set-Cookie"][i] = name + attributes
	}
	header.Del("X-Request-Id")
	header.Del("Content-Length") // follows from the address, which the body shows
	return shape{p.status, header, strings.NewReplacer(replaced...).Replace(p.body)}
}

func TestPostsThatAreNotOurPagesAreForbidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	loginForm := b.get(w.loginPath(w.acme, w.request("web"))).form(t, "/auth/login")
	loginForm.fields.Set("email", "ann@example.org")
	waiting := b.get(b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org"))
	codeForm, resendForm := waiting.form(t, "/auth/code"), waiting.form(t, "/auth/resend")
	link := w.send()
	codeForm.fields.Set("code", relayCode(w, link))
	w.clock.advance(time.Minute)
	verifyForm := b.get(link).form(t, "/auth/verify")
	b.ask(w.loginPath(w.acme, w.request("spa")), "ann@example.org")
	finishForm := b.submit(b.get(w.send()), "/auth/verify", nil).form(t, "/auth/finish")
	third := w.request("third")
	consentForm := b.get("/t/acme/auth/consent?request="+w.seal(w.acme, third)).form(t, "/auth/consent")
	consentForm.fields.Set("action", "agree")

	senders := []struct {
		name   string
		header http.Header
		change func(url.Values)
	}{
		{"from another site", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, nil},
		{"from a sibling host", http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://app.login.example"}}, nil},
		{"typed or from a bookmark", http.Header{"Sec-Fetch-Site": {"none"}}, nil},
		{"cross-site with our Origin", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {public}}, nil},
		{"Origin null alone", http.Header{"Origin": {"null"}}, nil},
		{"nothing at all", http.Header{}, nil},
		{"http for https", http.Header{"Origin": {"http://login.example"}}, nil},
		{"no token", http.Header{"Sec-Fetch-Site": {"same-origin"}}, func(v url.Values) { v.Del("form_token") }},
		{"a token of another form", http.Header{"Sec-Fetch-Site": {"same-origin"}}, func(v url.Values) { v.Set("form_token", strings.Repeat("A", 43)) }},
	}
	for _, f := range []form{loginForm, codeForm, resendForm, verifyForm, finishForm, consentForm} {
		for _, s := range senders {
			t.Run(f.action+" "+s.name, func(t *testing.T) {
				body := url.Values{}
				for name, value := range f.fields {
					body[name] = value
				}
				if s.change != nil {
					s.change(body)
				}
				w.store.drain()
				b.do(http.MethodPost, f.action, body, s.header).want(t, http.StatusForbidden)
				for _, call := range w.store.drain() {
					if !strings.HasPrefix(call, "Find") {
						t.Errorf("reached %s", call)
					}
				}
			})
		}
	}
	for _, f := range []form{loginForm, resendForm, codeForm, finishForm, consentForm} {
		p := b.do(http.MethodPost, f.action, f.fields, http.Header{"Origin": {public}})
		if p.status != http.StatusSeeOther {
			t.Errorf("%s: an old browser with the right Origin gets %d", f.action, p.status)
		}
	}
}

func TestAFormTokenWorksForItsOwnFormAndFlowOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	one := b.get(b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")).form(t, "/auth/code")
	two := b.get(b.ask(w.loginPath(w.acme, w.request("web")), "bob@example.org")).form(t, "/auth/code")
	verify := b.get(w.send()).form(t, "/auth/verify")
	swapped := url.Values{"flow": one.fields["flow"], "form_token": two.fields["form_token"], "code": {"ABCD-EFGH"}}
	b.post(one.action, swapped).want(t, http.StatusForbidden)
	verify.fields["form_token"] = one.fields["form_token"]
	b.post(verify.action, verify.fields).want(t, http.StatusForbidden)
	finish := url.Values{"flow": one.fields["flow"], "form_token": one.fields["form_token"]}
	b.post("/t/acme/auth/finish", finish).want(t, http.StatusForbidden)
}

func TestCookiesAndTokensOfOneTenantAreNothingInAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	b.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web")
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "bob@example.org")
	link := w.send()
	for _, c := range b.cookies() { // toss every cookie of acme at zeta
		b.plant(&http.Cookie{Name: strings.Replace(c.Name, string(w.acme.ID), string(w.zeta.ID), 1), Value: c.Value})
	}
	if who := b.who(w.zeta); who != "" {
		t.Errorf("signed in at the other tenant as %q", who)
	}
	if who := b.who(w.acme); who == "" {
		t.Error("no longer signed in at the first tenant")
	}
	elsewhere := func(path string) string { return strings.Replace(path, "/t/acme/", "/t/zeta/", 1) }
	b.get(elsewhere(waiting)).want(t, http.StatusNotFound)
	b.get(elsewhere(link)).want(t, http.StatusNotFound)
	b.get(elsewhere(w.loginPath(w.acme, w.request("web")))).want(t, http.StatusBadRequest)
	verify := b.get(link).form(t, "/auth/verify")
	b.post(elsewhere(verify.action), verify.fields).want(t, http.StatusNotFound)
	code := b.get(waiting).form(t, "/auth/code")
	b.post(elsewhere(code.action), code.fields).want(t, http.StatusForbidden)
	w.limits.asked = nil
	b.ask(w.loginPath(w.zeta, w.request("web")), "ann@example.org")
	if diff := cmp.Diff([]string{"ann@example.org "}, w.limits.asked); diff != "" {
		t.Errorf("known from the other tenant: %s", diff)
	}
}

func TestNothingGoesToARedirectURIThatIsNotRegistered(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"https://evil.example/", "//evil.example/cb", "https://web.example/cb/../x", "https://web.example/cb?x=1", `https://web.example\@evil.example/cb`,
		"https://web.example@evil.example/cb", "https://web.example/%63b", "HTTPS://web.example/cb", "https://web.example/cb#x", "https://web.example:443/cb", "javascript:alert(1)", "",
	} {
		t.Run(uri, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			req := w.request("web")
			form := b.get(w.loginPath(w.acme, req)).form(t, "/auth/login")
			req.RedirectURI = uri
			p := b.get(w.loginPath(w.acme, req))
			p.want(t, http.StatusBadRequest)
			if p.location != "" || strings.Contains(p.body, "evil") {
				t.Errorf("leads to %q\n%s", p.location, p.body)
			}
			form.fields.Set("request", w.seal(w.acme, req))
			form.fields.Set("action", "cancel")
			b.post(form.action, form.fields).want(t, http.StatusBadRequest)
		})
	}
}

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

func TestNoSecretReachesTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("spa")), "ann@example.org")
	link := w.send()
	relay := relayCode(w, link)
	pressEverything(w.browser(), link)
	b.submit(b.get(waiting), "/auth/code", url.Values{"code": {"ABCD-EFGH"}})
	b.submit(b.get(link), "/auth/verify", nil).want(t, http.StatusOK)
	code := b.get(waiting).answered(t, "spa").Get("code")
	secrets := []string{tokenOf(t, link), code, relay}
	for _, c := range b.cookies() {
		secrets = append(secrets, c.Value)
	}
	if w.log.Len() == 0 {
		t.Fatal("nothing was logged")
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(w.log.String(), s) {
			t.Errorf("the log holds %q", s)
		}
	}
}
