// Package templates holds the words and the looks of every page and mail:
// html/template and text/template files, a catalogue of messages per locale,
// and the few first-party assets.
//
// It must never hold logic of the login, and nothing a tenant supplies is ever
// markup here: tenants give data, the templates give form.
package templates

import "net/http"

// Set is the parsed templates. It is safe for concurrent use.
type Set struct{}

// New parses the embedded templates and catalogues; an error is a fault of the build.
func New() (*Set, error) { return &Set{}, nil }

// Locales are the languages there are, the default first.
func (s *Set) Locales() []string { return []string{"en", "de"} }

// Locale picks a language: the first of uiLocales that there is, then by the
// Accept-Language header, then the tenant's, then English.
func (s *Set) Locale(uiLocales []string, acceptLanguage, tenant string) string { return "en" }

// Write renders a page with all the headers that INTERFACES asks of pages.
func (s *Set) Write(w http.ResponseWriter, status int, f Frame, b Body) {}

// Mail composes the words of a login mail.
func (s *Set) Mail(locale string, m LoginMail) (Composed, error) { return Composed{}, nil }

// Assets serves the stylesheet and scripts below Base/auth/assets/.
func (s *Set) Assets() http.Handler { return http.NotFoundHandler() }
