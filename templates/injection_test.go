package templates_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"postern/idp"
	"postern/templates"
)

var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' autofocus onfocus=alert(1) x='`,
	`</title></textarea></style><a href="https://evil.example">x</a>`,
	`{{.Tenant}}{client}<!--`,
	"line\r\nBcc: all@evil.example\r\n\r\nbody",
	"javascript:alert(1)",
	"visit https://evil.example now",
	"www.evil.example",
	"\u202egnp.exe\u2066\u0000",
	strings.Repeat("Ä", 5000),
}

// filled gives a page with a text in each of its fields. Places for links get
// one that can be followed, so that benign and hostile pages have the same ones.
func filled(b templates.Body, text string) templates.Body {
	v := reflect.New(reflect.TypeOf(b)).Elem()
	fill(v, text)
	return v.Interface().(templates.Body)
}

func fill(v reflect.Value, text string) {
	for i := range v.NumField() {
		field := v.Field(i)
		name := v.Type().Field(i).Name
		switch value := field.Interface().(type) {
		case string:
			field.SetString(text)
			if strings.HasSuffix(name, "URL") {
				field.SetString("https://app.example/" + strings.Map(dropControls, text))
			}
		case templates.Ending, templates.Asking, templates.Notice, idp.Delivery:
			field.SetString(text)
		case []templates.Hidden:
			field.Set(reflect.ValueOf([]templates.Hidden{{Name: text, Value: text}}))
		case []string:
			field.Set(reflect.ValueOf([]string{text, text}))
		case []templates.Browser, []templates.App:
			field.Set(reflect.MakeSlice(field.Type(), 2, 2))
			fill(field.Index(0), text)
			fill(field.Index(1), text)
		case time.Time:
			field.Set(reflect.ValueOf(asked))
		case int, time.Duration:
			field.SetInt(3)
		case bool:
			field.SetBool(true)
		case templates.About, templates.Brand, templates.Work:
			fill(field, text)
		case idp.Colour:
			field.SetString(text)
		default:
			panic("no filling for " + reflect.TypeOf(value).String())
		}
	}
}

func dropControls(r rune) rune {
	if r < ' ' || strings.ContainsRune("?#%&", r) {
		return -1
	}
	return r
}

// skeleton is a page's elements and the names of their attributes.
func skeleton(root *html.Node) []string {
	var bones []string
	for n := range root.Descendants() {
		if n.Type == html.CommentNode {
			bones = append(bones, "<!-- -->")
		}
		if n.Type != html.ElementNode {
			continue
		}
		bone := n.Data
		for _, a := range n.Attr {
			bone += " " + a.Key
		}
		bones = append(bones, bone)
	}
	return bones
}

func TestWhatOthersSupplyIsNeverMarkupInAPage(t *testing.T) {
	set := newSet(t)
	f := templates.Frame{Locale: "en", Base: "/t/demo"}
	for _, s := range samples() {
		f.Tenant = "benign"
		fill(reflect.ValueOf(&f.Brand).Elem(), "benign")
		want := skeleton(parsed(t, show(t, set, f, filled(s.body, "benign")).Body.String()))
		for _, text := range hostile {
			f.Tenant = text
			fill(reflect.ValueOf(&f.Brand).Elem(), text)
			root := parsed(t, show(t, set, f, filled(s.body, text)).Body.String())
			if diff := cmp.Diff(want, skeleton(root)); diff != "" {
				t.Errorf("%s with %.40q (-benign +hostile):\n%s", s.name, text, diff)
			}
		}
	}
}

func TestLinksLeadToTheWebOrNowhere(t *testing.T) {
	set := newSet(t)
	for _, target := range []string{"javascript:alert(1)", "data:text/html,x", "//evil.example", "vbscript:x", "https:evil", "https://", "evil", "\x00https://a"} {
		for _, b := range []templates.Body{
			templates.Done{ReturnURL: target},
			templates.Login{About: templates.About{PolicyURL: target, TermsURL: target}},
			templates.SignedOut{ReturnURL: target},
			templates.Over{StartURL: target},
			templates.Waiting{StartURL: target, SelfURL: "/"},
		} {
			if links := all(page(t, set, "en", b), "a"); len(links) != 0 {
				t.Errorf("%T: a link to %q for %q", b, attr(links[0], "href"), target)
			}
		}
	}
}

// autolink is what mail programs turn into a link by themselves.
var autolink = regexp.MustCompile(`(?i)[a-z]+://|\bwww\.|mailto:|[\w-]+@[\w-]+|[a-z0-9-]+\.[a-z]{2,}`)

func TestWhatOthersSupplyIsNeitherMarkupNorALinkInAMail(t *testing.T) {
	set := newSet(t)
	plain, err := set.Mail("en", loginMail())
	if err != nil {
		t.Fatal(err)
	}
	want := skeleton(parsed(t, plain.HTML))
	for _, text := range hostile {
		m := loginMail()
		m.Client, m.Tenant, m.Browser, m.Network = text, text, text, text
		got, err := set.Mail("en", m)
		if err != nil {
			t.Fatal(err)
		}
		root := parsed(t, got.HTML)
		if diff := cmp.Diff(want, skeleton(root)); diff != "" {
			t.Errorf("mail with %.40q (-benign +hostile):\n%s", text, diff)
		}
		if strings.ContainsAny(got.Subject, "\r\n") {
			t.Errorf("subject of more than one line: %q", got.Subject)
		}
		rest := got.Subject + strings.Replace(got.Text, m.Link, "", 1) + strings.Replace(words(root), m.Host, "", 1)
		if found := autolink.FindAllString(rest, -1); found != nil {
			t.Errorf("mail with %.40q: reads as links: %q", text, found)
		}
		if gotLines, wantLines := strings.Count(got.Text, "\n"), strings.Count(plain.Text, "\n"); gotLines != wantLines {
			t.Errorf("mail with %.40q: %d lines, want %d", text, gotLines, wantLines)
		}
	}
}

// words are what is read of a mail: its text without the style sheet.
func words(root *html.Node) string {
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

func TestMailHasOneLinkThatShowsItsHost(t *testing.T) {
	set := newSet(t)
	for _, locale := range set.Locales() {
		m := loginMail()
		got, err := set.Mail(locale, m)
		if err != nil {
			t.Fatal(err)
		}
		root := parsed(t, got.HTML)
		links := all(root, "a")
		if len(links) != 1 || attr(links[0], "href") != m.Link || text(links[0]) != m.Host {
			t.Errorf("%s: not one link that shows %q", locale, m.Host)
		}
		if n := len(all(root, "img")) + len(all(root, "link")) + len(all(root, "script")); n != 0 {
			t.Errorf("%s: %d things to fetch", locale, n)
		}
		if !slices.Contains(strings.Split(got.Text, "\n"), m.Link) {
			t.Errorf("%s: the link is not on a line of its own", locale)
		}
		for _, told := range []string{m.Client, m.Tenant, "Firefox", "Linux", m.Network, "14:30 UTC", "10"} {
			if !strings.Contains(got.Text, told) || !strings.Contains(words(root), told) {
				t.Errorf("%s: one of the parts does not tell %q", locale, told)
			}
		}
	}
}

func TestMailForAnUnknownLocaleIsEnglish(t *testing.T) {
	got, err := newSet(t).Mail("tlh", loginMail())
	if err != nil || got.Subject != "Sign in to Acme Notes" {
		t.Errorf("subject %q, error %v", got.Subject, err)
	}
}
