package mail_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/e2e/harness"
)

// waiter is a person before the page that waits, without scripts.
type waiter struct {
	address string
	browser *harness.Browser
	page    *harness.Page
}

// people are a known person, one who is disabled, and one whom nobody knows.
func (n tenant) people() []waiter {
	n.t.Helper()
	names := []string{"known", "ended", "other"}
	var all []waiter
	for _, name := range names {
		address := name + "@example.com" // all of one length, so that whole pages can be compared
		if name != "other" {
			n.server.Run(n.t, "user", "invite", "--tenant", n.slug, address)
		}
		if name == "ended" {
			n.server.Run(n.t, "user", "disable", "--tenant", n.slug, address)
		}
		all = append(all, waiter{address: address})
	}
	for i := range all {
		all[i].browser, all[i].page = n.ask(all[i].address)
	}
	return all
}

// poll gives what the page's script is told.
func (p waiter) poll() string {
	address := strings.Replace(p.page.URL.String(), "/auth/waiting?", "/auth/waiting/state?", 1)
	return p.browser.Get(address).Body
}

// checkAgain presses that button.
func (p waiter) checkAgain(t *testing.T) string {
	t.Helper()
	for _, form := range p.page.Forms() {
		if form.Method == http.MethodGet {
			return p.browser.Submit(p.page, form, nil, nil).Body
		}
	}
	t.Fatalf("no such button at %s", p.page.URL)
	return ""
}

// What differs from one login to the next, whoever asks.
var passing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_-]{22,}|datetime="[^"]*"|\d\d:\d\d(:\d\d)?`)

func (p waiter) shape(page string) string {
	return passing.ReplaceAllString(strings.ReplaceAll(page, p.address, "ADDRESS"), "…")
}

// The page tells how a mail fares, alike for whoever asked, in a tenant that mails
// everyone; in one that does not, it tells nobody, whatever becomes of the mails.
func TestThePageThatWaitsTellsHowTheMailFaresWhereEveryoneIsMailed(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	for i, fault := range []struct{ reply, state, words string }{
		{"450 4.2.0 greylisted", "delayed", "Your mail is delayed"},
		{"550 5.1.1 nobody", "refused", "Mail to this address is refused"},
		{"554 5.7.1 not to this one", "refused", "Mail to this address is refused"},
	} {
		t.Run(fault.reply, func(t *testing.T) {
			t.Parallel()
			f := harness.StartFaulty(t, harness.On("RCPT", fault.reply))
			newOne := func(kind, setting string) tenant {
				n := newTenant(t, s, fmt.Sprintf("%s-%d", kind, i), f.URL())
				s.Run(t, "tenant", "set", n.slug, setting)
				return n
			}
			silent := [][]waiter{newOne("invited", "sign_up=invited").people(), newOne("listed", "blocked_domains=evil.example").people()}
			open := newOne("open", "sign_up=open").people() // after the others, so that theirs are as old
			for _, p := range open {
				harness.Eventually(t, p.address+" is told", func() bool { return p.poll() == `{"state":"`+fault.state+`"}` })
				page := p.checkAgain(t)
				if !strings.Contains(page, fault.words) || !strings.Contains(page, "Use a different address") {
					t.Errorf("%s: the page says:\n%s", p.address, page)
				}
				if diff := cmp.Diff(open[0].shape(open[0].checkAgain(t)), p.shape(page)); diff != "" {
					t.Errorf("%s is told apart:\n%s", p.address, diff)
				}
			}
			harness.Eventually(t, "a mail of each tenant meets the fault", func() bool { return f.Heard("RCPT") >= 5 })
			for _, people := range silent {
				for _, p := range people {
					if got := p.poll(); got != `{"state":"asked"}` {
						t.Errorf("%s: the poll tells %s", p.page.URL, got)
					}
					if diff := cmp.Diff(people[0].shape(people[0].page.Body), p.shape(p.checkAgain(t))); diff != "" {
						t.Errorf("%s: the page tells:\n%s", p.page.URL, diff)
					}
				}
			}
		})
	}
}
