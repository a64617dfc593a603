package e2e_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"postern/e2e/harness"
)

// callback is where a scripted browser stops: nobody serves it.
const callback = "https://app.example/callback"

// client is an app registered by the command line.
type client struct {
	t      *testing.T
	server *harness.Server
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// newClient registers an app of the tenant demo.
func newClient(t *testing.T, s *harness.Server, args ...string) client {
	t.Helper()
	c := client{t: t, server: s}
	all := append([]string{"client", "create", "--tenant", "demo", "--name", "Test app", "--redirect-uri", callback, "--json"}, args...)
	if err := json.Unmarshal(s.Run(t, all...), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// request is an authorization request with its secrets.
type request struct{ url, state, nonce, verifier string }

// request makes one, with parameters changed or, where empty, left out.
func (c client) request(change ...string) request {
	c.t.Helper()
	r := request{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	q := url.Values{
		"client_id": {c.ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email offline_access"},
		"state": {r.state}, "nonce": {r.nonce}, "code_challenge": {oauth2.S256ChallengeFromVerifier(r.verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(change); i += 2 {
		if q.Set(change[i], change[i+1]); change[i+1] == "" {
			q.Del(change[i])
		}
	}
	r.url = metadata(c.t, c.server)["authorization_endpoint"].(string) + "?" + q.Encode()
	return r
}

// redeem posts an authorization code and gives status and answer.
func (c client) redeem(code string, r request) (int, map[string]any) {
	c.t.Helper()
	return c.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {r.verifier}})
}

func (c client) token(form url.Values) (int, map[string]any) {
	c.t.Helper()
	form.Set("client_id", c.ID)
	if c.Secret != "" {
		form.Set("client_secret", c.Secret)
	}
	answer, body := ask(c.t, http.MethodPost, metadata(c.t, c.server)["token_endpoint"].(string), form)
	var decoded map[string]any
	if err := json.Unmarshal([]byte(body), &decoded); err != nil {
		c.t.Fatalf("token endpoint: %d %s", answer.StatusCode, body)
	}
	return answer.StatusCode, decoded
}

// metadata reads the discovery document of the tenant demo.
func metadata(t *testing.T, s *harness.Server) map[string]any {
	t.Helper()
	_, body := ask(t, http.MethodGet, s.Issuer+"/.well-known/openid-configuration", nil)
	var m map[string]any
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("discovery: %v: %s", err, body)
	}
	return m
}

// newAddress is an address that no other test uses.
func newAddress() string { return strings.ToLower(rand.Text()) + "@example.com" }

// newBrowser stops where the client's callback would be.
func newBrowser(t *testing.T) *harness.Browser {
	t.Helper()
	return harness.NewBrowser(t).StopAt(callback)
}

// login is a sign-in that waits for its mail.
type login struct {
	t       *testing.T
	client  client
	browser *harness.Browser
	request request
	address string
	waiting *harness.Page
}

// begin goes from the authorization request to the waiting page.
func begin(t *testing.T, c client, b *harness.Browser, address string, change ...string) *login {
	t.Helper()
	l := &login{t: t, client: c, browser: b, request: c.request(change...), address: address}
	l.waiting = postAddress(t, b, b.Get(l.request.url), address)
	l.waiting.FormTo(t, "/auth/code")
	return l
}

// postAddress fills in the login page.
func postAddress(t *testing.T, b *harness.Browser, page *harness.Page, address string) *harness.Page {
	t.Helper()
	form := page.FormTo(t, "/auth/login")
	return b.Submit(page, form, submitter(form), url.Values{"email": {address}})
}

// submitter is the button that a person presses to go on: the first that does not cancel.
func submitter(f harness.Form) *harness.Button {
	for i, b := range f.Buttons {
		if b.Value != "cancel" {
			return &f.Buttons[i]
		}
	}
	return nil
}

// mail waits for the newest mail.
func (l *login) mail() harness.Mail {
	l.t.Helper()
	return l.client.server.WaitMail(l.t, l.address, 1)
}

// openLink opens the mailed link in the browser that asked, presses the button,
// and, where the client finishes in the waiting tab, "continue here".
func (l *login) openLink(link string) *harness.Page {
	l.t.Helper()
	return l.goOn(press(l.t, l.browser, l.browser.Get(link), "/auth/verify"))
}

// enter types a code, or pastes a link, into the waiting page.
func (l *login) enter(code string) *harness.Page {
	l.t.Helper()
	form := l.waiting.FormTo(l.t, "/auth/code")
	return l.browser.Submit(l.waiting, form, submitter(form), url.Values{"code": {code}})
}

func (l *login) goOn(p *harness.Page) *harness.Page {
	l.t.Helper()
	if strings.HasPrefix(p.URL.String(), callback) {
		return p
	}
	return press(l.t, l.browser, p, "/auth/finish")
}

// finish checks that a page is the client's callback with a code that is good,
// and gives the token endpoint's answer.
func (l *login) finish(p *harness.Page) map[string]any {
	l.t.Helper()
	code := l.code(p)
	status, tokens := l.client.redeem(code, l.request)
	if status != http.StatusOK || tokens["id_token"] == nil {
		l.t.Fatalf("token endpoint: %d %v", status, tokens)
	}
	return tokens
}

func (l *login) code(p *harness.Page) string {
	l.t.Helper()
	q := p.URL.Query()
	if !strings.HasPrefix(p.URL.String(), callback) || q.Get("code") == "" {
		l.t.Fatalf("no code: status %d at %s:\n%s", p.Status, p.URL.Redacted(), p.Body)
	}
	if q.Get("state") != l.request.state || q.Get("iss") != l.client.server.Issuer {
		l.t.Errorf("state %q, iss %q", q.Get("state"), q.Get("iss"))
	}
	return q.Get("code")
}

// press submits the one form of a page that posts to an address.
func press(t *testing.T, b *harness.Browser, p *harness.Page, action string) *harness.Page {
	t.Helper()
	form := p.FormTo(t, action)
	return b.Submit(p, form, submitter(form), nil)
}

// relayCode opens a link in a browser of its own, and reads the code.
func relayCode(t *testing.T, link string) string {
	t.Helper()
	p := harness.NewBrowser(t).Get(link)
	code := p.Text("relay-code")
	if code == "" {
		t.Fatalf("no relay code: status %d:\n%s", p.Status, p.Body)
	}
	return code
}

// ask sends a plain request, as a program does.
func ask(t *testing.T, method, address string, form url.Values, header ...string) (*http.Response, string) {
	t.Helper()
	var body *strings.Reader
	if body = strings.NewReader(""); form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	return send(t, r)
}
