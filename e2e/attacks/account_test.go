package attacks_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/e2e/harness"
)

// account is the account page in a login's browser.
func (l *login) account(t *testing.T) *harness.Page {
	t.Helper()
	p := l.browser.Get(l.tenant.base + accountPath)
	if p.Status != http.StatusOK || !strings.HasSuffix(p.URL.Path, accountPath) {
		t.Fatalf("no account page: %d at %s", p.Status, p.URL.Redacted())
	}
	return p
}

// end presses the button of a value, on one of the account page's forms.
func (l *login) end(t *testing.T, action, value string) *harness.Page {
	t.Helper()
	p := l.account(t)
	form := p.FormTo(t, accountPath+action)
	i := slices.IndexFunc(form.Buttons, func(b harness.Button) bool { return b.Value == value })
	if i < 0 {
		t.Fatalf("%s has no button of %q", action, value)
	}
	return l.browser.Submit(p, form, &form.Buttons[i], nil)
}

// elsewhere signs a login's person in with another browser, by their nth mail.
func (l *login) elsewhere(t *testing.T, n int) (other *login, tokens map[string]string) {
	t.Helper()
	other = l.begin(t, browse(t), l.address)
	return other, other.finish(t, other.press(t, l.mail(t, l.address, n).Link))
}

// Threat 22: whoever sits at another browser of a person, or has an app's
// tokens, loses what they have when the person says so on the account page, and
// the app is told.
func TestAPersonEndsSessionsAndAccessFromTheirAccount(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		told := make(chan string, 10)
		app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.PostFormValue("logout_token") }))
		t.Cleanup(app.Close)
		c := w.apart(t, "sign_up=open")
		w.run(t, "client", "set", "--tenant", c.tenant.Slug, c.ID, "backchannel_logout_uri="+app.URL)
		l, code := c.signIn(t)
		mine := redeem(t, c.tenant, code, l.request.verifier)
		thief, stolen := l.elsewhere(t, 2)

		ended := l.end(t, "/signout", claimsOf(t, stolen["id_token"]).SID)
		if !strings.Contains(ended.Body, "That browser is signed out.") {
			t.Errorf("the page does not say so:\n%s", ended.Body)
		}
		if c.signedIn(t, thief.browser) || !c.signedIn(t, l.browser) {
			t.Error("the other browser is signed in, or this one is not")
		}
		status, got := c.token(t, renew(stolen["refresh_token"]))
		refused(t, "a refresh token of the other browser", status, got)
		select {
		case token := <-told:
			if got, want := claimsOf(t, token).SID, claimsOf(t, stolen["id_token"]).SID; got != want {
				t.Errorf("the app is told of session %q, want %q", got, want)
			}
		case <-time.After(patience):
			t.Error("the app is told nothing")
		}

		status, mine = c.token(t, renew(mine["refresh_token"]))
		if status != http.StatusOK {
			t.Fatalf("a refresh token of this browser is answered %d %s", status, mine["error"])
		}
		l.end(t, "/access", c.ID)
		status, got = c.token(t, renew(mine["refresh_token"]))
		refused(t, "a refresh token of an app without access", status, got)
		if got := c.userinfo(t, -1, mine["access_token"]); got != http.StatusUnauthorized {
			t.Errorf("an access token of an app without access is answered %d", got)
		}
		if !c.signedIn(t, l.browser) {
			t.Error("taking an app's access away signed the person out")
		}

		thief, stolen = l.elsewhere(t, 3)
		out := l.end(t, "/everywhere", "")
		if out.Status != http.StatusOK || !strings.Contains(out.Body, "You are signed out") {
			t.Errorf("signing out everywhere is answered %d:\n%s", out.Status, out.Body)
		}
		for _, cookie := range l.browser.Cookies(c.tenant.base) {
			if strings.HasSuffix(cookie.Name, c.tenant.cookieName("session")) {
				t.Error("the session's cookie stays")
			}
		}
		if c.signedIn(t, l.browser) || c.signedIn(t, thief.browser) {
			t.Error("a browser is signed in")
		}
		status, got = c.token(t, renew(stolen["refresh_token"]))
		refused(t, "a refresh token after signing out everywhere", status, got)

		last, _ := l.elsewhere(t, 4)
		page := last.account(t)
		i := slices.IndexFunc(page.Links(), func(href string) bool { return strings.HasSuffix(href, "/end_session") })
		if i < 0 {
			t.Fatalf("this browser is not to be signed out: %q", page.Links())
		}
		asked := last.browser.Follow(page, page.Links()[i])
		form := asked.FormTo(t, "/end_session")
		if done := last.browser.Submit(asked, form, &form.Buttons[0], nil); done.Status != http.StatusOK || c.signedIn(t, last.browser) {
			t.Errorf("signing this browser out is answered %d, or it is signed in", done.Status)
		}
	})
}

// Threats 17, 18 and 22: neither another person's session nor another tenant's
// is ended from an account page, nor anything by a form that is not its own.
func TestNobodyEndsWhatIsAnothersFromTheirAccount(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c, abroad := w.apart(t, "sign_up=open"), w.apart(t, "sign_up=open")
		victim, code := c.signIn(t)
		tokens := redeem(t, c.tenant, code, victim.request.verifier)
		foreign, code := abroad.signIn(t)
		theirs := redeem(t, abroad.tenant, code, foreign.request.verifier)
		l, _ := c.signIn(t)
		l.elsewhere(t, 2) // so that there is a form to fill in
		p := l.account(t)
		said := map[string]string{}
		for name, id := range map[string]string{
			"victim's": claimsOf(t, tokens["id_token"]).SID, "foreign": claimsOf(t, theirs["id_token"]).SID, "no": "019aab00-0000-7000-8000-000000000000",
		} {
			form := p.FormTo(t, accountPath+"/signout")
			form.Buttons[0].Value = id
			said[name] = l.browser.Submit(p, form, &form.Buttons[0], nil).Body
		}
		if said["victim's"] != said["no"] || said["foreign"] != said["no"] {
			t.Error("a session of another is told from one that is not there")
		}
		forge(t, l.browser, p, accountPath+"/signout", url.Values{"session": {claimsOf(t, tokens["id_token"]).SID}})
		forge(t, l.browser, p, accountPath+"/access", url.Values{"client": {c.ID}})
		forge(t, l.browser, p, accountPath+"/everywhere", nil)
		// A form of the victim's page, sent from the attacker's browser.
		other := victim.account(t)
		form := other.FormTo(t, accountPath+"/everywhere")
		if got := l.browser.Submit(other, form, nil, nil); got.Status != http.StatusForbidden {
			t.Errorf("a form of the victim's page is answered %d", got.Status)
		}
		if !c.signedIn(t, victim.browser) || !c.signedIn(t, l.browser) || !abroad.signedIn(t, foreign.browser) {
			t.Error("somebody was signed out")
		}
		if status, got := c.token(t, renew(tokens["refresh_token"])); status != http.StatusOK {
			t.Errorf("the victim's app has lost its access: %d %s", status, got["error"])
		}
	})
}
