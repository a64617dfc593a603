package mail_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
	"postern/mail"
)

// inFiles reads secrets that are named like their files.
func inFiles(file string) (mail.Secret, error) {
	if strings.Contains(file, "missing") {
		return "", errors.New("no such file")
	}
	return mail.Secret("in " + file), nil
}

func TestAccountsAreReadFromURLs(t *testing.T) {
	gmail := mail.Account{
		Name: "gmail", Provider: "gmail", Host: "smtp.gmail.com", Port: 465, TLS: mail.ImplicitTLS,
		User: "ann@acme.example", Password: "app word", Auth: mail.Plain,
	}
	of := func(provider, host string, port int, tls mail.TLSMode, user string, password mail.Secret) mail.Account {
		auth := mail.Plain
		if user == "" {
			auth = mail.NoAuth
		}
		return mail.Account{
			Name: provider, Provider: provider, Host: host, Port: port, TLS: tls, User: user, Password: password, Auth: auth,
		}
	}
	with := func(a mail.Account, change func(*mail.Account)) mail.Account { change(&a); return a }
	for _, c := range []struct {
		url  string
		want mail.Account
	}{
		{"gmail://ann%40acme.example:app%20word@", gmail},
		{"gmail://ann%40acme.example:app%20word@:587", with(gmail, func(a *mail.Account) { a.Port, a.TLS = 587, mail.StartTLS })},
		{"gmail://relay", of("gmail", "smtp-relay.gmail.com", 465, mail.ImplicitTLS, "", "")},
		{"gmail://ann%40acme.example@?client-id=app&refresh-token-file=r&client-secret-file=c", with(gmail, func(a *mail.Account) {
			a.Password, a.Auth = "", mail.XOAuth2
			a.OAuth = &mail.OAuth{
				TokenURL: "https://oauth2.googleapis.com/token", ClientID: "app", ClientSecret: "in c", RefreshToken: "in r",
			}
		})},
		{"microsoft365://login%40acme.example@?client-id=app&client-secret-file=c&tenant-id=acme.example", with(
			of("microsoft365", "smtp.office365.com", 587, mail.StartTLS, "login@acme.example", ""), func(a *mail.Account) {
				a.Auth = mail.XOAuth2
				a.OAuth = &mail.OAuth{
					TokenURL: "https://login.microsoftonline.com/acme.example/oauth2/v2.0/token", ClientID: "app", ClientSecret: "in c",
					Scope: "https://outlook.office365.com/.default",
				}
			})},
		{"microsoft365://a%40acme.example:p@", with(
			of("microsoft365", "smtp.office365.com", 587, mail.StartTLS, "a@acme.example", "p"), func(a *mail.Account) { a.Auth = mail.Login })},
		{"ses://AKIA:s%2Fcret@eu-central-1", of("ses", "email-smtp.eu-central-1.amazonaws.com", 465, mail.ImplicitTLS, "AKIA", "s/cret")},
		{"ses://AKIA:s@us-gov-west-1:2587", of("ses", "email-smtp.us-gov-west-1.amazonaws.com", 2587, mail.StartTLS, "AKIA", "s")},
		{"sendgrid://?password-file=/run/key", of("sendgrid", "smtp.sendgrid.net", 587, mail.StartTLS, "apikey", "in /run/key")},
		{"sendgrid://SG.key@", of("sendgrid", "smtp.sendgrid.net", 587, mail.StartTLS, "apikey", "SG.key")},
		{"sendgrid://apikey:SG.key@", of("sendgrid", "smtp.sendgrid.net", 587, mail.StartTLS, "apikey", "SG.key")},
		{"mailgun://post%40mg.acme.example:p@eu", of("mailgun", "smtp.eu.mailgun.org", 465, mail.ImplicitTLS, "post@mg.acme.example", "p")},
		{"postmark://TOKEN@", of("postmark", "smtp.postmarkapp.com", 587, mail.StartTLS, "TOKEN", "TOKEN")},
		{"postmark://?password-file=t", of("postmark", "smtp.postmarkapp.com", 587, mail.StartTLS, "in t", "in t")},
		{"resend://?password-file=k", of("resend", "smtp.resend.com", 465, mail.ImplicitTLS, "resend", "in k")},
		{"mailjet://key:secret@", of("mailjet", "in-v3.mailjet.com", 465, mail.ImplicitTLS, "key", "secret")},
		{"brevo://ann:key@:2525", of("brevo", "smtp-relay.brevo.com", 2525, mail.StartTLS, "ann", "key")},
		{"fastmail://ann%40fastmail.example:p@", of("fastmail", "smtp.fastmail.com", 465, mail.ImplicitTLS, "ann@fastmail.example", "p")},
		{"smtp://mail.example", of("relay", "mail.example", 587, mail.StartTLS, "", "")},
		{"smtp://u:p@mail.example:25?auth=scram-sha-256", with(
			of("relay", "mail.example", 25, mail.StartTLS, "u", "p"), func(a *mail.Account) { a.Auth = mail.ScramSHA256 })},
		{"smtps://mail.example", of("relay", "mail.example", 465, mail.ImplicitTLS, "", "")},
		{"smtp://127.0.0.1:1025", of("relay", "127.0.0.1", 1025, mail.NoTLS, "", "")},
		{"smtp://127.0.0.1:1025?tls=starttls", of("relay", "127.0.0.1", 1025, mail.StartTLS, "", "")},
		{"relay://localhost", of("relay", "localhost", 25, mail.NoTLS, "", "")},
		{"relay://mx.acme.example", of("relay", "mx.acme.example", 587, mail.StartTLS, "", "")},
		{"smtps://[2001:db8::1]/?from=Login%40acme.example&name=backup", with(
			of("relay", "2001:db8::1", 465, mail.ImplicitTLS, "", ""), func(a *mail.Account) { a.Name, a.From = "backup", "login@acme.example" })},
	} {
		t.Run(c.url, func(t *testing.T) {
			got, err := mail.ParseAccount(c.url, inFiles)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAccountsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, url, says string }{
		{"no URL at all", "://user:secret@", "not a URL"},
		{"another scheme", "http://user:secret@mail.example", "provider"},
		{"no host", "smtp://user:secret@", "which server"},
		{"a path", "smtp://user:secret@mail.example/inbox", "not a URL"},
		{"a password with a slash", "smtp://user:sec/ret@mail.example", "not a URL"},
		{"a port out of range", "smtp://user:secret@mail.example:99999", "port"},
		{"a port that the provider has not", "postmark://secret@:465", "587, 2525"},
		{"a provider and a host", "sendgrid://secret@mail.example", "SendGrid"},
		{"no region", "ses://user:secret@", "region"},
		{"a region that leads elsewhere", "ses://user:secret@evil.example", "region"},
		{"no password", "gmail://user@", "password"},
		{"no key", "sendgrid://", "password"},
		{"nobody", "fastmail://", "login"},
		{"no TLS over a network", "smtp://user:secret@mail.example?tls=none", "loopback"},
		{"no TLS to a provider", "gmail://user:secret@?tls=none", "loopback"},
		{"a mechanism that proves little", "smtp://user:secret@mail.example?auth=cram-md5", "scram-sha-256"},
		{"a parameter that is none", "smtp://user:secret@mail.example?starttls=required", "tls, token-url"},
		{"a parameter without a name", "gmail:?hunter2@", "each with a value"},
		{"a key without its @", "sendgrid://hunter2", "no such variant"},
		{"a parameter twice", "smtp://user:secret@mail.example?tls=starttls&tls=none", "twice"},
		{"a file that is not there", "sendgrid://?password-file=missing", "no such file"},
		{"a sender that is none", "smtps://user:secret@mail.example?from=nobody", "from"},
		{"XOAUTH2 without a client", "gmail://user@?auth=xoauth2", "client-id"},
		{"XOAUTH2 without a secret", "gmail://user@?client-id=a", "refresh token"},
		{"XOAUTH2 in the clear", "gmail://user@?client-id=a&client-secret-file=f&token-url=http://evil.example", "https"},
		{"Microsoft 365 without its tenant", "microsoft365://user@?client-id=a&client-secret-file=f", "tenant-id"},
		{"a user of two lines", "smtps://us%0d%0aer:secret@mail.example", "one line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := mail.ParseAccount(c.url, inFiles)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret@") || strings.Contains(err.Error(), "sec/") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want something about %q", err, c.says)
			}
		})
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	a := account(t, "smtps://ann:hunter2@mail.example")
	a.OAuth = &mail.OAuth{ClientSecret: "hunter2", RefreshToken: "hunter2"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "account", "account", a, "password", a.Password)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s", a, a, a, a.Password), log.String()} {
		if strings.Contains(shown, "hunter2") {
			t.Error(shown)
		}
	}
	kept, err := json.Marshal(a)
	var again mail.Account
	if err != nil || json.Unmarshal(kept, &again) != nil || again.Password != "hunter2" {
		t.Errorf("what is sealed lost the password: %s, %v", kept, err)
	}
}

func TestAccountsInARowHaveNamesOfTheirOwn(t *testing.T) {
	got, err := mail.ParseAccounts([]string{"smtps://a.example", "sendgrid://k@", "smtps://b.example", "relay://c.example"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(got))
	for _, a := range got {
		names = append(names, a.Name)
	}
	if diff := cmp.Diff([]string{"relay", "sendgrid", "relay-2", "relay-3"}, names); diff != "" {
		t.Error(diff)
	}
}

// FuzzAccountURLs looks for a URL that is taken and makes no sense, or whose
// refusal quotes the password.
func FuzzAccountURLs(f *testing.F) {
	for _, url := range []string{
		"smtp://ann:hunter2@mail.example", "smtps://ann:hunter2@[2001:db8::1]:465/?auth=login", "gmail://ann:hunter2@relay", "sendgrid://hunter2@",
		"ses://ann:hunter2@eu-west-1:2587?from=a@b.example", "postmark://hunter2@:465", "relay://ann:hunter2@127.0.0.1?tls=none", "x://:hunter2@%zz",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		a, err := mail.ParseAccount(url, inFiles)
		switch {
		case err != nil:
			if strings.Contains(url, "hunter2") && strings.Contains(err.Error(), "hunter2@") {
				t.Errorf("%q: %v", url, err)
			}
		case a.Validate() != nil, a.TLS == mail.NoTLS && !idp.IsLoopback(a.Host), strings.ContainsAny(a.User+string(a.Password), "\r\n\x00"):
			t.Errorf("%q is taken: %+v", url, a)
		}
	})
}
