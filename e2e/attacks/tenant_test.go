package attacks_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"postern/e2e/harness"
)

const callback = "https://app.example/callback"

// tenant is where a request is sent to.
type tenant struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
	// base is what its endpoints are below; host is its Host, if not the server's.
	base, host string
	// server serves it; nil where a test runs a production process.
	server *harness.Server
	app    app
	// spa is a single-page app, and signer an app that proves itself by its key.
	spa, signer app
	// guest is a browser in which somebody was about to type an address.
	guest guest
}

// app is a client; its ids are the same in every tenant.
type app struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// newTenant is a tenant with a path, on the server that most tests share.
func newTenant(t *testing.T, clientID string) tenant {
	t.Helper()
	return newTenantOn(t, server, clientID, "path")
}

// newTenantOn is a tenant that is found by its path, by a host of its own, or at
// the root, with an app of each kind.
func newTenantOn(t *testing.T, on *harness.Server, clientID, found string) tenant {
	t.Helper()
	slug := "t" + strings.ToLower(rand.Text()[:10])
	made := tenant{server: on, base: on.URL}
	args := []string{"tenant", "create", slug, "--name", "Test", "--json"}
	switch found {
	case "path":
		made.base += "/t/" + slug
	case "host":
		made.host = strings.ToLower(rand.Text()) + ".example"
		args = append(args, "--host", made.host)
	case "root":
		args = append(args, "--root")
	}
	decode(t, on.Run(t, args...), &made)
	on.Run(t, "tenant", "set", slug, "registration=token", "limit.mailbox=1/10m")
	on.Run(t, "api", "create", "--tenant", slug, behind)
	made.app = made.newApp(t, clientID, exchanges...)
	made.spa = made.newApp(t, clientID+"-spa", "--public")
	made.signer = made.newSigner(t, clientID+"-signer")
	return made
}

// newApp registers a client of an id; a test may say more of it.
func (to tenant) newApp(t *testing.T, id string, args ...string) (made app) {
	t.Helper()
	decode(t, to.server.Run(t, append([]string{
		"client", "create", "--tenant", to.Slug, "--name", "Test app", "--id", id, "--redirect-uri", callback, "--json",
	}, args...)...), &made)
	return made
}

func decode(t *testing.T, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
}

// attempt is a request with a credential, or with noise in its place.
type attempt struct {
	method, path string
	values       url.Values
	cookies      map[string]string // by kind
	header       map[string]string
	body         string // instead of values
	// client stands for {client} in the path, where it is not the tenant's app.
	client string
	// then tells what is seen later of what the answer led to.
	then func(location string) string
}

// answer is what of a response does not change from one request to the next.
type answer struct {
	Status   int
	Location string   // path and error
	Cookies  []string // set anew
	Body     string   // JSON members that decide, or a page's heading
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// send gives the answer, and all of the response as text.
func (to tenant) send(t *testing.T, a attempt) (answer, string) {
	t.Helper()
	got, text := to.do(t, a)
	said, location := read(got, text), got.Header.Get("Location")
	if a.then != nil {
		said.Body += " " + a.then(location)
	}
	return said, location + "\n" + text
}

func (to tenant) do(t *testing.T, a attempt) (*http.Response, string) {
	t.Helper()
	address, body := to.base+a.path, a.body
	if a.method == http.MethodGet || a.method == http.MethodDelete {
		address += "?" + a.values.Encode()
	} else if body == "" {
		body = a.values.Encode()
	}
	r, err := http.NewRequestWithContext(t.Context(), a.method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = to.host
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	for kind, value := range a.cookies {
		for _, prefix := range []string{"", "__Host-"} {
			r.AddCookie(&http.Cookie{Name: prefix + to.cookieName(kind), Value: value})
		}
	}
	got, err := noRedirects.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got, string(text)
}

func (to tenant) cookieName(kind string) string { return "postern-" + kind + "-" + to.ID }

func read(r *http.Response, body string) answer {
	a := answer{Status: r.StatusCode, Body: heading(body)}
	if u, err := r.Location(); err == nil {
		a.Location = u.Path + " " + strings.Join(slices.Sorted(maps.Keys(u.Query())), ",") + " " + u.Query().Get("error")
	}
	for _, c := range r.Cookies() {
		a.Cookies = append(a.Cookies, c.Name)
	}
	slices.Sort(a.Cookies)
	var members map[string]any
	if json.Unmarshal([]byte(body), &members) == nil {
		decided := []string{strings.Join(slices.Sorted(maps.Keys(members)), ",")}
		for _, name := range []string{"error", "active", "state", "status"} {
			if text, err := json.Marshal(members[name]); err == nil {
				decided = append(decided, string(text))
			}
		}
		a.Body = strings.Join(decided, " ")
	}
	return a
}

// heading gives the texts of a page's first heading and of its alert.
func heading(body string) string {
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return ""
	}
	var texts []string
	for n := range doc.Descendants() {
		if n.DataAtom != atom.H1 && n.DataAtom != atom.Button {
			continue
		}
		for d := range n.Descendants() {
			if d.Type == html.TextNode {
				texts = append(texts, strings.TrimSpace(d.Data))
			}
		}
	}
	return strings.Join(texts, "|")
}

// browse is a browser that stops at the app.
func browse(t *testing.T) *harness.Browser {
	t.Helper()
	return harness.NewBrowser(t).StopAt(callback)
}

// guest is a browser with the login page of a tenant before it.
type guest struct {
	cookies map[string]string
	values  url.Values
}

func (to tenant) newGuest(t *testing.T) guest {
	t.Helper()
	asked, _ := to.do(t, attempt{method: http.MethodGet, path: "/authorize", values: authorizeValues(to.app)})
	login := harness.MustURL(t, asked.Header.Get("Location"))
	request := url.Values{"request": {login.Query().Get("request")}}
	page, body := to.do(t, attempt{method: http.MethodGet, path: "/auth/login", values: request})
	token := formToken.FindStringSubmatch(body)
	if token == nil {
		t.Fatalf("no login page: %d %s", page.StatusCode, body)
	}
	request.Set("form_token", html.UnescapeString(token[1]))
	g := guest{cookies: map[string]string{}, values: request}
	for _, c := range page.Cookies() {
		if strings.HasSuffix(c.Name, to.cookieName("browser")) {
			g.cookies["browser"] = c.Value
		}
	}
	return g
}

var formToken = regexp.MustCompile(`name="form_token" value="([^"]+)"`)
