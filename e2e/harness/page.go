package harness

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Page is an answer that a browser shows.
type Page struct {
	URL    *url.URL // where it is; where a stopped redirect points to
	Status int
	Header http.Header
	Body   string
	doc    *html.Node
}

func newPage(u *url.URL, answer *http.Response, body string) (*Page, error) {
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	return &Page{URL: u, Status: answer.StatusCode, Header: answer.Header, Body: body, doc: doc}, nil
}

// Form is a form of a page.
type Form struct {
	Method  string
	Action  *url.URL
	Fields  []Field
	Buttons []Button
}

// Field is an input of a form.
type Field struct{ Name, Type, Value string }

// Button submits a form.
type Button struct{ Name, Value, Text string }

// Forms gives the forms of a page, resolved against its address.
func (p *Page) Forms() []Form {
	var forms []Form
	for n := range p.doc.Descendants() {
		if n.DataAtom != atom.Form {
			continue
		}
		f := Form{Method: http.MethodGet, Action: p.URL}
		if strings.EqualFold(attr(n, "method"), "post") {
			f.Method = http.MethodPost
		}
		if action, err := p.URL.Parse(attr(n, "action")); err == nil && attr(n, "action") != "" {
			f.Action = action
		}
		f.read(n)
		forms = append(forms, f)
	}
	return forms
}

func (f *Form) read(form *html.Node) {
	for n := range form.Descendants() {
		switch {
		case n.DataAtom == atom.Button && (attr(n, "type") == "" || attr(n, "type") == "submit"):
			f.Buttons = append(f.Buttons, Button{attr(n, "name"), attr(n, "value"), strings.TrimSpace(text(n))})
		case n.DataAtom == atom.Input && attr(n, "type") == "submit":
			f.Buttons = append(f.Buttons, Button{attr(n, "name"), attr(n, "value"), attr(n, "value")})
		case n.DataAtom == atom.Input:
			f.Fields = append(f.Fields, Field{attr(n, "name"), attr(n, "type"), attr(n, "value")})
		}
	}
}

// Values is what the form sends.
func (f Form) Values(button *Button, typed url.Values) url.Values {
	values := url.Values{}
	for _, field := range f.Fields {
		if field.Name != "" {
			values.Add(field.Name, field.Value)
		}
	}
	if button != nil && button.Name != "" {
		values.Set(button.Name, button.Value)
	}
	maps.Copy(values, typed)
	return values
}

// Field finds an input by its name.
func (f Form) Field(name string) (Field, bool) {
	i := slices.IndexFunc(f.Fields, func(field Field) bool { return field.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return f.Fields[i], true
}

// PostsTo tells a form that posts to an address that ends so.
func (f Form) PostsTo(suffix string) bool {
	return f.Method == http.MethodPost && strings.HasSuffix(f.Action.Path, suffix)
}

// FormTo finds the one form that posts to an address that ends so.
func (p *Page) FormTo(t *testing.T, suffix string) Form {
	t.Helper()
	var found []Form
	for _, f := range p.Forms() {
		if f.PostsTo(suffix) {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d forms that post to %s on %s (status %d):\n%s", len(found), suffix, p.URL.Path, p.Status, p.Body)
	}
	return found[0]
}

// Text gives the text of the element of an id, or "".
func (p *Page) Text(id string) string {
	for n := range p.doc.Descendants() {
		if n.Type == html.ElementNode && attr(n, "id") == id {
			return strings.TrimSpace(text(n))
		}
	}
	return ""
}

// Links gives where the page's anchors point to.
func (p *Page) Links() []string {
	var links []string
	for n := range p.doc.Descendants() {
		if n.DataAtom == atom.A {
			if u, err := p.URL.Parse(attr(n, "href")); err == nil {
				links = append(links, u.String())
			}
		}
	}
	return links
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
