package mail_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) {
	harness.Main(func(_, program string) (int, error) {
		binary = program
		return pgtest.Main(m), nil
	})
}

// callback is where a scripted browser stops: nobody serves it.
const callback = "https://app.example/callback"

// tenant is a tenant of the server, with an app.
type tenant struct {
	t      *testing.T
	server *harness.Server
	slug   string
	client string
}

// newTenant adds a tenant whose mails go by the servers, in that order, with the
// tests' one password where there is a user.
func newTenant(t *testing.T, s *harness.Server, slug string, servers ...string) tenant {
	t.Helper()
	s.Run(t, "tenant", "create", slug, "--name", "Acme")
	n := tenant{t: t, server: s, slug: slug}
	for i, server := range servers {
		n.set(server, fmt.Sprintf("server-%d", i+1))
	}
	var made struct {
		ID string `json:"client_id"`
	}
	out := s.Run(t, "client", "create", "--tenant", slug, "--name", "Shop", "--redirect-uri", callback, "--public", "--finish", "link", "--json")
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	n.client = made.ID
	return n
}

// set adds a mail server or replaces the one of that name.
func (n tenant) set(server, name string) {
	n.t.Helper()
	args := []string{"mail", "set", "--tenant", n.slug, server, "--name", name}
	if strings.Contains(server, "@") {
		file := filepath.Join(n.t.TempDir(), "password")
		if err := os.WriteFile(file, []byte(harness.PostfixPassword+"\n"), 0o600); err != nil {
			n.t.Fatal(err)
		}
		args = append(args, "--password-file", file)
	}
	n.server.Run(n.t, args...)
}

func (n tenant) issuer() string { return n.server.URL + "/t/" + n.slug }

// begin asks for a mail to an address, in a browser of its own.
func (n tenant) begin(address string) *harness.Browser {
	n.t.Helper()
	b, _ := n.ask(address)
	return b
}

// ask is begin with the page that waits.
func (n tenant) ask(address string) (*harness.Browser, *harness.Page) {
	n.t.Helper()
	b := harness.NewBrowser(n.t).StopAt(callback)
	q := url.Values{
		"client_id": {n.client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	page := b.Get(n.issuer() + "/authorize?" + q.Encode())
	form := page.FormTo(n.t, "/auth/login")
	waiting := b.Submit(page, form, nil, url.Values{"email": {address}})
	waiting.FormTo(n.t, "/auth/code")
	return b, waiting
}

// finish opens the link in the browser that asked, and presses its button.
func (n tenant) finish(b *harness.Browser, link string) {
	n.t.Helper()
	page := b.Get(link)
	end := b.Submit(page, page.FormTo(n.t, "/auth/verify"), nil, nil)
	if code := end.URL.Query().Get("code"); !strings.HasPrefix(end.URL.String(), callback) || code == "" {
		n.t.Errorf("the link ends at %s", end.URL)
	}
}
