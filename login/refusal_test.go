package login_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/idp"
	"postern/login"
)

func TestBadInputGetsAPageThatRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	b.ask(w.loginPath(w.acme, w.request("web")), "bob@example.org")
	link := w.send()
	gone := w.request("web")
	gone.ClientID = "gone"
	notDue := "/t/acme/auth/consent?request=" + w.seal(w.acme, w.request("web"))
	sealedOtherwise := w.box.Seal(w.acme.ID, "another purpose", []byte("{}"))
	sealed := w.seal(w.acme, w.request("web"))
	token := tokenOf(t, link)
	swapped := token[:22] + strings.Repeat("A", 42)
	tests := []struct {
		name, method, target string
		body                 url.Values
		status               int
	}{
		{"login without a request", "GET", "/t/acme/auth/login", nil, 400},
		{"login with a request that is not sealed", "GET", "/t/acme/auth/login?request=%7B%7D", nil, 400},
		{"login with a request cut short", "GET", "/t/acme/auth/login?request=" + sealed[:len(sealed)-3], nil, 400},
		{"login with one sealed for something else", "GET", "/t/acme/auth/login?request=" + sealedOtherwise, nil, 400},
		{"login with a huge request", "GET", "/t/acme/auth/login?request=" + strings.Repeat("A", 40<<10), nil, 400},
		{"login with a stored request that is not there", "GET", "/t/acme/auth/login?stored=" + idp.NewID(w.clock.Now()), nil, 400},
		{"login for an app that is gone", "GET", w.loginPath(w.acme, gone), nil, 400},
		{"login posted without a request", "POST", "/t/acme/auth/login", url.Values{"email": {"ann@example.org"}}, 400},
		{"login by PUT", "PUT", "/t/acme/auth/login", nil, 405},
		{"waiting without a flow", "GET", "/t/acme/auth/waiting", nil, 404},
		{"waiting for no such flow", "GET", "/t/acme/auth/waiting?flow=" + idp.NewID(w.clock.Now()), nil, 404},
		{"waiting for something odd", "GET", "/t/acme/auth/waiting?flow=%00%ff'", nil, 404},
		{"waiting by POST", "POST", waiting, nil, 405},
		{"code by GET", "GET", "/t/acme/auth/code", nil, 405},
		{"code without a flow", "POST", "/t/acme/auth/code", url.Values{"code": {"ABCD-EFGH"}}, 403},
		{"resend by GET", "GET", "/t/acme/auth/resend", nil, 405},
		{"resend without a flow", "POST", "/t/acme/auth/resend", nil, 403},
		{"verify without a token", "GET", "/t/acme/auth/verify", nil, 404},
		{"verify with an empty token", "GET", "/t/acme/auth/verify?token=", nil, 404},
		{"verify with a token of another length", "GET", "/t/acme/auth/verify?token=" + token + "A", nil, 404},
		{"verify with padding", "GET", "/t/acme/auth/verify?token=" + token[:63] + "%3D", nil, 404},
		{"verify with another secret", "GET", "/t/acme/auth/verify?token=" + swapped, nil, 404},
		{"verify with no such link", "GET", "/t/acme/auth/verify?token=" + idp.NewCredential(idp.NewID(w.clock.Now())).Reveal(), nil, 404},
		{"verify posted without a token", "POST", "/t/acme/auth/verify", nil, 404},
		{"verify posted with another secret", "POST", "/t/acme/auth/verify", url.Values{"token": {swapped}}, 404},
		{"verify posted with the token in the query", "POST", link, nil, 404},
		{"verify by DELETE", "DELETE", link, nil, 405},
		{"finish by GET", "GET", "/t/acme/auth/finish", nil, 405},
		{"finish without a flow", "POST", "/t/acme/auth/finish", nil, 403},
		{"consent without a request", "GET", "/t/acme/auth/consent", nil, 400},
		{"consent where none is due", "GET", notDue, nil, 400},
		{"consent posted by nobody", "POST", "/t/acme/auth/consent", url.Values{"request": {w.seal(w.acme, w.request("third"))}, "action": {"agree"}}, 403},
		{"a body too large", "POST", "/t/acme/auth/login", url.Values{"email": {strings.Repeat("a", 70<<10)}}, 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.store.drain()
			p := b.do(tt.method, tt.target, tt.body, http.Header{"Sec-Fetch-Site": {"same-origin"}})
			p.want(t, tt.status)
			if !strings.HasPrefix(p.header.Get("Content-Type"), "text/html") || !strings.Contains(p.body, "<h1>") {
				t.Errorf("not a page: %v\n%s", p.header, p.body)
			}
			if tt.status == http.StatusMethodNotAllowed && p.header.Get("Allow") == "" {
				t.Error("no Allow header")
			}
			for _, call := range w.store.drain() {
				if !strings.HasPrefix(call, "Find") {
					t.Errorf("reached %s", call)
				}
			}
		})
	}
}

func TestBadAddressesComeBackWithTheirProblem(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{
		"", "ann", "ann@", "@example.org", "ann@localhost", "ann@example.org,bob@example.org", "ann@example．org＠x", "\"ann\"@example.org",
		"ann@[192.0.2.1]", "ann@example.org.", "<script>alert(1)</script>@example.org", "\u212a@example.org", strings.Repeat("a", 400) + "@example.org", "ann@example.org\nBcc: x@y.example",
	} {
		t.Run(typed, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			p := b.submit(b.get(w.loginPath(w.acme, w.request("web"))), "/auth/login", url.Values{"email": {typed}})
			p.want(t, http.StatusUnprocessableEntity)
			if p.texts["email-problem"] == "" {
				t.Error("says nothing of what is wrong")
			}
			f := p.form(t, "/auth/login")
			if kept := f.fields.Get("email"); !strings.HasPrefix(typed, kept) || kept == "" && typed != "" {
				t.Errorf("kept %q of what was typed", kept)
			}
			if strings.Contains(p.body, "<script>alert") {
				t.Error("markup came back as markup")
			}
			if len(w.limits.asked) != 0 || w.outbox.waiting() != 0 {
				t.Error("counted or mailed")
			}
			b.submit(p, "/auth/login", url.Values{"email": {"ann@example.org"}}).want(t, http.StatusSeeOther)
		})
	}
}

func TestMalformedCodesCostNoAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	page := b.get(waiting)
	for _, typed := range []string{"", " ", "ABC", "ABCD-EFGHJ", "ABCD-EFGU", "ÄBCD-EFGH", "https://login.example/t/acme/auth/verify", "https://x.example/?token=short", strings.Repeat("A", 5000)} {
		p := b.submit(page, "/auth/code", url.Values{"code": {typed}})
		p.want(t, http.StatusUnprocessableEntity)
		if p.texts["code-problem"] == "" {
			t.Errorf("%q: says nothing of what is wrong", typed)
		}
	}
	if n := flowOf(t, w, waiting).Attempts; n != 0 {
		t.Errorf("%d attempts counted", n)
	}
	other := idp.NewCredential(idp.NewID(w.clock.Now())).Reveal()
	p := b.submit(page, "/auth/code", url.Values{"code": {other}})
	p.want(t, http.StatusUnprocessableEntity)
	if n := flowOf(t, w, waiting).Attempts; n != 1 || !strings.Contains(p.texts["code-problem"], "4") {
		t.Errorf("%d attempts counted, told %q", n, p.texts["code-problem"])
	}
}

func TestAStoreThatFailsIsAPageWithoutTheCause(t *testing.T) {
	t.Parallel()
	causes := []struct {
		name   string
		err    error
		status int
	}{
		{"unavailable", fmt.Errorf("dial 10.0.0.5 secret-cause: %w", idp.ErrUnavailable), http.StatusServiceUnavailable},
		{"broken", errors.New("secret-cause: no such column"), http.StatusInternalServerError},
	}
	steps := []struct {
		name string
		fail string
		do   func(b *browser, loginPage, waitPage, herePage page, waiting, link string) page
	}{
		{"login", "FindClient", func(b *browser, _, _, _ page, _, _ string) page {
			return b.get(b.w.loginPath(b.w.acme, b.w.request("web")))
		}},
		{"stored request", "FindRequest", func(b *browser, _, _, _ page, _, _ string) page {
			return b.get("/t/acme/auth/login?stored=" + idp.NewID(b.w.clock.Now()))
		}},
		{"address", "StartFlow", func(b *browser, l, _, _ page, _, _ string) page {
			return b.submit(l, "/auth/login", url.Values{"email": {"bob@example.org"}})
		}},
		{"waiting", "FindFlowMail", func(b *browser, _, _, _ page, waiting, _ string) page { return b.get(waiting) }},
		{"resend", "Resend", func(b *browser, _, wait, _ page, _, _ string) page {
			b.w.clock.advance(time.Minute)
			return b.submit(wait, "/auth/resend", nil)
		}},
		{"code", "CountAttempt", func(b *browser, _, wait, _ page, _, link string) page {
			return b.submit(wait, "/auth/code", url.Values{"code": {link}})
		}},
		{"code completing", "CompleteFlow", func(b *browser, _, wait, _ page, _, link string) page {
			return b.submit(wait, "/auth/code", url.Values{"code": {link}})
		}},
		{"verify", "FindLink", func(b *browser, _, _, _ page, _, link string) page { return b.get(link) }},
		{"verify elsewhere", "FindLink", func(b *browser, _, _, _ page, _, link string) page { return b.w.browser().get(link) }},
		{"button", "CompleteFlow", func(b *browser, _, _, h page, _, _ string) page { return b.submit(h, "/auth/verify", nil) }},
		{"session", "FindSession", func(b *browser, _, _, _ page, _, _ string) page {
			return b.get("/t/acme/auth/consent?request=" + b.w.seal(b.w.acme, b.w.request("third")))
		}},
	}
	for _, cause := range causes {
		for _, step := range steps {
			t.Run(step.name+" "+cause.name, func(t *testing.T) {
				w := newWorld(t)
				b := w.browser()
				b.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web")
				loginPage := b.get(w.loginPath(w.acme, w.request("web")))
				waiting := b.submit(loginPage, "/auth/login", url.Values{"email": {"ann@example.org"}}).location
				link := w.send()
				waitPage, herePage := b.get(waiting), b.get(link)
				w.store.fail = func(method string) error {
					if method == step.fail {
						return cause.err
					}
					return nil
				}
				p := step.do(b, loginPage, waitPage, herePage, waiting, link)
				p.want(t, cause.status)
				if strings.Contains(p.body, "secret-cause") || !strings.Contains(w.log.String(), "secret-cause") {
					t.Error("the cause belongs in the log and nowhere else")
				}
				if id := p.header.Get("X-Request-Id"); id == "" || !strings.Contains(p.body, id) {
					t.Error("the page does not show the request's id")
				}
				if cause.status == http.StatusServiceUnavailable && p.header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				w.store.fail = nil
				b.submit(b.get(link), "/auth/verify", nil).answered(t, "web")
			})
		}
	}
}

func TestThePollSaysSoWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	w.store.fail = func(string) error { return idp.ErrUnavailable }
	p := b.get(strings.Replace(waiting, "/auth/waiting?", "/auth/waiting/state?", 1))
	if p.status != http.StatusServiceUnavailable || p.body != `{"state":"asked"}` || p.header.Get("Retry-After") == "" {
		t.Errorf("%d %s %v", p.status, p.body, p.header)
	}
}

func TestLimitsRefuse(t *testing.T) {
	t.Parallel()
	refusal := func(who idp.Refusal) func(idp.Address, string, time.Time) (idp.MailDecision, error) {
		return func(_ idp.Address, _ string, now time.Time) (idp.MailDecision, error) {
			return idp.MailDecision{Refused: who, RetryAt: now.Add(90 * time.Second)}, nil
		}
	}
	tests := []struct {
		name   string
		mail   func(idp.Address, string, time.Time) (idp.MailDecision, error)
		status int
	}{
		{"a network address that asks too often", refusal(idp.RefusedPeer), http.StatusTooManyRequests},
		{"a tenant that is over", refusal(idp.RefusedTenant), http.StatusServiceUnavailable},
		{"counters that cannot be read", func(idp.Address, string, time.Time) (idp.MailDecision, error) {
			return idp.MailDecision{}, idp.ErrUnavailable
		}, http.StatusServiceUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			wait := b.get(b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org"))
			w.clock.advance(time.Minute)
			w.limits.mail = tt.mail
			w.store.drain()
			for _, p := range []page{
				b.submit(b.get(w.loginPath(w.acme, w.request("web"))), "/auth/login", url.Values{"email": {"ann@example.org"}}),
				b.submit(wait, "/auth/resend", nil),
			} {
				p.want(t, tt.status)
				if after := p.header.Get("Retry-After"); after != "90" && after != "5" {
					t.Errorf("Retry-After %q", after)
				}
			}
			for _, call := range w.store.drain() {
				if !strings.HasPrefix(call, "Find") {
					t.Errorf("reached %s", call)
				}
			}
		})
	}
}

func TestAttemptsAreLimitedByNetworkAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	link := w.send()
	wait, here := b.get(waiting), b.get(link)
	w.limits.verdict = &idp.Verdict{RetryAt: w.clock.Now().Add(1500 * time.Millisecond)}
	for _, p := range []page{
		b.submit(wait, "/auth/code", url.Values{"code": {link}}),
		b.submit(here, "/auth/verify", nil),
	} {
		p.want(t, http.StatusTooManyRequests)
		if p.header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q", p.header.Get("Retry-After"))
		}
	}
	counted := w.limits.counted
	b.get(link).want(t, http.StatusOK) // opening is never limited: offices share an address
	if w.limits.counted != counted {
		t.Error("opening a link was counted")
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tests := []struct {
		name   string
		change func(*login.Config)
		want   string
	}{
		{"a trailing slash", func(c *login.Config) { c.PublicURL += "/" }, "trailing slash"},
		{"http in the open", func(c *login.Config) { c.PublicURL = "http://login.example" }, "https"},
		{"no URL", func(c *login.Config) { c.PublicURL = "" }, "absolute"},
		{"no store", func(c *login.Config) { c.Store = nil }, "store"},
		{"no sealer", func(c *login.Config) { c.Sealer = nil }, "sealer"},
		{"no limits", func(c *login.Config) { c.Limits = nil }, "limits"},
		{"no courier", func(c *login.Config) { c.Courier = nil }, "courier"},
		{"no responder", func(c *login.Config) { c.Responder = nil }, "responder"},
		{"no pages", func(c *login.Config) { c.Pages = nil }, "pages"},
		{"no clock", func(c *login.Config) { c.Clock = nil }, "clock"},
		{"no log", func(c *login.Config) { c.Log = nil }, "log"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := w.config()
			tt.change(&c)
			if _, err := login.New(c); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
		})
	}
}
