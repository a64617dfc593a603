package e2e_test

import (
	"strings"
	"testing"

	"postern/e2e/harness"
)

// Neither a code, a cookie, a token nor a relay code may reach a log.
func TestLogsHoldNoSecret(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary)
	c := newClient(t, s)
	l := begin(t, c, newBrowser(t), newAddress())
	link := l.mail().Link
	relay := relayCode(t, link)
	l.enter("0000-0000")
	page := l.openLink(link)
	secrets := map[string]string{"the authorization code": l.code(page), "the relay code": relay, "the client secret": c.Secret}
	tokens := l.finish(page)
	for _, name := range []string{"access_token", "refresh_token", "id_token"} {
		secrets[name], _ = tokens[name].(string)
	}
	for _, cookie := range l.browser.Cookies(s.URL) {
		secrets["the cookie "+cookie.Name] = cookie.Value
	}
	if p := l.browser.Get(link); p.Status < 400 {
		t.Errorf("the link again: status %d", p.Status)
	}
	_, _ = c.redeem(secrets["the authorization code"], l.request)
	logs := s.Logs()
	for name, secret := range secrets {
		if secret == "" {
			t.Errorf("there was no %s", name)
		} else if strings.Contains(logs, secret) {
			t.Errorf("the log holds %s", name)
		}
	}
}
