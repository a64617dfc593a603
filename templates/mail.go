package templates

import (
	"bytes"
	"strings"
	"unicode"

	"postern/idp"
)

// Mail composes the words of a login mail. It holds one link and no picture.
func (s *Set) Mail(locale string, m LoginMail) (Composed, error) {
	m.Client, m.Tenant = mailName(m.Client), mailName(m.Tenant)
	m.Browser, m.Network = mailName(m.Browser), mailName(m.Network)
	if m.Change {
		return s.compose(s.mails, locale, m, "mail.change.subject")
	}
	return s.compose(s.mails, locale, m, "mail.subject", "client", m.Client)
}

// Notice composes the words of the mail to an address that was replaced.
func (s *Set) Notice(locale string, m NoticeMail) (Composed, error) {
	m.Tenant = mailName(m.Tenant)
	return s.compose(s.notices, locale, m, "mail.notice.subject")
}

func (s *Set) compose(from map[string]mailTemplates, locale string, m any, subjectKey string, args ...any) (Composed, error) {
	templates, ok := from[locale]
	if !ok {
		locale = s.locales[0]
		templates = from[locale]
	}
	subject, err := s.words[locale].say(subjectKey, args...)
	if err != nil {
		return Composed{}, err
	}
	var text, html bytes.Buffer
	if err := execute(&text, templates.text, m); err != nil {
		return Composed{}, err
	}
	if err := execute(&html, templates.html, m); err != nil {
		return Composed{}, err
	}
	return Composed{Subject: subject, Text: text.String(), HTML: html.String()}, nil
}

// mailName keeps a name from being more than a name. Mail programs make links
// of whatever looks like one, so a name that was let in before the rules of
// idp.ValidName loses what could become one.
func mailName(name string) string {
	name = oneLine(name)
	if idp.ValidName(name) == nil {
		return name
	}
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(".:/\\@<>", r)
	}), " ")
	if runes := []rune(name); len(runes) > 64 {
		name = string(runes[:64])
	}
	return name
}

// oneLine drops what could begin a new line, a header, or turn the text round.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}
