package templates_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/templates"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hashed are the names of assets, which change with every stroke of the stylesheet.
var hashed = regexp.MustCompile(`\.[0-9a-f]{16}\.`)

// goldenLocales are those whose pages are kept; the others differ in words alone.
var goldenLocales = []string{"en", "de", "ja"}

func TestPagesAreAsTheGoldenFilesHaveThem(t *testing.T) {
	set := newSet(t)
	for _, locale := range goldenLocales {
		for _, s := range samples() {
			t.Run(locale+"/"+s.name, func(t *testing.T) {
				got := show(t, set, frame(locale), s.body).Body.String()
				golden(t, s.name+"."+locale+".html", hashed.ReplaceAllString(got, ".HASH."))
			})
		}
	}
}

func loginMail() templates.LoginMail {
	return templates.LoginMail{
		Client: "Acme Notes", Tenant: "Acme",
		Link: "https://login.acme.example/auth/verify?token=selector.verifier&x=1", Host: "login.acme.example",
		Life: 10 * time.Minute, Asked: asked, Browser: "Firefox on Linux", Network: "192.0.2.x",
	}
}

func TestMailIsAsTheGoldenFilesHaveIt(t *testing.T) {
	set := newSet(t)
	for _, locale := range goldenLocales {
		t.Run(locale, func(t *testing.T) {
			m, err := set.Mail(locale, loginMail())
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "mail."+locale+".txt", "Subject: "+m.Subject+"\n\n"+m.Text)
			golden(t, "mail."+locale+".html", m.HTML)
			change := loginMail()
			change.Change = true
			if m, err = set.Mail(locale, change); err != nil {
				t.Fatal(err)
			}
			golden(t, "mail_change."+locale+".txt", "Subject: "+m.Subject+"\n\n"+m.Text)
			if m, err = set.Notice(locale, templates.NoticeMail{Tenant: "Acme", At: asked}); err != nil {
				t.Fatal(err)
			}
			golden(t, "mail_notice."+locale+".txt", "Subject: "+m.Subject+"\n\n"+m.Text)
			golden(t, "mail_notice."+locale+".html", m.HTML)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; run with -update if it is meant):\n%s", name, diff)
	}
}
