package attacks_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
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
	app        app
}

// app is a client; that of every tenant has the same id.
type app struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func newTenant(t *testing.T, clientID string, args ...string) tenant {
	t.Helper()
	slug := "t" + strings.ToLower(rand.Text()[:10])
	var made tenant
	decode(t, server.Run(t, append([]string{"tenant", "create", slug, "--name", "Test", "--json"}, args...)...), &made)
	made.base = server.URL + "/t/" + slug
	made.app = newApp(t, slug, clientID)
	return made
}

func newApp(t *testing.T, slug, id string) (made app) {
	t.Helper()
	decode(t, server.Run(t, "client", "create", "--tenant", slug, "--name", "Test app", "--id", id,
		"--redirect-uri", callback, "--json"), &made)
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
			r.AddCookie(&http.Cookie{Name: prefix + "postern-" + kind + "-" + to.ID, Value: value})
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
	return read(got, string(text)), got.Header.Get("Location") + "\n" + string(text)
}

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
