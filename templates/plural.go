package templates

import (
	"slices"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

var formNames = map[plural.Form]string{
	plural.Other: "other", plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many",
}

// pluralForm names the form of a language for a whole number (CLDR).
func pluralForm(tag language.Tag, n int) string {
	return formNames[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]
}

// mostCounted is more than a page ever counts: minutes, seconds, attempts.
const mostCounted = 1000

// pluralForms are those that a language needs for what pages count.
func pluralForms(tag language.Tag) []string {
	var forms []string
	for n := range mostCounted {
		if form := pluralForm(tag, n); !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	return forms
}
