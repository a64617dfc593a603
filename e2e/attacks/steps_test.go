package attacks_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"postern/e2e/cluster"
	"postern/e2e/harness"
)

// patience is how long what another process does may take.
const patience = 20 * time.Second

// client is an app of a world.
type client struct {
	app
	*world
	tenant tenant
}

// demo makes an app of the tenant demo.
func (w *world) demo(t *testing.T, args ...string) client {
	t.Helper()
	at := tenant{Slug: "demo", base: w.Issuer}
	var all []tenant
	decode(t, w.run(t, "tenant", "list", "--json"), &all)
	for _, one := range all {
		if one.Slug == at.Slug {
			at.ID = one.ID
		}
	}
	return w.clientOf(t, at, args...)
}

// apart makes a tenant of its own, with settings, and an app of it.
func (w *world) apart(t *testing.T, settings ...string) client {
	t.Helper()
	at := tenant{Slug: "t" + strings.ToLower(rand.Text()[:10])}
	decode(t, w.run(t, "tenant", "create", at.Slug, "--name", "Test", "--json"), &at)
	if len(settings) > 0 {
		w.run(t, append([]string{"tenant", "set", at.Slug}, settings...)...)
	}
	at.base = w.URL + "/t/" + at.Slug
	return w.clientOf(t, at)
}

func (w *world) clientOf(t *testing.T, at tenant, args ...string) client {
	t.Helper()
	c := client{world: w}
	all := append([]string{"client", "create", "--tenant", at.Slug, "--name", "Test app", "--redirect-uri", callback, "--json"}, args...)
	decode(t, w.run(t, all...), &c.app)
	at.app = c.app
	c.tenant = at
	return c
}

// asked is an authorization request with its secrets.
type asked struct{ url, state, verifier string }

// request makes one, with parameters changed or, where empty, left out.
func (c client) request(change ...string) asked {
	r := asked{state: rand.Text(), verifier: oauth2.GenerateVerifier()}
	q := url.Values{
		"client_id": {c.ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email offline_access"},
		"state": {r.state}, "code_challenge": {oauth2.S256ChallengeFromVerifier(r.verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(change); i += 2 {
		if q.Set(change[i], change[i+1]); change[i+1] == "" {
			q.Del(change[i])
		}
	}
	r.url = c.tenant.base + "/authorize?" + q.Encode()
	return r
}

// login is a sign-in that waits for its mail.
type login struct {
	client
	browser *harness.Browser
	request asked
	address string
	waiting *harness.Page
}

// begin goes from the authorization request to the waiting page.
func (c client) begin(t *testing.T, b *harness.Browser, address string, change ...string) *login {
	t.Helper()
	l := &login{client: c, browser: b, address: address, request: c.request(change...)}
	l.waiting = submit(t, b, b.Get(l.request.url), "/auth/login", url.Values{"email": {address}})
	l.waiting.FormTo(t, "/auth/code")
	return l
}

// signIn makes a whole login in a new browser, and gives its code.
func (c client) signIn(t *testing.T, change ...string) (*login, string) {
	t.Helper()
	l := c.begin(t, browse(t), newAddress(), change...)
	return l, l.code(t, l.press(t, l.link(t)))
}

// link waits for the first mail's link.
func (l *login) link(t *testing.T) string {
	t.Helper()
	return l.mail(t, l.address, 1).Link
}

// press opens a link in the login's own browser and presses the button, and
// "continue here" where that is due.
func (l *login) press(t *testing.T, link string) *harness.Page {
	t.Helper()
	p := submit(t, l.browser, l.browser.Get(link), "/auth/verify", nil)
	if isCallback(p) || strings.HasSuffix(p.URL.Path, accountPath) {
		return p
	}
	return submit(t, l.browser, p, "/auth/finish", nil)
}

// enter types a code, or pastes a link, into the waiting page.
func (l *login) enter(t *testing.T, code string) *harness.Page {
	t.Helper()
	return submit(t, l.browser, l.waiting, "/auth/code", url.Values{"code": {code}})
}

// finish checks that a page is the client's callback, and redeems its code.
func (l *login) finish(t *testing.T, p *harness.Page) map[string]string {
	t.Helper()
	return redeem(t, l.tenant, l.code(t, p), l.request.verifier)
}

func (l *login) code(t *testing.T, p *harness.Page) string {
	t.Helper()
	q := p.URL.Query()
	if !isCallback(p) || q.Get("code") == "" {
		t.Fatalf("no code: status %d at %s:\n%s", p.Status, p.URL.Redacted(), p.Body)
	}
	if q.Get("state") != l.request.state {
		t.Errorf("state %q", q.Get("state"))
	}
	return q.Get("code")
}

// stillWaits checks that a login has not advanced.
func (l *login) stillWaits(t *testing.T) {
	t.Helper()
	p := l.browser.Get(l.waiting.URL.String())
	if p.Status != http.StatusOK {
		t.Fatalf("the waiting page is gone: status %d at %s", p.Status, p.URL.Redacted())
	}
	p.FormTo(t, "/auth/code")
}

// signedIn tells whether a browser has a session with the client's tenant.
func (c client) signedIn(t *testing.T, b *harness.Browser) bool {
	t.Helper()
	p := b.Get(c.request("prompt", "none").url)
	if got := p.URL.Query().Get("error"); got != "" && got != "login_required" {
		t.Errorf("prompt=none is answered %s", p.URL.Redacted())
	}
	return p.URL.Query().Get("code") != ""
}

// relayCode opens a link in a browser of its own, and reads the code.
func relayCode(t *testing.T, link string) string {
	t.Helper()
	return relayCodeIn(t, browse(t), link)
}

func relayCodeIn(t *testing.T, b *harness.Browser, link string) string {
	t.Helper()
	p := b.Get(link)
	code := p.Text("relay-code")
	if code == "" {
		t.Fatalf("no relay code: status %d:\n%s", p.Status, p.Body)
	}
	return code
}

// token asks the token endpoint as the client.
func (c client) token(t *testing.T, values url.Values) (status int, members map[string]string) {
	t.Helper()
	return c.tokenAt(t, -1, values)
}

// tokenAt asks the token endpoint of one process; of a negative one, any.
func (c client) tokenAt(t *testing.T, replica int, values url.Values) (status int, members map[string]string) {
	t.Helper()
	got, body := c.tenant.send(t, attempt{
		method: http.MethodPost, path: "/token", values: appValues(c.app, values), header: at(replica),
	})
	var all map[string]any
	decode(t, []byte(strings.TrimSpace(body)), &all)
	members = map[string]string{}
	for name, value := range all {
		members[name], _ = value.(string)
	}
	return got.Status, members
}

// spend are the values that redeem a code of the login.
func (l *login) spend(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {l.request.verifier},
	}
}

// renew are the values that use a refresh token.
func renew(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// refused checks an answer of the token endpoint that gives nothing.
func refused(t *testing.T, what string, status int, members map[string]string) {
	t.Helper()
	if status != http.StatusBadRequest || members["error"] != "invalid_grant" || members["access_token"] != "" {
		t.Errorf("%s is answered %d %v", what, status, members["error"])
	}
}

// userinfo asks for it with a token, at one process.
func (c client) userinfo(t *testing.T, replica int, token string) int {
	t.Helper()
	header := at(replica)
	header["Authorization"] = "Bearer " + token
	got, _ := c.tenant.send(t, attempt{method: http.MethodGet, path: "/userinfo", header: header})
	return got.Status
}

// at pins a request to a process, unless it is negative.
func at(replica int) map[string]string {
	if replica < 0 {
		return map[string]string{}
	}
	return map[string]string{cluster.Replica: strconv.Itoa(replica)}
}

// by gives a browser whose requests go to one process; it shares its cookies.
func by(b *harness.Browser, replica int) *harness.Browser {
	pinned := *b
	pinned.Header = http.Header{cluster.Replica: {strconv.Itoa(replica)}}
	return &pinned
}

func isCallback(p *harness.Page) bool { return strings.HasPrefix(p.URL.String(), callback) }
