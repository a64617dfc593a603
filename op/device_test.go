package op_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// withDevices lets the public client sign in devices.
func withDevices(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	c := w.store.clients["tenant-a"]["native"]
	c.Metadata.GrantTypes = []string{idp.GrantDeviceCode, idp.GrantRefreshToken}
	w.store.clients["tenant-a"]["native"] = c
	return w
}

func (w *world) device(form url.Values) answer {
	w.t.Helper()
	return w.do(http.MethodPost, "/t/a/device_authorization", form)
}

func polling(code any) url.Values {
	text, _ := code.(string)
	return url.Values{"grant_type": {idp.GrantDeviceCode}, "device_code": {text}, "client_id": {"native"}}
}

func deviceRequest(changes ...string) url.Values {
	return with(url.Values{"client_id": {"native"}, "scope": {"openid email offline_access"}}, changes...)
}

func TestADeviceSignsInOnceItsPersonAllowsIt(t *testing.T) {
	w := withDevices(t)
	res := w.device(deviceRequest())
	got := res.json(t)
	code, _ := got["user_code"].(string)
	if res.StatusCode != http.StatusOK || !regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`).MatchString(code) ||
		got["verification_uri"] != issuer+"/auth/device" || got["verification_uri_complete"] != issuer+"/auth/device?user_code="+code ||
		got["expires_in"] != 600.0 || got["interval"] != 5.0 || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	wantError(t, w.token(polling(got["device_code"])), http.StatusBadRequest, "authorization_pending")
	wantError(t, w.token(polling(got["device_code"])), http.StatusBadRequest, "slow_down")
	w.move(5 * time.Second)
	w.allow(got["device_code"].(string))
	res = w.token(polling(got["device_code"]))
	tokens := res.json(t)
	if res.StatusCode != http.StatusOK || tokens["scope"] != "openid email offline_access" {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	if id := w.claimsOf(tokens["id_token"], "JWT", jose.RS256); id["sub"] != "subject-1" || id["aud"] != "native" || id["email"] != "ada@example.org" {
		t.Errorf("%v", id)
	}
	if res := w.token(refreshing("native", tokens["refresh_token"])); res.StatusCode != http.StatusOK {
		t.Errorf("refresh: %d %s", res.StatusCode, res.body)
	}
	wantError(t, w.token(polling(got["device_code"])), http.StatusBadRequest, "invalid_grant")
}

// allow is the person's yes.
func (w *world) allow(deviceCode string) {
	w.t.Helper()
	device, err := idp.ParseCredential(deviceCode)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store.allowDevice(device.ID, idp.Grant{
		TenantID: "tenant-a", ID: idp.GrantID(idp.NewID(w.now())), ClientID: "native", UserID: "u1", Request: w.store.devices[device.ID].Request,
		AuthTime: w.now(), ACR: idp.ACRLink, CodeUsed: true, CreatedAt: w.now(), Expires: w.now().Add(time.Hour),
	})
}

func TestADevicesTokensAreBoundToItsKey(t *testing.T) {
	w := withDevices(t)
	h := w.holder()
	code := w.device(deviceRequest()).json(t)["device_code"].(string)
	h.post("/token", url.Values{"client_id": {"native"}})
	w.allow(code)
	got := h.post("/token", polling(code)).json(t)
	if got["token_type"] != "DPoP" {
		t.Fatalf("%v", got)
	}
	wantError(t, w.token(refreshing("native", got["refresh_token"])), http.StatusBadRequest, "invalid_grant")
}

func TestDevicesThatAreRefused(t *testing.T) {
	w := withDevices(t)
	for name, c := range map[string]struct {
		form   url.Values
		status int
		code   string
	}{
		"a client without the grant": {with(secretOf("web"), "scope", "openid"), 400, "unauthorized_client"},
		"a wrong secret":             {url.Values{"client_id": {"web"}, "client_secret": {"x"}, "scope": {"openid"}}, 401, "invalid_client"},
		"an unknown client":          {deviceRequest("client_id", "nobody"), 401, "invalid_client"},
		"no scope":                   {deviceRequest("scope", ""), 400, "invalid_scope"},
		"an unknown resource":        {deviceRequest("resource", "https://nowhere.example"), 400, "invalid_target"},
	} {
		wantError(t, w.device(c.form), c.status, c.code)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	w.limits.allowed = false
	if res := w.device(deviceRequest()); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a flood: %d", res.StatusCode)
	}
	w.limits.allowed = true
	code := w.device(deviceRequest()).json(t)["device_code"]
	for name, form := range map[string]url.Values{
		"garbage":              polling("x"),
		"one never given":      polling(idp.NewCredential(idp.NewID(w.now())).Reveal()),
		"another client's":     with(polling(code), "client_id", "web", "client_secret", webSecret),
		"without device codes": with(polling(code), "client_id", "spa"),
	} {
		if res := w.token(form); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	w.move(idp.DeviceLife)
	wantError(t, w.token(polling(code)), http.StatusBadRequest, "expired_token")
	denied := w.device(deviceRequest()).json(t)["device_code"].(string)
	device, _ := idp.ParseCredential(denied)
	w.store.devices[device.ID].State = idp.DeviceDenied
	wantError(t, w.token(polling(denied)), http.StatusBadRequest, "access_denied")
}
