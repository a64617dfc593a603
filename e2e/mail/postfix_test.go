package mail_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"postern/e2e/harness"
	"postern/mail/mailtest"
)

var linkPattern = regexp.MustCompile(`https?://\S+/auth/verify\?token=\S+`)

// TestLoginsOverPostfix signs people in whose mails a real server took, over TLS
// and after a login, and has them read by another language's parser.
func TestLoginsOverPostfix(t *testing.T) {
	mx := harness.StartPostfix(t)
	t.Setenv("SSL_CERT_FILE", mx.Certificate)
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	user := strings.Replace(harness.PostfixUser, "@", "%40", 1)
	for i, c := range []struct{ name, server string }{
		{"STARTTLS and PLAIN", fmt.Sprintf("smtp://%s@127.0.0.1:%d?tls=starttls&auth=plain", user, mx.Submission)},
		{"STARTTLS and LOGIN", fmt.Sprintf("smtp://%s@127.0.0.1:%d?tls=starttls&auth=login", user, mx.Submission)},
		{"STARTTLS and SCRAM", fmt.Sprintf("smtp://%s@127.0.0.1:%d?tls=starttls&auth=scram-sha-256", user, mx.Submission)},
		{"TLS from the start and PLAIN", fmt.Sprintf("smtps://%s@127.0.0.1:%d?auth=plain", user, mx.SMTPS)},
		{"TLS from the start and SCRAM", fmt.Sprintf("smtps://%s@127.0.0.1:%d?auth=scram-sha-256", user, mx.SMTPS)},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newTenant(t, s, fmt.Sprintf("acme-%d", i), c.server)
			s.Run(t, "tenant", "set", n.slug, "mail_from=login@acme.example", "mail_from_name=Acme Login")
			s.Run(t, "mail", "dkim", "create", "--tenant", n.slug, "--domain", "acme.example", "--selector", "r", "--algorithm", "rsa")
			s.Run(t, "mail", "dkim", "create", "--tenant", n.slug, "--domain", "acme.example", "--selector", "e", "--algorithm", "ed25519")
			address := fmt.Sprintf("ann-%d@example.com", i)
			b := n.begin(address)
			mails := mx.WaitMail(address)
			if len(mails) != 1 {
				t.Fatalf("%d mails", len(mails))
			}
			n.finish(b, n.checkMail(mails[0], address))
		})
	}
	t.Run("a test mail tells each step", func(t *testing.T) {
		out := string(s.Run(t, "mail", "test", "--tenant", "acme-2", "--to", "test@example.com"))
		for _, want := range []string{
			"ok    connect", "ok    TLS        TLS 1.3, certificate of", "ok    greeting   as acme.example", "ok    login      scram-sha-256 as login@acme.example",
			"ok    sender", "ok    recipient  test@example.com", "ok    message", "signed by  r._domainkey.acme.example, e._domainkey.acme.example",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if strings.Contains(out, harness.PostfixPassword) {
			t.Error("the password is shown")
		}
		mx.WaitMail("test@example.com")
	})
	if log := mx.Log(); strings.Contains(log, "sasl_method=NTLM") || strings.Contains(log, "sasl_method=CRAM-MD5") || !strings.Contains(log, "sasl_method=SCRAM-SHA-256") {
		t.Errorf("logins:\n%s", log)
	}
}

// checkMail holds a mail to DESIGN section 7, and gives its link.
func (n tenant) checkMail(raw, address string) (link string) {
	n.t.Helper()
	m := mailtest.Read(n.t, strings.ReplaceAll(raw, "\n", "\r\n"), n.records())
	if len(m.Defects) > 0 || m.Type != "multipart/alternative" || len(m.Parts) != 2 {
		n.t.Errorf("%s with %d parts, defects %q", m.Type, len(m.Parts), m.Defects)
	}
	if len(m.Signatures) != 2 || !m.Signatures[0].Good || !m.Signatures[1].Good {
		n.t.Errorf("signatures %+v", m.Signatures)
	}
	// Neither the Message-ID nor who greeted the server tells this machine's name.
	for name, want := range map[string]string{
		"From": `^Acme Login <login@acme\.example>$`, "To": "^" + regexp.QuoteMeta(address) + "$", "Subject": "Shop",
		"Auto-Submitted": "^auto-generated$", "Message-ID": `^<[0-9a-f-]{36}@acme\.example>$`, "Return-Path": `^<login@acme\.example>$`,
		"Received": `^from acme\.example .*with ESMTPSA`, "Date": `^\w{3}, \d`,
	} {
		if got := m.Headers[name]; len(got) != 1 || !regexp.MustCompile(want).MatchString(got[0]) {
			n.t.Errorf("%s: %q, want %s", name, got, want)
		}
	}
	links := linkPattern.FindAllString(m.Parts["text/plain"], -1)
	if len(links) != 1 || !strings.HasPrefix(links[0], n.issuer()) || !strings.Contains(m.Parts["text/html"], `href="`+links[0]+`"`) {
		n.t.Fatalf("links %q", links)
	}
	return links[0]
}

// records are what the tenant's operator is told to publish.
func (n tenant) records() map[string]string {
	n.t.Helper()
	var told []struct{ Name, Value string }
	if err := json.Unmarshal(n.server.Run(n.t, "mail", "dkim", "show", "--tenant", n.slug, "--json"), &told); err != nil {
		n.t.Fatal(err)
	}
	records := map[string]string{}
	for _, r := range told {
		records[r.Name] = r.Value
	}
	return records
}
