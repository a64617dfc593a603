package e2e_test

import (
	"testing"

	"postern/e2e/harness"
)

func TestPhoneWithoutScriptSignsInByRelayCodeAndByPastedLink(t *testing.T) {
	t.Parallel()
	for name, carry := range map[string]func(*testing.T, string) string{
		"relay code":  relayCode,
		"pasted link": func(_ *testing.T, link string) string { return link },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := newAddress()
			tab := harness.NewChromium(t).NewTab().Phone().WithoutScript().Open(shared.URL + "/dev/app")
			tab.Press("Sign in (web app)")
			typeAddress(tab, address)
			tab.Type("input[name=code]", carry(t, shared.WaitMail(t, address, 1).Link))
			tab.Click(`form[action$="/auth/code"] button`)
			showsVerifiedToken(t, tab, shared, address)
			tab.Press("Sign out")
			tab.WaitText("You are signed out")
		})
	}
}

func TestPhoneWithoutScriptSignsInByTheLink(t *testing.T) {
	t.Parallel()
	address := newAddress()
	chromium := harness.NewChromium(t)
	tab := chromium.NewTab().Phone().WithoutScript().Open(shared.URL + "/dev/app/login")
	typeAddress(tab, address)
	linked := chromium.NewTab().Phone().WithoutScript().Open(shared.WaitMail(t, address, 1).Link)
	linked.Click(`form[action$="/auth/verify"] button`)
	showsVerifiedToken(t, linked, shared, address)
}
