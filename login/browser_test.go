package login_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"postern/idp"
)

// browser is a person's browser: cookies kept, redirects not followed.
type browser struct {
	w      *world
	t      testing.TB
	jar    *cookiejar.Jar
	origin string
	peer   string
	header http.Header // sent along with every request
}

func (w *world) browser() *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	return &browser{w: w, t: w.t, jar: jar, origin: w.public, peer: "192.0.2.7:50000", header: http.Header{"User-Agent": {
		"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
	}}}
}

// page is an answer, read.
type page struct {
	status   int
	header   http.Header
	location string
	body     string
	forms    []form
	texts    map[string]string // of elements with an id
	links    []string
}

// form is a form of a page, with the buttons that submit it.
type form struct {
	action, method string
	fields         url.Values
	inputs         map[string]string // name to type of what is not hidden
	buttons        []url.Values
}

func (b *browser) do(method, target string, body url.Values, header http.Header) page {
	b.t.Helper()
	u, err := url.Parse(b.origin + target)
	must(b.t, err)
	r := httptest.NewRequestWithContext(b.t.Context(), method, u.String(), strings.NewReader(body.Encode()))
	r.RemoteAddr = b.peer
	for _, h := range []http.Header{b.header, header} {
		for name, values := range h {
			r.Header[name] = values
		}
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, cookie := range b.jar.Cookies(u) {
		r.AddCookie(cookie)
	}
	res := b.w.serve(r)
	b.jar.SetCookies(u, res.Cookies())
	return readPage(b.t, res)
}

func (b *browser) get(target string) page {
	b.t.Helper()
	return b.do(http.MethodGet, target, nil, nil)
}

// post sends a form as a page of ours under no-referrer does.
func (b *browser) post(target string, body url.Values) page {
	b.t.Helper()
	return b.do(http.MethodPost, target, body, http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"null"}})
}

// submit fills a form of a page in and presses its button.
func (b *browser) submit(p page, action string, with url.Values) page {
	b.t.Helper()
	f := p.form(b.t, action)
	body := url.Values{}
	for _, values := range []url.Values{f.fields, with} {
		for name, value := range values {
			body[name] = value
		}
	}
	return b.post(f.action, body)
}

// drop makes the browser forget all cookies of a kind.
func (b *browser) drop(kind string) {
	b.t.Helper()
	for _, c := range b.cookies() {
		if strings.Contains(c.Name, "postern-"+kind+"-") {
			u, err := url.Parse(b.origin)
			must(b.t, err)
			gone := *c
			gone.MaxAge, gone.Path = -1, "/"
			b.jar.SetCookies(u, []*http.Cookie{&gone})
		}
	}
}

func (b *browser) cookies() []*http.Cookie {
	b.t.Helper()
	u, err := url.Parse(b.origin)
	must(b.t, err)
	return b.jar.Cookies(u)
}

func (b *browser) plant(cookies ...*http.Cookie) {
	b.t.Helper()
	u, err := url.Parse(b.origin)
	must(b.t, err)
	for _, c := range cookies {
		planted := *c
		planted.Path, planted.Secure = "/", u.Scheme == "https"
		b.jar.SetCookies(u, []*http.Cookie{&planted})
	}
}

// who is signed in to a tenant with this browser; empty for nobody.
func (b *browser) who(t idp.Tenant) string {
	b.t.Helper()
	p := b.get("/t/" + t.Slug + "/whoami")
	if p.status == http.StatusUnauthorized {
		return ""
	}
	p.want(b.t, http.StatusOK)
	return p.body
}

// ask goes to the login page and posts an address; it gives the waiting page's path.
func (b *browser) ask(loginPath string, address string) string {
	b.t.Helper()
	p := b.submit(b.get(loginPath), "/auth/login", url.Values{"email": {address}})
	p.want(b.t, http.StatusSeeOther)
	return p.location
}

// signIn does a whole login by the link in the same browser, and gives the answer.
func (b *browser) signIn(t idp.Tenant, req idp.AuthRequest, address string) page {
	b.t.Helper()
	b.ask(b.w.loginPath(t, req), address)
	return b.submit(b.get(b.w.send()), "/auth/verify", nil)
}

func readPage(tb testing.TB, res *http.Response) page {
	tb.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(tb, err)
	p := page{
		status: res.StatusCode, header: res.Header, body: string(body),
		location: res.Header.Get("Location"), texts: map[string]string{},
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		doc, err := html.Parse(strings.NewReader(p.body))
		must(tb, err)
		p.read(doc, nil)
	}
	return p
}

func (p *page) read(n *html.Node, in *form) {
	if n.Type == html.ElementNode {
		if id := attr(n, "id"); id != "" {
			p.texts[id] = strings.TrimSpace(textOf(n))
		}
		switch n.Data {
		case "a":
			p.links = append(p.links, attr(n, "href"))
		case "form":
			in = &form{action: attr(n, "action"), method: attr(n, "method"), fields: url.Values{}, inputs: map[string]string{}}
			defer func() { p.forms = append(p.forms, *in) }()
		case "input":
			if in != nil && attr(n, "type") == "hidden" {
				in.fields.Add(attr(n, "name"), attr(n, "value"))
			} else if in != nil {
				in.inputs[attr(n, "name")] = attr(n, "type")
				in.fields.Set(attr(n, "name"), attr(n, "value"))
			}
		case "button":
			if in != nil {
				button := url.Values{}
				if name := attr(n, "name"); name != "" {
					button.Set(name, attr(n, "value"))
				}
				in.buttons = append(in.buttons, button)
			}
		}
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		p.read(child, in)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var text strings.Builder
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		text.WriteString(textOf(child))
	}
	return text.String()
}

func (p page) want(tb testing.TB, status int) {
	tb.Helper()
	if p.status != status {
		tb.Fatalf("status %d, want %d\n%s", p.status, status, p.body)
	}
}

// form finds the form that posts to a page.
func (p page) form(tb testing.TB, action string) form {
	tb.Helper()
	for _, f := range p.forms {
		if strings.HasSuffix(f.action, action) && strings.EqualFold(f.method, "post") {
			return f
		}
	}
	tb.Fatalf("no form posts to %s; status %d\n%s", action, p.status, p.body)
	return form{}
}

func (p page) hasForm(action string) bool {
	for _, f := range p.forms {
		if strings.HasSuffix(f.action, action) {
			return true
		}
	}
	return false
}

// answered gives what a redirect brought to the client.
func (p page) answered(tb testing.TB, client idp.ClientID) url.Values {
	tb.Helper()
	p.want(tb, http.StatusSeeOther)
	target, query, _ := strings.Cut(p.location, "?")
	if target != callback(client) {
		tb.Fatalf("went to %q, not to the client", p.location)
	}
	values, err := url.ParseQuery(query)
	must(tb, err)
	if values.Get("state") != "st4te" {
		tb.Errorf("state %q did not come back", values.Get("state"))
	}
	return values
}
