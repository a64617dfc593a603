package mail_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/mail"
	"postern/mail/mailtest"
)

// read gives a mail to another language's parser and verifier.
func read(t *testing.T, raw string, keys ...mail.DKIMKey) mailtest.Mail {
	t.Helper()
	records := map[string]string{}
	for _, k := range keys {
		name, text, err := k.Record()
		if err != nil {
			t.Fatal(err)
		}
		records[name] = text
	}
	return mailtest.Read(t, raw, records)
}

func dkimKey(t *testing.T, domain, selector string, algorithm mail.KeyAlgorithm) mail.DKIMKey {
	t.Helper()
	k, err := mail.NewDKIMKey(domain, selector, algorithm, noon)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestMailsAreSignedAndVerify(t *testing.T) {
	rsa := dkimKey(t, "acme.example", "r1", mail.DKIMRSA)
	ed25519 := dkimKey(t, "acme.example", "e1", mail.DKIMEd25519)
	other := dkimKey(t, "other.example", "o1", mail.DKIMEd25519)
	const all = "From:To:Subject:Date:Message-ID:MIME-Version:Content-Type:Auto-Submitted:From:To:Subject:Reply-To:Cc:Content-Type"
	for _, c := range []struct {
		name   string
		keys   []mail.DKIMKey
		sender string
		ses    bool
		want   []mailtest.Signature
	}{
		{"RSA", []mail.DKIMKey{rsa}, "login@acme.example", false, []mailtest.Signature{{Good: true, Domain: "acme.example", Selector: "r1", Algorithm: "rsa-sha256", Headers: all}}},
		{"both, and none of another domain", []mail.DKIMKey{rsa, other, ed25519}, "login@acme.example", false, []mailtest.Signature{
			{Good: true, Domain: "acme.example", Selector: "r1", Algorithm: "rsa-sha256", Headers: all},
			{Good: true, Domain: "acme.example", Selector: "e1", Algorithm: "ed25519-sha256", Headers: all},
		}},
		{"by the domain above", []mail.DKIMKey{ed25519}, "no-reply@login.acme.example", false, []mailtest.Signature{{Good: true, Domain: "acme.example", Selector: "e1", Algorithm: "ed25519-sha256", Headers: all}}},
		{"not what ends alike", []mail.DKIMKey{ed25519}, "login@notacme.example", false, []mailtest.Signature{}},
		{"without what the provider replaces", []mail.DKIMKey{ed25519}, "login@acme.example", true, []mailtest.Signature{
			{Good: true, Domain: "acme.example", Selector: "e1", Algorithm: "ed25519-sha256", Headers: strings.Replace(all, "Date:Message-ID:", "", 1)},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t, usual, offering("AUTH PLAIN"))
			a := account(t, "smtp://"+s.address()+"?from="+c.sender)
			if login(&a); c.ses {
				a.Provider = "ses"
			}
			setups := newSetups()
			setups.put(t, acme, mail.Setup{Keys: c.keys})
			r := newRouter(t, setups, a)
			m := message()
			m.TenantID, m.Setup = acme, setups.id(acme)
			m.Headers = []mail.Header{{Name: "Auto-Submitted", Value: "auto-generated"}}
			if err := r.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			got := read(t, s.mails()[0].data, append(c.keys, rsa)...)
			if diff := cmp.Diff(c.want, got.Signatures); diff != "" {
				t.Errorf("signatures:\n%s", diff)
			}
			if len(got.Defects) > 0 {
				t.Errorf("defects: %q", got.Defects)
			}
		})
	}
}

// TestWhatASignatureCovers takes the mail as it went out, changes one thing, and
// has the other library look at it.
func TestWhatASignatureCovers(t *testing.T) {
	key := dkimKey(t, "acme.example", "r1", mail.DKIMRSA)
	s := startServer(t, usual)
	setups := newSetups()
	setups.put(t, acme, mail.Setup{Keys: []mail.DKIMKey{key}})
	m := message()
	m.TenantID, m.Setup = acme, setups.id(acme)
	if err := newRouter(t, setups, account(t, "smtp://"+s.address())).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	raw := s.mails()[0].data
	for _, c := range []struct {
		name, changed string
		good          bool
	}{
		{"as it is", raw, true},
		{"a relay's own field", "Received: from somewhere\r\n" + raw, true},
		{"another body", strings.Replace(raw, "Hello", "Hullo", 1), false},
		{"another subject", strings.Replace(raw, "Subject: Sign in", "Subject: Sign out", 1), false},
		{"a second sender", "From: eve@evil.example\r\n" + raw, false},
		{"a second subject", "Subject: You won\r\n" + raw, false},
		{"another way to answer", "Reply-To: eve@evil.example\r\n" + raw, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.changed == raw != (c.name == "as it is") {
				t.Fatal("nothing was changed")
			}
			if got := read(t, c.changed, key); len(got.Signatures) != 1 || got.Signatures[0].Good != c.good {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestRecordsAreWhatDNSHolds(t *testing.T) {
	k := dkimKey(t, "Acme.example", "", mail.DKIMRSA)
	name, text, err := k.Record()
	if err != nil || name != "postern-rsa-"+noon.Format("200601")+"._domainkey.acme.example" || !strings.HasPrefix(text, "v=DKIM1; k=rsa; p=MII") {
		t.Errorf("%s %s %v", name, text, err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "key", "key", k)
	if shown := log.String() + fmt.Sprintf("%v %+v %#v %s", k, k, k, k.Private); len(shown) > 1000 {
		t.Error("the private key is shown")
	}
	for name, create := range map[string]func() (mail.DKIMKey, error){
		"no domain":      func() (mail.DKIMKey, error) { return mail.NewDKIMKey("acme", "", mail.DKIMRSA, time.Now()) },
		"a bad selector": func() (mail.DKIMKey, error) { return mail.NewDKIMKey("acme.example", "a.b", mail.DKIMRSA, time.Now()) },
		"no algorithm":   func() (mail.DKIMKey, error) { return mail.NewDKIMKey("acme.example", "", "dsa", time.Now()) },
	} {
		if _, err := create(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
