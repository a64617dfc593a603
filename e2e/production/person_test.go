package production_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"postern/e2e/harness"
)

// newAddress gives a mailbox that nobody has had before.
func newAddress() string { return strings.ToLower(rand.Text()) + "@example.org" }

// authorize is an authorization request of the app.
func (w *world) authorize(extra ...string) string {
	q := url.Values{
		"client_id": {w.client.ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email"}, "state": {rand.Text()},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(extra); i += 2 {
		q.Set(extra[i], extra[i+1])
	}
	return issuer + "/authorize?" + q.Encode()
}

// ask types an address and gives the page that waits.
func (w *world) ask(b *harness.Browser, address string) *harness.Page {
	w.t.Helper()
	page := b.Get(w.authorize("prompt", "login"))
	return b.Submit(page, page.FormTo(w.t, "/auth/login"), nil, url.Values{"email": {address}})
}

// mail waits for the nth mail to an address and gives its link.
func (w *world) mail(address string, n int) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	if _, ok := w.sink.Wait(ctx, address); !ok {
		w.t.Fatalf("no mail to %s", address)
	}
	eventually(w.t, 20*time.Second, "a further mail to "+address, func() bool { return len(w.sink.Mails(address)) >= n })
	return w.sink.Mails(address)[n-1].Link
}

// press opens a link and presses its button, which ends at the app with a code.
func (w *world) press(b *harness.Browser, link string) {
	w.t.Helper()
	page := b.Get(link)
	done := b.Submit(page, page.FormTo(w.t, "/auth/verify"), nil, nil)
	if done.URL.Query().Get("code") == "" {
		w.t.Fatalf("no code: status %d at %s\n%s", done.Status, done.URL.Redacted(), done.Body)
	}
}

// signIn makes a whole login, which is the person's nth.
func (w *world) signIn(b *harness.Browser, address string, n int) {
	w.t.Helper()
	w.ask(b, address)
	w.press(b, w.mail(address, n))
}

// signOut ends the session at the provider.
func (w *world) signOut(b *harness.Browser) {
	w.t.Helper()
	page := b.Get(issuer + "/end_session")
	form := page.Forms()[0]
	done := b.Submit(page, form, &form.Buttons[0], nil)
	if done.Status != http.StatusOK {
		w.t.Fatalf("sign-out: %d\n%s", done.Status, done.Body)
	}
}
