package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/idp"
)

// asksDevice is a device of the public app that waits for its person.
func (w *world) asksDevice(t idp.Tenant) (d idp.DeviceLogin, code string) {
	w.t.Helper()
	code = idp.NewUserCode()
	mac := w.box.MAC(t.ID, idp.PurposeUserCode, []byte(code))
	id := idp.NewID(w.clock.Now())
	d = idp.DeviceLogin{
		TenantID: t.ID, ID: id, Secret: idp.NewSecret().Digest(), UserCode: idp.DigestOf(mac[:]),
		Request: idp.AuthRequest{ClientID: "spa", Scope: []string{"openid", "email"}, Device: id},
		Asked:   idp.Device{Network: "198.51.100.x"}, State: idp.DeviceAsked, Expires: w.clock.Now().Add(idp.DeviceLife),
	}
	must(w.t, w.db.StartDevice(w.t.Context(), d))
	return d, code
}

func (w *world) stateOf(d idp.DeviceLogin) idp.DeviceState {
	w.t.Helper()
	found, err := w.db.FindDevice(w.t.Context(), d.TenantID, d.ID)
	must(w.t, err)
	return found.State
}

// typesCode types a code on the page for devices.
func (b *browser) typesCode(t idp.Tenant, code string) page {
	return b.submit(b.get("/t/"+t.Slug+"/auth/device"), "/auth/device", url.Values{"code": {code}})
}

func TestAPersonSignsADeviceInByItsCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, code := w.asksDevice(w.acme)
	b := w.browser()
	typed := b.typesCode(w.acme, strings.ToLower(code[:4]+" "+code[4:]))
	login := b.get(typed.location)
	if login.status != http.StatusSeeOther || !strings.Contains(login.location, "/auth/login?") {
		t.Fatalf("who is not signed in is led to %d %q", login.status, login.location)
	}
	waiting := b.ask(login.location, "ann@example.org")
	b.submit(b.get(w.send()), "/auth/verify", nil)
	consent := b.get(waiting)
	asked := b.get(consent.location)
	for _, word := range []string{"Sign a device in", "ann@example.org", "198.51.100.x", "Only if you started this yourself", "12:00"} {
		if !strings.Contains(asked.body, word) {
			t.Errorf("the page does not say %q", word)
		}
	}
	if got := w.stateOf(d); got != idp.DeviceAsked {
		t.Fatalf("%s before the person has agreed", got)
	}
	done := b.submit(asked, "/auth/consent", url.Values{"action": {"agree"}})
	if done.status != http.StatusOK || !strings.Contains(done.body, "Your device is signed in") || w.stateOf(d) != idp.DeviceAllowed {
		t.Errorf("%d, %s: %s", done.status, w.stateOf(d), done.body)
	}
	if again := b.submit(asked, "/auth/consent", url.Values{"action": {"agree"}}); again.status < 400 {
		t.Errorf("a second time: %d", again.status)
	}
}

func TestNothingButThePersonsYesSignsADeviceIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	signedIn := w.browser()
	signedIn.signIn(w.acme, w.request("web"), "ann@example.org")
	confirm := func() (idp.DeviceLogin, page) {
		d, code := w.asksDevice(w.acme)
		return d, signedIn.get(signedIn.typesCode(w.acme, code).location)
	}
	for name, c := range map[string]struct {
		do   func() idp.DeviceLogin
		want idp.DeviceState
	}{
		"a link with the code": {func() idp.DeviceLogin {
			d, code := w.asksDevice(w.acme)
			page := signedIn.get("/t/acme/auth/device?user_code=" + code[:4] + "-" + code[4:])
			if !strings.Contains(page.body, code[:4]+"-"+code[4:]) {
				t.Error("the code is not filled in")
			}
			return d
		}, idp.DeviceAsked},
		"the page that asks": {func() idp.DeviceLogin { d, _ := confirm(); return d }, idp.DeviceAsked},
		"another browser's yes": {func() idp.DeviceLogin {
			d, asked := confirm()
			w.browser().submit(asked, "/auth/consent", url.Values{"action": {"agree"}})
			return d
		}, idp.DeviceAsked},
		"cancelling there": {func() idp.DeviceLogin {
			d, asked := confirm()
			if page := signedIn.post("/t/acme/auth/consent/cancel", asked.form(t, "/auth/consent").fields); !strings.Contains(page.body, "was not signed in") {
				t.Errorf("%d %s", page.status, page.body)
			}
			return d
		}, idp.DeviceDenied},
		"cancelling the login": {func() idp.DeviceLogin {
			d, code := w.asksDevice(w.acme)
			b := w.browser()
			login := b.get(b.get(b.typesCode(w.acme, code).location).location)
			b.post("/t/acme/auth/cancel", login.form(t, "/auth/login").fields)
			return d
		}, idp.DeviceDenied},
		"a yes that comes too late": {func() idp.DeviceLogin {
			d, asked := confirm()
			w.clock.advance(idp.DeviceLife)
			if page := signedIn.submit(asked, "/auth/consent", url.Values{"action": {"agree"}}); page.status < 400 {
				t.Errorf("%d", page.status)
			}
			return d
		}, idp.DeviceAsked},
	} {
		if d := c.do(); w.stateOf(d) != c.want {
			t.Errorf("%s: the device is %s", name, w.stateOf(d))
		}
	}
}

func TestCodesOfDevicesThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	_, foreign := w.asksDevice(w.zeta)
	d, denied := w.asksDevice(w.acme)
	must(t, w.db.DecideDevice(t.Context(), w.acme.ID, d.ID, idp.Grant{}, w.clock.Now()))
	for name, code := range map[string]string{
		"unknown": "ABCD-EFGH", "short": "ABC", "empty": "", "another tenant's": foreign, "decided": denied, "markup": "<b>",
	} {
		if page := b.typesCode(w.acme, code); page.status != http.StatusUnprocessableEntity || !strings.Contains(page.body, "We don&#39;t know this code") {
			t.Errorf("%s: %d %s", name, page.status, page.body)
		}
	}
	_, code := w.asksDevice(w.acme)
	if page := b.post("/t/acme/auth/device", url.Values{"code": {code}}); page.status != http.StatusForbidden {
		t.Errorf("without the form's token: %d", page.status)
	}
	w.limits.verdict = &idp.Verdict{RetryAt: w.clock.Now().Add(time.Minute)}
	if page := b.typesCode(w.acme, code); page.status != http.StatusTooManyRequests {
		t.Errorf("over the limit: %d", page.status)
	}
}
