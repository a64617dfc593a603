// Package templates holds the words and the looks of every page and mail:
// html/template and text/template files, a catalogue of messages per locale,
// and the few first-party assets.
//
// It must never hold logic of the login, and nothing a tenant supplies is ever
// markup here: tenants give data, the templates give form.
//
//	pages/layout.html    what every page shares; pages/icons.html its drawings
//	pages/NAME.html      one page: the blocks title and body
//	mails/login.txt, .html   the mail's two parts; notice.* those of what is told, without a link
//	locales/LANG.json    every word, flat, with {named} arguments
//	assets/              the stylesheet, the script, the mark
//
// A page works without the script and says all it has to say without the
// stylesheet.
package templates

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	texttemplate "text/template"

	"golang.org/x/text/language"
)

//go:embed pages mails locales assets
var files embed.FS

// Set is the parsed templates. It is safe for concurrent use.
type Set struct {
	locales []string // the default first
	matcher language.Matcher
	words   map[string]catalogue
	pages   map[string]map[string]*template.Template // by locale and page
	mails   map[string]mailTemplates
	notices map[string]mailTemplates
	assets  map[string]asset // by hashed name
}

type mailTemplates struct {
	text *texttemplate.Template
	html *template.Template
}

// New parses the embedded templates and catalogues; an error is a fault of the build.
func New() (*Set, error) {
	assets, hashed, err := loadAssets(files)
	if err != nil {
		return nil, err
	}
	catalogues, err := loadCatalogues(files)
	if err != nil {
		return nil, err
	}
	s := &Set{
		words:   map[string]catalogue{},
		pages:   map[string]map[string]*template.Template{},
		mails:   map[string]mailTemplates{},
		notices: map[string]mailTemplates{},
		assets:  assets,
	}
	tags := make([]language.Tag, 0, len(catalogues))
	for _, c := range catalogues {
		if s.pages[c.locale], err = parsePages(c, hashed); err != nil {
			return nil, err
		}
		if s.mails[c.locale], err = parseMails(c, "login"); err != nil {
			return nil, err
		}
		if s.notices[c.locale], err = parseMails(c, "notice"); err != nil {
			return nil, err
		}
		tags = append(tags, c.tag)
		s.locales = append(s.locales, c.locale)
		s.words[c.locale] = c
	}
	s.matcher = language.NewMatcher(tags)
	return s, nil
}

func parsePages(c catalogue, hashed map[string]string) (map[string]*template.Template, error) {
	shared, err := template.New("layout.html").Funcs(c.funcs(hashed)).
		ParseFS(files, "pages/layout.html", "pages/icons.html")
	if err != nil {
		return nil, fmt.Errorf("templates: layout: %w", err)
	}
	pages := map[string]*template.Template{}
	for _, b := range bodies {
		name := b.page()
		own, err := shared.Clone()
		if err == nil {
			own, err = own.ParseFS(files, "pages/"+name+".html")
		}
		if err == nil {
			err = foldAll(c, own, hashed)
		}
		if err != nil {
			return nil, fmt.Errorf("templates: page %s: %w", name, err)
		}
		pages[name] = own
	}
	return pages, nil
}

// foldAll folds a page and all that it is made of.
func foldAll(c catalogue, page *template.Template, hashed map[string]string) error {
	for _, t := range page.Templates() {
		if err := c.fold(t.Tree, hashed, template.HTMLEscapeString); err != nil {
			return err
		}
	}
	return nil
}

func parseMails(c catalogue, name string) (mailTemplates, error) {
	text, err := texttemplate.New(name+".txt").Funcs(c.funcs(nil)).
		ParseFS(files, "mails/"+name+".txt")
	if err != nil {
		return mailTemplates{}, fmt.Errorf("templates: mail %s: %w", name, err)
	}
	if err := c.fold(text.Tree, nil, func(s string) string { return s }); err != nil {
		return mailTemplates{}, fmt.Errorf("templates: mail %s: %w", name, err)
	}
	html, err := template.New(name+".html").Funcs(c.funcs(nil)).ParseFS(files, "mails/"+name+".html")
	if err == nil {
		err = foldAll(c, html, nil)
	}
	if err != nil {
		return mailTemplates{}, fmt.Errorf("templates: mail %s: %w", name, err)
	}
	return mailTemplates{text: text, html: html}, nil
}

// bodies has one of each page.
var bodies = []Body{
	Login{},
	Waiting{},
	VerifyHere{},
	VerifyElsewhere{},
	Account{},
	Completed{},
	Done{},
	Over{},
	Consent{},
	DeviceCode{},
	DeviceConfirm{},
	DeviceDone{},
	LogoutConfirm{},
	SignedOut{},
	Fault{},
}

// Locales are the languages there are, the default first.
func (s *Set) Locales() []string { return append([]string(nil), s.locales...) }

// Assets serves the stylesheet and scripts below Base/auth/assets/. It looks at
// the last element of the path only, so it can be mounted in front of whatever
// finds the tenant: assets are everyone's.
func (s *Set) Assets() http.Handler { return http.HandlerFunc(s.serveAsset) }
