package clients_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The person reads the code off one device and signs in on another; the tool
// stays signed in, and nobody else on its machine reads its tokens.
func TestTheCLIExampleSignsInCallsTheAPIAndSignsOut(t *testing.T) {
	t.Parallel()
	c := newClone(t, "api", "cli")
	c.run("api")
	shell, blocks := c.terminal(), c.readme("cli")
	shell.say(blocks[0] + blocks[1])
	where, _, _ := strings.Cut(shell.expect("Open"), " on any device")
	code := shell.expect("and type the code")
	shell.expect("or open")
	p := newPerson(t)
	p.allowDevice(where, code)
	if who := shell.expect("Signed in as"); who != p.address {
		t.Errorf("signed in as %s", who)
	}
	file := filepath.Join(c.dir, "config/postern-cli-example/tokens.json")
	first := tokensIn(t, file)

	shell.say(blocks[2])
	if said := shell.expect("The API says"); !strings.Contains(said, `"scope":"openid email offline_access greet"`) {
		t.Errorf("the API says %s", said)
	}
	if now := tokensIn(t, file); now != first {
		t.Error("tokens that are good still were renewed")
	}
	old := first
	old.Expiry = time.Now().Add(-time.Minute)
	text, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	shell.say(blocks[2])
	shell.expect("The API says")
	renewed := tokensIn(t, file)
	if renewed.Access == first.Access || renewed.Refresh == first.Refresh {
		t.Error("what has ended was not renewed")
	}

	shell.say(blocks[3] + "echo end of the commands")
	shell.expect("end")
	if _, err := os.Stat(file); err == nil {
		t.Error("signing out left the tokens")
	}
	checkRevoked(t, renewed.Refresh, clientOf(t, renewed.Access))
}

// allowDevice types a device's code, signs in, and says yes.
func (p person) allowDevice(where, code string) {
	p.t.Helper()
	page := p.browser.Get(where)
	page = p.browser.Submit(page, page.FormTo(p.t, "/auth/device"), nil, url.Values{"code": {strings.ToLower(code)}})
	form := page.FormTo(p.t, "/auth/login")
	p.browser.Submit(page, form, goOn(form), url.Values{"email": {p.address}})
	page = p.browser.Get(shared.WaitMail(p.t, p.address, 1).Link)
	page = p.browser.Submit(page, page.FormTo(p.t, "/auth/verify"), nil, nil)
	page = p.browser.Submit(page, page.FormTo(p.t, "/auth/finish"), nil, nil)
	form = page.FormTo(p.t, "/auth/consent")
	if !strings.Contains(page.Body, "127.0.0.x") || !strings.Contains(page.Body, p.address) {
		p.t.Errorf("the page does not say who asked, or who would be signed in:\n%s", page.Body)
	}
	page = p.browser.Submit(page, form, goOn(form), nil)
	if !strings.Contains(page.Body, "Your device is signed in") {
		p.t.Fatalf("%d\n%s", page.Status, page.Body)
	}
}

// tokens are what the tool keeps.
type tokens struct {
	Access  string    `json:"access_token"`
	Type    string    `json:"token_type"`
	Refresh string    `json:"refresh_token"`
	Expiry  time.Time `json:"expiry"`
}

func tokensIn(t *testing.T, file string) (kept tokens) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, file), &kept); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %s", file, info.Mode())
	}
	return kept
}

// clientOf tells whom an access token was given to.
func clientOf(t *testing.T, access string) string {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(access, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Client string `json:"client_id"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Client
}

// checkRevoked holds that a public client's refresh token gives nothing.
func checkRevoked(t *testing.T, refresh, client string) {
	t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {client}}
	answer, err := http.PostForm(shared.Issuer+"/token", form)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("signing out left the refresh token: %s", answer.Status)
	}
}
