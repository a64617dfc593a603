package templates_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLocalesAreEnglishFirst(t *testing.T) {
	if diff := cmp.Diff([]string{"en", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "sv"}, newSet(t).Locales()); diff != "" {
		t.Errorf("locales (-want +got):\n%s", diff)
	}
}

func TestLocaleIsPickedInOrder(t *testing.T) {
	tests := []struct {
		name      string
		uiLocales []string
		accept    string
		tenant    string
		want      string
	}{
		{name: "nothing said is English", want: "en"},
		{name: "the tenant's where nothing is said", tenant: "de", want: "de"},
		{name: "a tenant's that there is not is English", tenant: "tr", want: "en"},
		{name: "a tenant's that is not one is English", tenant: "!!", want: "en"},
		{name: "the browser's before the tenant's", accept: "en-GB,en;q=0.9", tenant: "de", want: "en"},
		{name: "the browser's best that there is", accept: "tr-TR, tr;q=0.9, de;q=0.7, en;q=0.3", want: "de"},
		{name: "the browser's order is by weight", accept: "en;q=0.4, de;q=0.6", want: "de"},
		{name: "a weight of nothing counts as nothing", accept: "de;q=0, en", want: "en"},
		{name: "a browser that wants something else gets the tenant's", accept: "tr", tenant: "de", want: "de"},
		{name: "anything is not German", accept: "*", want: "en"},
		{name: "a region of a language", accept: "de-AT", want: "de"},
		{name: "Portuguese of Portugal", accept: "pt-PT", want: "pt"},
		{name: "Japanese as Japan says it", accept: "ja-JP", want: "ja"},
		{name: "ui_locales before the browser's", uiLocales: []string{"de"}, accept: "en", want: "de"},
		{name: "the first of ui_locales that there is", uiLocales: []string{"tr", "de-CH", "en"}, want: "de"},
		{name: "ui_locales that there are not", uiLocales: []string{"tr", "zh"}, accept: "de", want: "de"},
		{name: "ui_locales that are none", uiLocales: []string{"", "\x00", "de_DE_DE_"}, want: "en"},
		{name: "a header that is none", accept: "de;;q=x,,", want: "en"},
		{name: "a header too long to be a browser's", accept: "de" + strings.Repeat(",de", 1000), want: "en"},
	}
	set := newSet(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := set.Locale(test.uiLocales, test.accept, test.tenant); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
