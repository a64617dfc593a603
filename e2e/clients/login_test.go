package clients_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// nowhere is the origin of programs without a server of their own: where their
// logins and sign-outs end, nobody listens.
const (
	nowhere  = "http://127.0.0.1:9"
	callback = nowhere + "/callback"
	bye      = nowhere + "/bye"
)

// client is what a registered client is told.
type client struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// newClient registers a client of the tenant demo, whose logins end in the tab
// that opened the mail.
func newClient(t *testing.T, args ...string) client {
	t.Helper()
	var c client
	all := append([]string{"client", "create", "--tenant", "demo", "--name", "Library", "--finish", "link"}, args...)
	if err := json.Unmarshal(shared.Run(t, all...), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func newAddress() string { return strings.ToLower(rand.Text()) + "@example.com" }

// person is somebody with a mailbox and a browser.
type person struct {
	t       *testing.T
	browser *harness.Browser
	address string
	mails   int // that they have had before
}

func newPerson(t *testing.T) person {
	t.Helper()
	return person{t: t, browser: harness.NewBrowser(t).StopAt(nowhere + "/"), address: newAddress()}
}

// signIn opens what an app opens, types the address, and presses the button that
// the mailed link shows; it gives the page of the app that this ends at.
func (p person) signIn(start string) *harness.Page {
	p.t.Helper()
	page := p.browser.Get(start)
	if forms := page.Forms(); len(forms) == 1 && !forms[0].PostsTo("/auth/login") { // some apps ask first
		page = p.browser.Submit(page, forms[0], nil, nil)
	}
	form := page.FormTo(p.t, "/auth/login")
	p.browser.Submit(page, form, goOn(form), url.Values{"email": {p.address}})
	link := shared.WaitMail(p.t, p.address, p.mails+1).Link
	page = p.browser.Get(link)
	form = page.FormTo(p.t, "/auth/verify")
	page = p.browser.Submit(page, form, goOn(form), nil)
	if page.Status >= http.StatusBadRequest {
		p.t.Fatalf("status %d at %s:\n%s\n%s", page.Status, page.URL.Path, page.Body, shared.Logs())
	}
	return page
}

// goOn is the button that does not cancel.
func goOn(f harness.Form) *harness.Button {
	for i, b := range f.Buttons {
		if b.Value != "cancel" {
			return &f.Buttons[i]
		}
	}
	return nil
}

// signedOut tells whether the browser's session at the provider is over.
func (p person) signedOut() bool {
	p.t.Helper()
	q := url.Values{
		"client_id": {newClient(p.t, "--redirect-uri", callback).ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "prompt": {"none"},
		"code_challenge": {strings.Repeat("A", 43)}, "code_challenge_method": {"S256"},
	}
	page := p.browser.Get(shared.Issuer + "/authorize?" + q.Encode())
	return page.URL.Query().Get("error") == "login_required"
}
