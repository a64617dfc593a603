package e2e_test

import (
	"strings"
	"testing"

	"postern/e2e/harness"
)

// mailbox opens the mailbox page in a tab of its own and waits for a link.
func mailbox(chromium *harness.Chromium, s *harness.Server, address string) *harness.Tab {
	tab := chromium.NewTab().Open(s.URL + "/dev/mail?to=" + address)
	tab.Wait("article.mail a.link")
	return tab
}

// typeAddress fills in the login page and waits for the waiting page.
func typeAddress(tab *harness.Tab, address string) {
	tab.Type("input[name=email]", address)
	tab.Click(`form[action$="/auth/login"] button:not([value=cancel])`)
	tab.Wait("input[name=code]")
}

// showsVerifiedToken checks what the demo app shows at the end.
func showsVerifiedToken(t *testing.T, tab *harness.Tab, s *harness.Server, address string) {
	t.Helper()
	tab.Wait("#id-token-claims")
	harness.Eventually(t, "the claims", func() bool { return strings.Contains(tab.TextOf("#id-token-claims"), address) })
	for selector, want := range map[string]string{
		"#id-token-header": `"alg": "RS256"`, "#id-token-claims": `"iss": "` + s.Issuer + `"`,
		"#userinfo": address, "#checks": "of the provider's JWKS",
	} {
		if got := tab.TextOf(selector); !strings.Contains(got, want) {
			t.Errorf("%s lacks %q: %s", selector, want, got)
		}
	}
}

func TestWebAppInChromiumFinishesInTheLinksTab(t *testing.T) {
	t.Parallel()
	chromium, address := harness.NewChromium(t), newAddress()
	first := chromium.NewTab().Open(shared.URL + "/dev/app")
	first.Press("Sign in (web app)")
	typeAddress(first, address)
	box := mailbox(chromium, shared, address)
	linked := box.OpenedBy(func() { box.Click("article.mail a.link") })
	linked.Click(`form[action$="/auth/verify"] button`)
	showsVerifiedToken(t, linked, shared, address)

	again := chromium.NewTab().Open(shared.URL + "/dev/app/login")
	showsVerifiedToken(t, again, shared, address)
	if got := len(shared.Mails(t, address)); got != 1 {
		t.Errorf("%d mails: single sign-on needs none", got)
	}
	again.Press("Refresh")
	again.WaitText("The refresh token was replaced by a new one.")
	showsVerifiedToken(t, again, shared, address)

	again.Press("Sign out")
	again.WaitText("You are signed out")
	again.Press("Sign in (web app)")
	again.Wait("input[name=email]")
}

func TestSinglePageAppInChromiumFinishesInTheWaitingTab(t *testing.T) {
	t.Parallel()
	chromium, address := harness.NewChromium(t), newAddress()
	first := chromium.NewTab().Open(shared.URL + "/dev/app")
	first.Press("Sign in (single-page app)")
	typeAddress(first, address)
	box := mailbox(chromium, shared, address)
	linked := box.OpenedBy(func() { box.Click("article.mail a.link") })
	linked.Click(`form[action$="/auth/verify"] button`)
	showsVerifiedToken(t, first, shared, address)
	if strings.Contains(linked.Text(), "s JWKS") {
		t.Error("the link's tab shows a token too")
	}

	first.Press("Refresh")
	first.WaitText("The refresh token was replaced by a new one.")
	first.Press("Sign in again")
	first.WaitText("Signed in to the single-page app")
	showsVerifiedToken(t, first, shared, address)
	if got := len(shared.Mails(t, address)); got != 1 {
		t.Errorf("%d mails: single sign-on needs none", got)
	}

	first.Press("Sign out")
	first.WaitText("You are signed out")
	first.Press("Sign in (single-page app)")
	first.Wait("input[name=email]")
}

func TestSinglePageAppContinuesHereInTheLinksTab(t *testing.T) {
	t.Parallel()
	c := newClient(t, shared, "--public")
	l := begin(t, c, newBrowser(t), newAddress())
	l.finish(l.openLink(l.mail().Link))
	// The waiting tab comes second, and gets nothing.
	if p := l.browser.Get(l.waiting.URL.String()); strings.HasPrefix(p.URL.String(), callback) {
		t.Errorf("the second tab was sent on too: %s", p.URL.Redacted())
	}
}

func TestMailInTheMailboxPageLooksLikeAMailAndOpensTabs(t *testing.T) {
	t.Parallel()
	chromium, address := harness.NewChromium(t), newAddress()
	l := begin(t, newClient(t, shared), newBrowser(t), address)
	l.mail()
	box := mailbox(chromium, shared, address)
	box.Wait(`iframe[sandbox="allow-popups allow-popups-to-escape-sandbox"]`)
	// The mail's own button: the frame is another origin to any script.
	box.Phone()
	linked := box.OpenedBy(func() { box.ClickDown("iframe", 20) })
	linked.WaitURL(shared.Issuer + "/auth/verify")
	if got := box.TextOf("article.mail pre"); !strings.Contains(got, l.mail().Link) {
		t.Errorf("the text part lacks the link: %s", got)
	}
}

func TestCancelBringsAccessDeniedBackToTheDemoApp(t *testing.T) {
	t.Parallel()
	chromium := harness.NewChromium(t)
	tab := chromium.NewTab().Open(shared.URL + "/dev/app/login")
	tab.Press("Cancel")
	tab.WaitText("You did not sign in")
	tab.Open(shared.URL + "/dev/spa?start")
	tab.Press("Cancel")
	tab.WaitText("The sign-in was cancelled")
}
