package mail_test

import (
	"html"
	"mime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/mail"
	"postern/templates"
)

// TestARealMailHoldsItsLinkOnceInEachPart goes through the real templates and
// reads the result with another library than wrote it.
func TestARealMailHoldsItsLinkOnceInEachPart(t *testing.T) {
	for _, c := range []struct{ name, locale, client string }{
		{"English", "en", "Shop"},
		{"German, with umlauts", "de", "Bäckerei Grüß"},
		{"a client that would end the header", "en", "Shop\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, err := templates.New()
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, always(nil), func(config *mail.Config) { config.Templates = set })
				d.store.claimed.Flow.Locale, d.store.claimed.Client.Metadata.Name = c.locale, c.client
				d.run(t, time.Second)
				m := d.hand.messages[0]
				raw, err := m.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				p := parse(t, raw)
				if n := strings.Count(p.parts["text/plain"], m.Link); n != 1 {
					t.Errorf("the link is %d times in the text:\n%s", n, p.parts["text/plain"])
				}
				if n := strings.Count(html.UnescapeString(p.parts["text/html"]), `href="`+m.Link+`"`); n != 1 {
					t.Errorf("the link is %d times in the HTML:\n%s", n, p.parts["text/html"])
				}
				subject, err := new(mime.WordDecoder).DecodeHeader(p.header.Get("Subject"))
				if err != nil || !strings.Contains(subject, c.client[:4]) || strings.ContainsAny(subject, "\r\n") {
					t.Errorf("subject %q, %v", subject, err)
				}
				if p.header["Bcc"] != nil || strings.Contains(p.parts["text/html"], "<script>") || strings.Contains(p.parts["text/html"], "<img") {
					t.Errorf("injected, or an image:\n%s", raw)
				}
			})
		})
	}
}
