package e2e_test

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"

	"postern/e2e/harness"
)

func TestMailOverPostfixParsesAndItsLinkSignsIn(t *testing.T) {
	t.Parallel()
	mx := harness.StartPostfix(t)
	s := harness.StartFor(t, binary, "--smtp", "smtp://"+mx.Address())
	l := begin(t, newClient(t, s), newBrowser(t), newAddress())
	message := readMessage(t, mx.WaitMail("")[0])
	if to, err := message.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != l.address {
		t.Errorf("To: %v, %v", to, err)
	}
	if got := message.Header.Get("Delivered-To"); got != l.address {
		t.Errorf("Delivered-To: %q", got)
	}
	if _, err := message.Header.Date(); err != nil {
		t.Error(err)
	}
	if got := message.Header.Get("Auto-Submitted"); got != "auto-generated" {
		t.Errorf("Auto-Submitted: %q", got)
	}
	if id := message.Header.Get("Message-Id"); !strings.HasPrefix(id, "<") || !strings.Contains(id, "@") {
		t.Errorf("Message-ID: %q", id)
	}
	parts := readParts(t, message)
	for _, kind := range []string{"text/plain", "text/html"} {
		if got := strings.Count(parts[kind], "/auth/verify?token="); got < 1 || got > 2 {
			t.Errorf("%s holds the link %d times:\n%s", kind, got, parts[kind])
		}
	}
	link := onlyLink(t, parts["text/plain"])
	if !strings.HasPrefix(link, s.Issuer+"/auth/verify?token=") {
		t.Errorf("link: %s", link)
	}
	l.finish(l.openLink(link))
}

func readMessage(t *testing.T, raw string) *mail.Message {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%v:\n%s", err, raw)
	}
	return m
}

// onlyLink gives the one web address of a text.
func onlyLink(t *testing.T, text string) string {
	t.Helper()
	links := map[string]bool{}
	for _, word := range strings.Fields(text) {
		if strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://") {
			links[word] = true
		}
	}
	if len(links) != 1 {
		t.Fatalf("%d links in:\n%s", len(links), text)
	}
	for link := range links {
		return link
	}
	return ""
}

// readParts decodes a multipart/alternative mail.
func readParts(t *testing.T, m *mail.Message) map[string]string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %q: %v", m.Header.Get("Content-Type"), err)
	}
	parts, reader := map[string]string{}, multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = part
		if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			body = quotedprintable.NewReader(part)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		parts[kind] = string(text)
	}
}
