package e2e_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/e2e/harness"
)

// The mailbox limit, with default limits: the second request within a minute
// brings the same page and no mail.
func TestSecondRequestWithinAMinuteBringsNoMailAndTheSamePage(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary)
	c := newClient(t, s)
	address, other := newAddress(), newAddress()
	first := begin(t, c, newBrowser(t), address)
	first.mail()
	second := begin(t, c, newBrowser(t), address)
	// A mail to someone else that was asked for later has arrived: the worker is past it.
	begin(t, c, newBrowser(t), other).mail()
	if got := len(s.Mails(t, address)); got != 1 {
		t.Errorf("%d mails", got)
	}
	if first.waiting.Status != second.waiting.Status {
		t.Errorf("status %d, then %d", first.waiting.Status, second.waiting.Status)
	}
	if diff := cmp.Diff(shape(first.waiting), shape(second.waiting)); diff != "" {
		t.Error(diff)
	}
	// The link that was sent stays good, and the login gives back what it took.
	first.finish(first.openLink(first.mail().Link))
	third := begin(t, c, newBrowser(t), address)
	third.finish(third.openLink(s.WaitMail(t, address, 2).Link))
}

// What differs from login to login: sealed and random values, and times of day.
var (
	random = regexp.MustCompile(`[A-Za-z0-9_-]{22,}`)
	clock  = regexp.MustCompile(`\d\d:\d\d(:\d\d)?`)
)

// shape is a page without what names its own login.
func shape(p *harness.Page) string {
	body := p.Body
	for _, value := range p.URL.Query() {
		body = strings.ReplaceAll(body, value[0], "…")
	}
	return clock.ReplaceAllString(random.ReplaceAllString(body, "…"), "hh:mm")
}

// Whoever signs out and in again is never left waiting: a completed login gives
// back what it took.
func TestAPersonSignsInOutAndInAgainWithoutAWait(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary)
	c, b, address := newClient(t, s), newBrowser(t), newAddress()
	for n := range 3 {
		l := begin(t, c, b, address, "prompt", "login")
		l.finish(l.openLink(s.WaitMail(t, address, n+1).Link))
	}
}

func TestFortyPeopleBehindOneAddressSignIn(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary)
	c := newClient(t, s)
	waiting := make([]*login, 40)
	for i := range waiting {
		waiting[i] = begin(t, c, newBrowser(t), newAddress())
	}
	for _, l := range waiting {
		l.finish(l.openLink(s.WaitMail(t, l.address, 1).Link))
	}
}
