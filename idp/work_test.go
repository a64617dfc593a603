package idp_test

import (
	"testing"

	"postern/idp"
)

func TestWorkIsOffAlwaysOrFromAShareOn(t *testing.T) {
	for text, want := range map[string]idp.Work{"": idp.WorkNever, "off": idp.WorkNever, "always": idp.WorkAlways, "1%": "1%", "99%": "99%"} {
		if got, err := idp.ParseWork(text); err != nil || got != want {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"on", "0%", "100%", "-1%", "50", "50.5%", "%", "always ", "offalways", "5 %", "+5%", "05%"} {
		if got, err := idp.ParseWork(text); err == nil {
			t.Errorf("%q is %q", text, got)
		}
	}
}
