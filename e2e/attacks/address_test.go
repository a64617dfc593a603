package attacks_test

import (
	"bytes"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"testing"
)

// confusing are addresses that two readers could take for two. %s is a name that
// nobody else has; want is where it may go, empty where nowhere.
var confusing = []struct{ typed, want string }{
	{"%s@example.com", "%s@example.com"},
	{"  %s@EXAMPLE.com ", "%s@example.com"},
	{"%s+tag@example.com", "%s+tag@example.com"},
	{"%s@bücher.example", "%s@xn--bcher-kva.example"},
	{"%s@BÜCHER.example", "%s@xn--bcher-kva.example"},
	{"%s", ""},
	{"%s@", ""},
	{"@%s.example.com", ""},
	{"%s@localhost", ""},
	{"%s@example.com.", ""},
	{"%s@.example.com", ""},
	{"%s@example..com", ""},
	{".%s@example.com", ""},
	{"%s.@example.com", ""},
	{"%s..x@example.com", ""},
	{"%s＠example.com", ""},
	{"%s@example.com＠evil.example", ""},
	{"%s@example。com", "%s@example.com"}, // how a Japanese keyboard writes it (UTS #46)
	{"%s@evil.example@example.com", ""},
	{`"%s"@example.com`, ""},
	{`"%s x"@example.com`, ""},
	{`"%s@evil.example"@example.com`, ""},
	{"%s@example.com,evil@evil.example", ""},
	{"%s@example.com;evil@evil.example", ""},
	{"%s@example.com evil@evil.example", ""},
	{"Name <%s@example.com>", ""},
	{"<%s@example.com>", ""},
	{"%s(comment)@example.com", ""},
	{"evil@evil.example:%s@example.com", ""},
	{"%s%%evil.example@example.com", ""},
	{"evil.example!%s@example.com", ""},
	{"=?utf-8?q?%s?=@example.com", ""},
	{"=?utf-8?b?YQ==?=%s@example.com", ""},
	{"\u212A%s@example.com", ""},
	{"\u0130%s@example.com", ""},
	{"\u0131%s@example.com", ""},
	{"%s@exa\u200Bmple.com", ""},
	{"%s\u0301@example.com", ""},
	{"%s@[192.0.2.1]", ""},
	{"%s@192.0.2.1", ""},
	{"%s@[IPv6:2001:db8::1]", ""},
	{"%s@exa_mple.com", ""},
	{"%s@-example.com", ""},
	{"%s@xn--a.example", ""},
	{"%s\r\nRCPT TO:<evil@evil.example>@example.com", ""},
	{"%s@example.com\r\nBcc: evil@evil.example", ""},
	{"%s@example.com\nBcc: evil@evil.example", ""},
	{"%s@example.com\x00", ""},
	{"%s\x00@example.com", ""},
	{"%s\t@example.com", ""},
	{"%s@example.com\u2028Bcc: evil@evil.example", ""},
	{"%s@" + strings.Repeat("a", 64) + ".example", ""},
	{"%s@" + strings.Repeat("a.", 126) + "example", ""},
	{"%s" + strings.Repeat("a", 65) + "@example.com", ""},
}

// Threat 12: each address is refused, or is one recipient in its one form.
func TestAddressesThatReadAsTwoGoNowhereOrToOneRecipient(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		b := browse(t)
		page := b.Get(c.request().url)
		names := map[string]int{}
		for i, one := range confusing {
			name, _, _ := strings.Cut(newAddress(), "@")
			names[name] = i
			fill := strings.NewReplacer("%s", name, "%%", "%").Replace
			p := submit(t, b, page, "/auth/login", url.Values{"email": {fill(one.typed)}})
			accepted := p.Status == http.StatusOK && strings.HasSuffix(p.URL.Path, "/auth/waiting")
			switch {
			case accepted != (one.want != ""):
				t.Errorf("%q: status %d at %s", one.typed, p.Status, p.URL.Path)
			case !accepted && (p.Status < 400 || p.Status >= 500):
				t.Errorf("%q is refused with %d", one.typed, p.Status)
			case accepted:
				m := w.mail(t, fill(one.want), 1)
				if len(m.Recipients) != 1 {
					t.Errorf("%q: recipients %q", one.typed, m.Recipients)
				}
				checkHeadersOfMail(t, m.Data, fill(one.want))
			}
		}
		last := newAddress() // the worker is past all of them
		c.begin(t, browse(t), last)
		w.mail(t, last, 1)
		for to, mails := range w.Sink.All() {
			if strings.Contains(to, "evil") {
				t.Errorf("a mail to %s", to)
			}
			for name, i := range names {
				want := strings.ReplaceAll(confusing[i].want, "%s", name)
				if strings.Contains(to, name) && (to != want || len(mails) != 1) {
					t.Errorf("%q brought %d mails to %q", confusing[i].typed, len(mails), to)
				}
			}
		}
	})
}

// checkHeadersOfMail checks that a mail says what it should and nothing besides.
func checkHeadersOfMail(t *testing.T, data []byte, to string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Errorf("mail to %s: %v", to, err)
		return
	}
	if got, err := m.Header.AddressList("To"); err != nil || len(got) != 1 || got[0].Address != to {
		t.Errorf("To: %v %v", got, err)
	}
	for _, name := range []string{"Cc", "Bcc", "Reply-To", "X-Injected"} {
		if got := m.Header.Get(name); got != "" {
			t.Errorf("mail to %s: %s: %s", to, name, got)
		}
	}
	if got := m.Header.Get("Auto-Submitted"); got != "auto-generated" {
		t.Errorf("mail to %s: Auto-Submitted: %q", to, got)
	}
}
