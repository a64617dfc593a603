package cluster_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"postern/e2e/cluster"
	"postern/e2e/harness"
)

// callback is where a scripted browser stops: nobody serves it.
const callback = "https://app.example/callback"

// app is a client of the tenant demo.
type app struct {
	issuer string
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func (w *world) newApp(args ...string) app {
	w.t.Helper()
	a := app{issuer: w.Issuer}
	all := append([]string{"client", "create", "--tenant", "demo", "--name", "Test app", "--redirect-uri", callback, "--json"}, args...)
	out, err := w.Run(w.t.Context(), all...)
	if err == nil {
		err = json.Unmarshal(out, &a)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// request is an authorization request with its secrets.
type request struct{ url, state, verifier string }

func (a app) request() request {
	r := request{state: rand.Text(), verifier: oauth2.GenerateVerifier()}
	q := url.Values{
		"client_id": {a.ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email offline_access"},
		"state": {r.state}, "code_challenge": {oauth2.S256ChallengeFromVerifier(r.verifier)}, "code_challenge_method": {"S256"},
	}
	r.url = a.issuer + "/authorize?" + q.Encode()
	return r
}

// tokens is what the token endpoint answers.
type tokens struct {
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
	Error   string `json:"error"`
	status  int
}

func (a app) redeem(ctx context.Context, replica int, code, verifier string) (tokens, error) {
	return a.token(ctx, replica, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
	})
}

func (a app) refresh(ctx context.Context, replica int, token string) (tokens, error) {
	return a.token(ctx, replica, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func (a app) token(ctx context.Context, replica int, form url.Values) (tokens, error) {
	form.Set("client_id", a.ID)
	if a.Secret != "" {
		form.Set("client_secret", a.Secret)
	}
	answer, body, err := ask(ctx, http.MethodPost, a.issuer+"/token", form, cluster.Replica, strconv.Itoa(replica))
	if err != nil {
		return tokens{}, err
	}
	decoded := tokens{status: answer.StatusCode}
	if err := json.Unmarshal(body, &decoded); err != nil {
		return decoded, fmt.Errorf("token endpoint: %d %s", answer.StatusCode, body)
	}
	return decoded, nil
}

// plain follows no redirect and keeps no cookie.
var plain = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
}

// ask sends a plain request, as a program does.
func ask(ctx context.Context, method, address string, form url.Values, header ...string) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, nil, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := plain.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, body, err
}

// errNoAnswer: no process answered, or a page was not the expected one.
var errNoAnswer = errors.New("no answer")

// login is a sign-in, driven so that any step may fail: the process that serves
// it may be killed.
type login struct {
	*harness.Browser
	request request
	address string
	// asked is where the address was typed.
	asked string
	// flow is set once the provider has accepted the address.
	flow    string
	waiting *harness.Page
	// won is the code that reached the client.
	won string
}

// newAddress gives a mailbox that nobody has had before.
func newAddress() string { return strings.ToLower(rand.Text()) + "@example.com" }

// begin goes from the authorization request to the waiting page.
func (w *world) begin(a app) (*login, error) { return w.beginWith(a.request()) }

func (w *world) beginWith(r request) (*login, error) {
	l := &login{request: r, Browser: harness.NewBrowser(w.t), address: newAddress()}
	l.Stop = func(u *url.URL) bool {
		if strings.HasSuffix(u.Path, "/auth/waiting") && l.flow == "" {
			l.flow = u.Query().Get("flow")
		}
		return strings.HasPrefix(u.String(), callback)
	}
	page, err := l.get(l.request.url)
	if err != nil {
		return nil, err
	}
	l.asked = page.URL.String()
	l.waiting, err = l.submit(page, "/auth/login", url.Values{"email": {l.address}})
	if err == nil && l.flow == "" {
		err = fmt.Errorf("%w: the address was not accepted: status %d", errNoAnswer, l.waiting.Status)
	}
	return l, err
}

// to gives the same browser, whose requests go to one process.
func (l *login) to(replica int) *harness.Browser {
	b := *l.Browser
	b.Header = http.Header{cluster.Replica: {strconv.Itoa(replica)}}
	b.Stop = func(u *url.URL) bool { return strings.HasPrefix(u.String(), callback) }
	return &b
}

func (l *login) get(address string) (*harness.Page, error) {
	return answered(l.Do(http.MethodGet, address, "", nil))
}

// submit sends the one form of a page that posts to an address.
func (l *login) submit(p *harness.Page, action string, typed url.Values) (*harness.Page, error) {
	f, err := formTo(p, action)
	if err != nil {
		return nil, err
	}
	return answered(l.TrySubmit(p, f, submitter(f), typed))
}

// answered tells a page of the provider from the lack of one.
func answered(p *harness.Page, err error) (*harness.Page, error) {
	if err == nil && p.Header.Get(cluster.NoAnswer) != "" {
		err = errNoAnswer
	}
	return p, err
}

func formTo(p *harness.Page, action string) (harness.Form, error) {
	for _, f := range p.Forms() {
		if f.PostsTo(action) {
			return f, nil
		}
	}
	return harness.Form{}, fmt.Errorf("%w: no form to %s on %s (status %d)", errNoAnswer, action, p.URL.Path, p.Status)
}

// submitter is the button that a person presses to go on.
func submitter(f harness.Form) *harness.Button {
	for i, b := range f.Buttons {
		if b.Value != "cancel" {
			return &f.Buttons[i]
		}
	}
	return nil
}

// codeOf gives the authorization code of a page that is the client's callback.
func codeOf(p *harness.Page) string {
	if p == nil || !strings.HasPrefix(p.URL.String(), callback) {
		return ""
	}
	return p.URL.Query().Get("code")
}

// relayCode opens a link in a browser of its own, and reads the code.
func (w *world) relayCode(link string) (string, error) {
	p, err := answered(harness.NewBrowser(w.t).Do(http.MethodGet, link, "", nil))
	if err != nil {
		return "", err
	}
	code := p.Text("relay-code")
	if code == "" {
		return "", fmt.Errorf("%w: no relay code: status %d", errNoAnswer, p.Status)
	}
	return code, nil
}

// mailed begins a login and waits for its link.
func (w *world) mailed(a app) (*login, string) {
	w.t.Helper()
	return w.mailedFor(a.request())
}

// mailedFor is mailed for a request of one's own.
func (w *world) mailedFor(r request) (*login, string) {
	w.t.Helper()
	l, err := w.beginWith(r)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	m, ok := w.Sink.Wait(ctx, l.address)
	if !ok {
		w.t.Fatalf("no mail to %s", l.address)
	}
	return l, m.Link
}

// signIn makes a whole login, and gives its code.
func (w *world) signIn(a app) (*login, string) {
	w.t.Helper()
	l, link := w.mailed(a)
	p, err := l.get(link)
	if err == nil {
		p, err = l.submit(p, "/auth/verify", nil)
	}
	if err != nil || codeOf(p) == "" {
		w.t.Fatalf("no code: %v", err)
	}
	return l, codeOf(p)
}
