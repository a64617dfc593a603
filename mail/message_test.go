package mail_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
	"postern/mail"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// parsed is a mail as a reader of the standard library sees it.
type parsed struct {
	header netmail.Header
	kind   string
	parts  map[string]string // by media type
	order  []string
}

func parse(t *testing.T, raw []byte) parsed {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	p := parsed{header: m.Header, kind: kind, parts: map[string]string{}}
	for reader := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := reader.NextPart() // undoes quoted-printable
		if errors.Is(err, io.EOF) {
			return p
		}
		if err != nil {
			t.Fatal(err)
		}
		media, params, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil || !strings.EqualFold(params["charset"], "utf-8") {
			t.Fatalf("part %s %v: %v", media, params, err)
		}
		body, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		p.parts[media] = strings.ReplaceAll(string(body), "\r\n", "\n")
		p.order = append(p.order, media)
	}
}

func TestAMailIsWhatItsReaderExpects(t *testing.T) {
	m := message()
	m.From.Name, m.Subject = "Bäckerei \"Zum Löwen\"", "Anmelden bei Bäckerei – jetzt"
	m.Text = "Grüße\n.\nhttps://acme.example/auth/verify?token=" + strings.Repeat("A", 64) + "\n"
	m.HTML = `<p>Grüße <a href="https://acme.example/auth/verify?token=` + strings.Repeat("A", 64) + `">acme.example</a></p>`
	m.Headers = []mail.Header{{Name: "Auto-Submitted", Value: "auto-generated"}}
	m.MessageID = "0193a000-0000-7000-8000-000000000001@" + strings.Repeat("long-label.", 8) + "example"
	raw, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.IndexFunc(raw, func(r rune) bool { return r > 0x7e }); i >= 0 {
		t.Errorf("not ASCII at byte %d", i)
	}
	for line := range strings.SplitSeq(string(raw), "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("a line of %d bytes: %q", len(line), line) // RFC 5322 §2.1.1
		}
	}
	p := parse(t, raw)
	if p.kind != "multipart/alternative" || !cmp.Equal(p.order, []string{"text/plain", "text/html"}) {
		t.Errorf("%s of %v", p.kind, p.order)
	}
	if p.parts["text/plain"] != m.Text || p.parts["text/html"] != m.HTML {
		t.Errorf("parts changed on the way: %q", p.parts)
	}
	from, err := p.header.AddressList("From")
	if err != nil || len(from) != 1 || *from[0] != (netmail.Address{Name: m.From.Name, Address: string(m.From.Address)}) {
		t.Errorf("From: %v, %v", from, err)
	}
	if date, err := p.header.Date(); err != nil || !date.Equal(noon) {
		t.Errorf("Date: %v, %v", date, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(p.header.Get("Subject"))
	if err != nil || subject != m.Subject {
		t.Errorf("Subject: %q, %v", subject, err)
	}
	for name, want := range map[string][]string{
		"To": {"<" + string(ann) + ">"}, "Auto-Submitted": {"auto-generated"}, "Message-Id": {"<" + m.MessageID + ">"},
		"Bcc": nil, "Cc": nil, "User-Agent": nil, "X-Mailer": nil,
	} {
		if diff := cmp.Diff(want, p.header[name]); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestNoFieldCanEndItsHeader(t *testing.T) {
	evil := "Acme\r\nBcc: eve@evil.example\r\n\r\n<h1>Hello</h1>\n\u2028X: y\x00\u202e"
	m := message()
	m.From.Name, m.Subject, m.Headers = evil, evil, []mail.Header{{Name: "X-Client", Value: evil}}
	raw, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, raw)
	if p.header["Bcc"] != nil || p.kind != "multipart/alternative" || p.parts["text/plain"] != m.Text {
		t.Errorf("injected: %v %s %q", p.header, p.kind, p.parts)
	}
	for _, name := range []string{"From", "Subject", "X-Client"} {
		decoded, err := new(mime.WordDecoder).DecodeHeader(p.header.Get(name))
		if err != nil || len(p.header[name]) != 1 || strings.ContainsAny(decoded, "\r\n\x00\u2028\u202e") {
			t.Errorf("%s: %q, %v", name, decoded, err)
		}
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*mail.Message){
		"no recipient":                   func(m *mail.Message) { m.To = "" },
		"a recipient not in its form":    func(m *mail.Message) { m.To = "Ann@example.org" },
		"a list of recipients":           func(m *mail.Message) { m.To = "ann@example.org,eve@evil.example" },
		"a command after the recipient":  func(m *mail.Message) { m.To = "ann@example.org>\r\nRCPT TO:<eve@evil.example" },
		"a fullwidth at sign":            func(m *mail.Message) { m.To = "ann＠example.org" },
		"no sender":                      func(m *mail.Message) { m.From.Address = "" },
		"a sender not in its form":       func(m *mail.Message) { m.From.Address = "Acme <login@acme.example>" },
		"no message id":                  func(m *mail.Message) { m.MessageID = "" },
		"a message id that ends a line":  func(m *mail.Message) { m.MessageID = "a@b\r\nBcc: eve@evil.example" },
		"a header name that ends a line": func(m *mail.Message) { m.Headers = []mail.Header{{Name: "X\r\nBcc", Value: "eve"}} },
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, usual)
			m := message()
			spoil(&m)
			if err := dialTo(t, s).Send(t.Context(), m); !errors.Is(err, mail.ErrPermanent) {
				t.Error(err)
			}
			if s.said("RCPT") {
				t.Error("a recipient was named to the server")
			}
			if err := mail.NewMailbox(1).Send(t.Context(), m); !errors.Is(err, mail.ErrPermanent) {
				t.Errorf("the mailbox: %v", err)
			}
		})
	}
}

func TestTheMailboxShowsTheNewestFirst(t *testing.T) {
	box := mail.NewMailbox(3)
	if list := box.List(""); list == nil || len(list) != 0 {
		t.Errorf("empty: %#v", list)
	}
	for i, to := range []idp.Address{"a@example.org", "b@example.org", "a@example.org", "c@example.org", "a@example.org"} {
		m := message()
		m.To, m.Date, m.Link = to, noon.Add(time.Duration(i)*time.Minute), "https://acme.example"
		if err := box.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	minutes := func(list []mail.Delivered) (got []int) {
		for _, d := range list {
			got = append(got, int(d.SentAt.Sub(noon)/time.Minute))
		}
		return got
	}
	if diff := cmp.Diff([]int{4, 3, 2}, minutes(box.List(""))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{4, 2}, minutes(box.List("a@example.org"))); diff != "" {
		t.Error(diff)
	}
	want := mail.Delivered{
		To: "c@example.org", From: "login@acme.example", Subject: "Sign in", Text: "Hello\n.\nthere\n",
		HTML: "<p>Hello</p>", Link: "https://acme.example", SentAt: noon.Add(3 * time.Minute),
	}
	if diff := cmp.Diff([]mail.Delivered{want}, box.List("c@example.org")); diff != "" {
		t.Error(diff)
	}
}

func TestATeeKeepsWhatWasTaken(t *testing.T) {
	for _, c := range []struct {
		name string
		do   script
		want error
		kept int
	}{
		{"taken", usual, nil, 1},
		{"refused", on("RCPT", "550 nobody"), mail.ErrPermanent, 0},
		{"answer lost", on("END", hangUp), mail.ErrUnknown, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			box := mail.NewMailbox(10)
			tee := mail.Tee{Transport: dialTo(t, startServer(t, c.do)), Mailbox: box}
			if err := tee.Send(t.Context(), message()); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if n := len(box.List("")); n != c.kept {
				t.Errorf("%d kept, want %d", n, c.kept)
			}
		})
	}
}
