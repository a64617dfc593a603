package e2e_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"postern/e2e/harness"
)

func decodePart(t *testing.T, token string, i int) []byte {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[i])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLinkCarriesAtLeast32RandomBytes(t *testing.T) {
	t.Parallel()
	c, b := newClient(t, shared), newBrowser(t)
	seen := map[string]bool{}
	for range 3 {
		link := begin(t, c, b, newAddress()).mail().Link
		raw, err := base64.RawURLEncoding.DecodeString(harness.MustURL(t, link).Query().Get("token"))
		if err != nil || len(raw) < 32 {
			t.Fatalf("a token of %d bytes: %v", len(raw), err)
		}
		secret := string(raw[len(raw)-32:])
		if seen[secret] {
			t.Error("the same secret twice")
		}
		seen[secret] = true
	}
}

func TestTwoLoginsOfOneBrowserBothFinish(t *testing.T) {
	t.Parallel()
	c, b := newClient(t, shared), newBrowser(t)
	first, second := begin(t, c, b, newAddress()), begin(t, c, b, newAddress())
	second.finish(second.openLink(second.mail().Link))
	first.finish(first.openLink(first.mail().Link))
}

func TestWaitingPageSendsItsBrowserOnOnce(t *testing.T) {
	t.Parallel()
	l := begin(t, newClient(t, shared, "--public"), newBrowser(t), newAddress())
	link := l.mail().Link
	press(t, l.browser, l.browser.Get(link), "/auth/verify")
	at := l.waiting.URL.String()
	if p := newBrowser(t).Get(at); strings.HasPrefix(p.URL.String(), callback) {
		t.Error("the waiting page's address alone signs in")
	}
	l.finish(l.browser.Get(at))
	if p := l.browser.Get(at); strings.HasPrefix(p.URL.String(), callback) {
		t.Error("the waiting page sends on twice")
	}
}
