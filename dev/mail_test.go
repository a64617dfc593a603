package dev_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/dev"
)

// mailbox is one that a test fills.
type mailbox struct{ mails []dev.Mail }

// Messages implements dev.Mailbox.
func (m *mailbox) Messages(to string) []dev.Mail {
	var found []dev.Mail
	for _, mail := range m.mails {
		if to == "" || mail.To == to {
			found = append(found, mail)
		}
	}
	return found
}

func someMails() []dev.Mail {
	mail := func(to string, minute int) dev.Mail {
		return dev.Mail{
			To: to, From: "Demo <demo@example.com>", Subject: "Sign in to <Demo>", Text: "Open the link",
			HTML:   `<style>p{color:red}</style><p style="margin:0">Open <a href="https://id.example/x">it</a></p>`,
			Link:   publicURL + "/t/demo/auth/verify?token=abc",
			SentAt: began.Add(time.Duration(minute)*time.Minute + time.Millisecond).In(time.FixedZone("east", 3600)),
		}
	}
	return []dev.Mail{mail("ada@example.com", 2), mail("bob@example.com", 1)}
}

func TestMailAPIGivesTheMailsToAnAddress(t *testing.T) {
	f := setUp(t)
	f.mailbox.mails = someMails()
	var got []map[string]string
	w := f.do(http.MethodGet, "/dev/api/mail?to=Ada@Example.com")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	m := someMails()[0]
	want := []map[string]string{{
		"to": m.To, "from": m.From, "subject": m.Subject, "text": m.Text, "html": m.HTML, "link": m.Link, "sent_at": "2026-03-01T12:02:00.001Z",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", w.Header())
	}
}

func TestMailAPIGivesAnEmptyListWhereThereIsNone(t *testing.T) {
	f := setUp(t)
	for _, query := range []string{"", "?to=", "?to=nobody@example.com", "?to=not+an+address"} {
		if got := strings.TrimSpace(f.do(http.MethodGet, "/dev/api/mail"+query).Body.String()); got != "[]" {
			t.Errorf("%q gives %s", query, got)
		}
	}
}

func TestMailboxPageShowsMailsAndTheirLinks(t *testing.T) {
	f := setUp(t)
	f.mailbox.mails = someMails()
	w := f.do(http.MethodGet, "/dev/mail?to=ada@example.com")
	page := w.Body.String()
	contains(t, page, "Sign in to &lt;Demo&gt;", "ada@example.com", `target="_blank" rel="noopener"`, "token=abc",
		`sandbox="allow-popups allow-popups-to-escape-sandbox"`, "srcdoc=", "Open the link")
	if strings.Contains(page, "bob@example.com") || strings.Contains(page, "<style>") {
		t.Errorf("page: %s", page)
	}
	checkHeaders(t, w.Header())
}

func TestMailStylesAreAllowedOneByOne(t *testing.T) {
	f := setUp(t)
	f.mailbox.mails = someMails()
	csp := f.do(http.MethodGet, "/dev/mail").Header().Get("Content-Security-Policy")
	// printf 'margin:0' | openssl dgst -sha256 -binary | base64, and p{color:red} alike
	for _, want := range []string{"'unsafe-hashes'", "sha256-q3nqK4VzeI/SowYCYQ/tCfo056B/JMutuSpzbJbHczk=", "sha256-p0bF+un5yUb9MBO6xRb8kPHlY2BdpHVtLiFkDrZPF64="} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s lacks %s", csp, want)
		}
	}
	if strings.Count(csp, "sha256-") != 2 {
		t.Errorf("two mails of one style need two hashes: %s", csp)
	}
}

func TestMailboxPageSaysThatThereIsNoMail(t *testing.T) {
	contains(t, setUp(t).do(http.MethodGet, "/dev/mail?to=ada@example.com").Body.String(), "No mail to ada@example.com yet")
}
