package e2e_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// Each form of a login, sent as another site or without one of its hidden
// fields would send it, is refused and changes nothing; then it works.
func TestFormsAreRefusedWithoutTheirTokenOrFromElsewhere(t *testing.T) {
	t.Parallel()
	c, b := newClient(t, shared, "--public"), newBrowser(t)
	l := &login{t: t, client: c, browser: b, request: c.request(), address: newAddress()}
	page := b.Get(l.request.url)
	forge(t, b, page, "/auth/login", url.Values{"email": {l.address}})
	if got := shared.Mails(t, l.address); len(got) != 0 {
		t.Fatalf("a forged form brought %d mails", len(got))
	}
	l.waiting = postAddress(t, b, page, l.address)
	link := l.mail().Link
	forge(t, b, l.waiting, "/auth/code", url.Values{"code": {link}})
	forge(t, b, l.waiting, "/auth/resend", nil)
	verify := b.Get(link)
	forge(t, b, verify, "/auth/verify", nil)
	l.stillWaits()
	completed := press(t, b, verify, "/auth/verify")
	forge(t, b, completed, "/auth/finish", nil)
	l.finish(press(t, b, completed, "/auth/finish"))
}

// spares is the one hidden field that proves nothing: it spares the server a
// look at the link, and does so only while its seal holds.
const spares = "link"

func forge(t *testing.T, b *harness.Browser, p *harness.Page, action string, typed url.Values) {
	t.Helper()
	form := p.FormTo(t, action)
	whole := form.Values(submitter(form), typed)
	for _, from := range []string{"https://evil.example", "http://localhost:1"} {
		if got, err := b.Do(http.MethodPost, form.Action.String(), from, whole); err != nil || got.Status != http.StatusForbidden {
			t.Errorf("%s from %s: %v, %v", action, from, got, err)
		}
	}
	for _, field := range form.Fields {
		if field.Type != "hidden" || field.Name == spares {
			continue
		}
		for _, value := range []string{"", "AAAA", strings.Repeat("A", len(field.Value))} {
			values := maps.Clone(whole)
			values.Set(field.Name, value)
			got, err := b.Do(http.MethodPost, form.Action.String(), harness.Origin(p.URL), values)
			if err != nil || got.Status < 400 || got.Status >= 500 {
				t.Errorf("%s with %s=%q: %v, %v", action, field.Name, value, got, err)
			}
		}
	}
}
