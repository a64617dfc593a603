package harness

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// Browser is a scripted browser without script: it keeps cookies, follows
// redirects, and says of its requests what a real one says (Fetch Metadata,
// Origin).
type Browser struct {
	t      *testing.T
	client *http.Client
	// Agent is its User-Agent.
	Agent string
	// Header is sent with every request besides.
	Header http.Header
	// Stop tells which addresses redirects are not followed to; nil follows all.
	Stop func(*url.URL) bool
}

// maxRedirects is where a browser gives up.
const maxRedirects = 20

// NewBrowser starts with an empty cookie jar.
func NewBrowser(t *testing.T) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{
		t:     t,
		Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}
}

// StopAt makes the browser stop at redirects to addresses that begin so.
func (b *Browser) StopAt(prefix string) *Browser {
	b.Stop = func(u *url.URL) bool { return strings.HasPrefix(u.String(), prefix) }
	return b
}

// Via sends the browser's requests over a transport of the test's.
func (b *Browser) Via(transport http.RoundTripper) *Browser {
	b.client.Transport = transport
	return b
}

// Cookies gives the cookies that the browser would send to an address.
func (b *Browser) Cookies(address string) []*http.Cookie {
	return b.client.Jar.Cookies(MustURL(b.t, address))
}

// Toss puts cookies into the browser, as another host of the same site may.
func (b *Browser) Toss(address string, cookies ...*http.Cookie) {
	b.client.Jar.SetCookies(MustURL(b.t, address), cookies)
}

// Get opens an address, as if it were typed or opened from a mail program.
func (b *Browser) Get(address string) *Page {
	b.t.Helper()
	return b.must(b.Do(http.MethodGet, address, "", nil))
}

// Follow opens a link of a page.
func (b *Browser) Follow(p *Page, href string) *Page {
	b.t.Helper()
	target, err := p.URL.Parse(href)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.must(b.Do(http.MethodGet, target.String(), Origin(p.URL), nil))
}

// Submit sends a form of a page with a button pressed (nil: none) and fields
// typed over.
func (b *Browser) Submit(p *Page, f Form, button *Button, typed url.Values) *Page {
	b.t.Helper()
	return b.must(b.TrySubmit(p, f, button, typed))
}

// TrySubmit is Submit for goroutines, which must not end the test.
func (b *Browser) TrySubmit(p *Page, f Form, button *Button, typed url.Values) (*Page, error) {
	values := f.Values(button, typed)
	if f.Method == http.MethodGet {
		u := *f.Action
		u.RawQuery = values.Encode()
		return b.Do(http.MethodGet, u.String(), Origin(p.URL), nil)
	}
	origin := Origin(p.URL)
	if p.Header.Get("Referrer-Policy") == "no-referrer" { // as all pages of the program are
		origin = "null"
	}
	return b.do(http.MethodPost, f.Action.String(), Origin(p.URL), origin, values)
}

func (b *Browser) must(p *Page, err error) *Page {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// Do sends a request from a page of origin from (empty: from no page), which is
// under no-referrer, and follows redirects.
func (b *Browser) Do(method, address, from string, form url.Values) (*Page, error) {
	return b.do(method, address, from, "null", form)
}

// do is Do that says what a POST names as its Origin.
func (b *Browser) do(method, address, from, origin string, form url.Values) (*Page, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	relation := site(from, target)
	for range maxRedirects {
		p, err := b.once(method, target, relation, origin, form)
		if err != nil {
			return nil, err
		}
		location := p.Header.Get("Location")
		if p.Status < 300 || p.Status >= 400 || location == "" {
			return p, nil
		}
		next, err := target.Parse(location)
		if err != nil {
			return nil, err
		}
		if b.Stop != nil && b.Stop(next) {
			p.URL = next
			return p, nil
		}
		if p.Status != http.StatusTemporaryRedirect && p.Status != http.StatusPermanentRedirect {
			method, form = http.MethodGet, nil
		}
		relation = worse(relation, site(Origin(target), next))
		target = next
	}
	return nil, errors.New("too many redirects")
}

func (b *Browser) once(method string, target *url.URL, relation, origin string, form url.Values) (*Page, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, target.String(), body)
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Header, b.Header)
	r.Header.Set("User-Agent", b.Agent)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Accept-Language", "en")
	r.Header.Set("Sec-Fetch-Site", relation)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if method == http.MethodPost {
		r.Header.Set("Origin", origin)
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	return newPage(target, answer, string(text))
}

// site is what Sec-Fetch-Site says of a request from an origin to an address.
func site(from string, to *url.URL) string {
	if from == "" {
		return "none"
	}
	if from == Origin(to) {
		return "same-origin"
	}
	u, err := url.Parse(from)
	if err == nil && u.Scheme == to.Scheme && u.Hostname() == to.Hostname() {
		return "same-site"
	}
	return "cross-site"
}

// worse is the relation of a redirect chain: that of its least related step,
// but a chain begun by the person stays theirs.
func worse(a, b string) string {
	rank := map[string]int{"none": 3, "same-origin": 0, "same-site": 1, "cross-site": 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// Origin is scheme, host and port of an address.
func Origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// MustURL parses an address that a test relies on.
func MustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
