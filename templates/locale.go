package templates

import "golang.org/x/text/language"

// maxAcceptLanguage bounds the header that is parsed; browsers send less than a tenth.
const maxAcceptLanguage = 512

// Locale picks a language: the first of uiLocales that there is, then by the
// Accept-Language header, then the tenant's, then English.
func (s *Set) Locale(uiLocales []string, acceptLanguage, tenant string) string {
	for _, wanted := range uiLocales {
		if tag, err := language.Parse(wanted); err == nil {
			if locale, ok := s.match(tag); ok {
				return locale
			}
		}
	}
	if len(acceptLanguage) <= maxAcceptLanguage {
		if tags, _, err := language.ParseAcceptLanguage(acceptLanguage); err == nil {
			if locale, ok := s.match(tags...); ok {
				return locale
			}
		}
	}
	if tag, err := language.Parse(tenant); err == nil {
		if locale, ok := s.match(tag); ok {
			return locale
		}
	}
	return s.locales[0]
}

func (s *Set) match(tags ...language.Tag) (string, bool) {
	if len(tags) == 0 {
		return "", false
	}
	_, index, confidence := s.matcher.Match(tags...)
	return s.locales[index], confidence >= language.High
}
