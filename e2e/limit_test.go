package e2e_test

import (
	"regexp"
	"strings"
	"testing"

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
	if first.waiting.Status != second.waiting.Status || shape(first.waiting) != shape(second.waiting) {
		t.Errorf("the pages differ:\n%s\n\n%s", shape(first.waiting), shape(second.waiting))
	}
	// The link that was sent stays good, and the login gives back what it took.
	first.finish(first.openLink(first.mail().Link))
	third := begin(t, c, newBrowser(t), address)
	third.finish(third.openLink(s.WaitMail(t, address, 2).Link))
}

// clock is a time of day, or a machine's time.
var clock = regexp.MustCompile(`\d\d:\d\d(:\d\d)?`)

// shape is a page without what names its own flow.
func shape(p *harness.Page) string {
	body := p.Body
	for _, f := range p.Forms() {
		for _, field := range f.Fields {
			if field.Type == "hidden" && len(field.Value) > 8 {
				body = strings.ReplaceAll(body, field.Value, "…")
			}
		}
	}
	for _, value := range p.URL.Query() {
		body = strings.ReplaceAll(body, value[0], "…")
	}
	return clock.ReplaceAllString(body, "hh:mm")
}
