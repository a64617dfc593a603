package attacks_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"postern/e2e/harness"
)

// hostile are texts that somebody puts where people or programs will read them.
var hostile = []string{
	`<script>document.title='pwned'</script>`,
	`"><img src=x onerror="document.title='pwned'">`,
	`' autofocus onfocus=document.title='pwned' x='`,
	`</title></style></textarea><script>document.title='pwned'</script>`,
	`{{.Tenant}}<!--`,
	`<b>bold</b>`,
	"App\r\nBcc: evil@evil.example\r\n\r\npwned",
	"App\nX-Injected: pwned",
	"=?utf-8?q?pwned?=",
	"visit evil.example",
	"https://evil.example/pwned",
	"www.evil.example",
	"javascript:document.title='pwned'",
	"\u202egnp.exe",
	"A\u0000B",
	"A\u2028B",
	strings.Repeat("pwned", 30),
}

// Threat 13: a client's name in the mail, its headers and every page of a login.
func TestAClientsNameBringsNoHeaderMarkupOrLink(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		taken := 0
		for _, name := range hostile {
			for _, c := range []client{w.byCommand(t, name), w.byRegistration(t, name)} {
				if c.ID == "" {
					continue
				}
				taken++
				if strings.ContainsAny(name, "\r\n\x00\u2028\u202e") || strings.Contains(name, "evil.example") || len(name) > 64 {
					t.Errorf("%q is taken as a name", name)
				}
				l := c.begin(t, browse(t), newAddress())
				m := w.mail(t, l.address, 1)
				checkHeadersOfMail(t, m.Data, l.address)
				for kind, part := range partsOf(t, m.Data) {
					if kind == "text/html" {
						isPlain(t, name, part)
					}
					if n := strings.Count(part, "/auth/verify?token="); n == 0 || strings.Contains(part, "evil.example") {
						t.Errorf("%q: a mail with %d links", name, n)
					}
				}
				for _, page := range []*harness.Page{l.browser.Get(l.request.url), l.waiting, browse(t).Get(m.Link), l.browser.Get(m.Link)} {
					isPlain(t, name, page.Body)
					checkHeaders(t, page)
				}
			}
		}
		if taken == 0 {
			t.Error("every name was refused, so nothing was shown")
		}
	})
}

// byCommand and byRegistration make an app of a name, or none where it is refused.
func (w *world) byCommand(t *testing.T, name string) client {
	t.Helper()
	if strings.ContainsRune(name, 0) {
		return client{} // no command line can hold it
	}
	out, err := w.Run(t.Context(), "client", "create", "--tenant", "demo", "--name", name, "--redirect-uri", callback, "--json")
	c := client{world: w, tenant: tenant{base: w.Issuer}}
	if err != nil {
		return client{}
	}
	decode(t, out, &c.app)
	return c
}

func (w *world) byRegistration(t *testing.T, name string) client {
	t.Helper()
	body, err := json.Marshal(map[string]any{"client_name": name, "redirect_uris": []string{callback}})
	if err != nil {
		t.Fatal(err)
	}
	c := client{world: w, tenant: tenant{base: w.Issuer}}
	got, text := c.tenant.send(t, attempt{
		method: http.MethodPost, path: "/register", body: string(body), header: map[string]string{"Content-Type": "application/json"},
	})
	if got.Status == http.StatusBadRequest {
		return client{}
	}
	decode(t, []byte(strings.TrimSpace(text)), &c.app)
	return c
}

// isPlain checks that a page or mail has no element or attribute of the text's making.
func isPlain(t *testing.T, text, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && (n.Data == "b" || n.Data == "script" && n.FirstChild != nil) {
			t.Errorf("%q: an element %s", text, n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" && a.Val == "x" || strings.HasPrefix(a.Val, "javascript:") || strings.Contains(a.Val, "evil.example") {
				t.Errorf("%q: an attribute %s=%q", text, a.Key, a.Val)
			}
		}
	}
}

// partsOf gives a mail's parts by media type, decoded.
func partsOf(t *testing.T, data []byte) map[string]string {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(part)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		parts[kind] = string(text)
	}
}

// Threat 33: a tenant's own administrator puts script into each field that
// people get to see. Most are refused; then they are written past every check,
// straight into the database, and still nothing runs.
func TestATenantsOwnTextsAndLogoRunNothingInChromium(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.apart(t)
		for _, text := range hostile {
			for _, key := range []string{"greeting", "support", "privacy"} {
				if strings.ContainsRune(text, 0) {
					continue
				}
				_, err := w.Run(t.Context(), "tenant", "set", c.tenant.Slug, key+"="+text)
				if err == nil && (strings.ContainsAny(text, "\r\n") || strings.HasPrefix(text, "javascript:") && key != "greeting") {
					t.Errorf("%s takes %q", key, text)
				}
			}
		}
		logo := filepath.Join(t.TempDir(), "logo.svg")
		svg := `<svg xmlns="http://www.w3.org/2000/svg" onload="document.title='pwned'"><script>document.title='pwned'</script></svg>`
		if err := os.WriteFile(logo, []byte(svg), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Run(t.Context(), "tenant", "set", c.tenant.Slug, "logo=@"+logo); err == nil {
			t.Error("an SVG is taken as a logo")
		}
		const script = `"><script>document.title='pwned'</script><img src=x onerror=document.title='pwned'>`
		brand, err := json.Marshal(map[string]any{"brand": map[string]any{
			"greeting": script, "support": "javascript:document.title='pwned'", "privacy": "javascript:document.title='pwned'",
			"terms": script, "imprint": script, "colour": `red}</style><script>document.title='pwned'</script>`,
			"logo": map[string]any{"hash": script, "width": 10, "height": 10},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.db.ExecContext(t.Context(), `UPDATE tenants SET name = $1, settings = $2 WHERE slug = $3`, script, string(brand), c.tenant.Slug); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, "the poisoned page", func() bool { return strings.Contains(browse(t).Get(c.request().url).Body, "onerror") })
		tab := harness.NewChromium(t).NewTab().Open(c.request().url)
		time.Sleep(200 * time.Millisecond) // an image that fails does so later
		if title := tab.TextOf("title"); title == "pwned" || tab.Count(`document.querySelectorAll("script:not([src]), img[src=x], [onerror]")`) > 0 {
			t.Errorf("title %q", title)
		}
		for _, link := range browse(t).Get(c.request().url).Links() {
			if strings.HasPrefix(link, "javascript:") {
				t.Errorf("a link to %s", link)
			}
		}
	})
}
