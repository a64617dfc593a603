package login_test

import (
	"errors"
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
	mailed := map[string]bool{}
	look := func(address string) seen {
		s, sent := w.look(address)
		mailed[address] = sent
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

// What the lists of domains let in and keep out is told by the mail alone.
func TestAddressesOfEveryDomainGetTheSameAnswerAndTheSameWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.acme.Settings.AllowedDomains = idp.Domains{"*.acme.example", "acme.example", "evil.example"}
	w.acme.Settings.BlockedDomains = idp.Domains{"evil.example"}
	must(t, w.acme.Validate())
	must(t, w.db.UpdateTenant(t.Context(), w.acme))
	for _, address := range []idp.Address{"known@acme.example", "invited@else.example", "invited@evil.example"} {
		now := w.clock.Now()
		must(t, w.db.InviteUser(t.Context(), idp.User{
			TenantID: w.acme.ID, ID: idp.UserID(idp.NewID(now)), Subject: idp.NewSubject(), Address: address, CreatedAt: now,
		}))
	}
	known, _ := w.look("known@acme.example")
	for address, want := range map[string]bool{
		"new@acme.example": true, "new@mail.acme.example": true, "new@else.example": false, "new@evil.example": false,
		"new@notacme.example": false, "invited@else.example": true, "invited@evil.example": true,
	} {
		got, mailed := w.look(address)
		if diff := cmp.Diff(known, got); diff != "" {
			t.Errorf("%s is told apart (-known +%s):\n%s", address, address, diff)
		}
		if mailed != want {
			t.Errorf("%s got a mail: %t", address, mailed)
		}
	}
}

// A policy that changed while the mail was read decides who gets an account.
func TestAnAddressKeptOutMeanwhileGetsNoAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	b.ask(w.loginPath(w.acme, w.request("web")), "new@evil.example")
	link := w.send()
	w.acme.Settings.BlockedDomains = idp.Domains{"evil.example"}
	must(t, w.db.UpdateTenant(t.Context(), w.acme))
	b.submit(b.get(link), "/auth/verify", nil).want(t, http.StatusForbidden)
	if _, err := w.db.FindUser(t.Context(), w.acme.ID, "new@evil.example"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("there is an account: %v", err)
	}
}

// seen is all that a person, or who watches the database, sees of a login.
type seen struct {
	Posted, Waiting, Resent, Again shape
	Calls                          []string
	Woken                          int
}

// look asks for a login, and once more, and tells whether the first mail went out.
func (w *world) look(address string) (seen, bool) {
	w.t.Helper()
	b := w.browser()
	first := b.get(w.loginPath(w.acme, w.request("web")))
	w.store.drain()
	posted := b.submit(first, "/auth/login", url.Values{"email": {address}})
	waiting := b.get(posted.location)
	mailed := w.send() != ""
	w.clock.advance(time.Minute)
	resent := b.submit(waiting, "/auth/resend", nil)
	again := b.get(resent.location)
	s := seen{
		shapeOf(posted, address), shapeOf(waiting, address), shapeOf(resent, address), shapeOf(again, address),
		w.store.drain(), w.outbox.waiting(),
	}
	w.send()
	w.clock.advance(-time.Minute)
	return s, mailed
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
