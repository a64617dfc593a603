package clients_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// example builds one of the examples in Go.
func example(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../examples/"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// keyHolder signs DPoP proofs.
type keyHolder struct {
	t      *testing.T
	signer jose.Signer
	nonce  string
}

func newKeyHolder(t *testing.T) *keyHolder {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	return &keyHolder{t: t, signer: signer}
}

func (h *keyHolder) prove(method, target, token string) string {
	h.t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": target, "iat": time.Now().Unix(), "nonce": h.nonce}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		h.t.Fatal(err)
	}
	signed, err := h.signer.Sign(payload)
	if err != nil {
		h.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}

// tokenFor gives a machine's token for an API, bound to a key if there is one.
func tokenFor(t *testing.T, c client, resource string, h *keyHolder) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {resource}, "client_id": {c.ID}, "client_secret": {c.Secret}}
	for range 2 { // the first answer may only bring a nonce
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shared.Issuer+"/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if h != nil {
			r.Header.Set("DPoP", h.prove(http.MethodPost, shared.Issuer+"/token", ""))
		}
		var got struct {
			Access string `json:"access_token"`
		}
		answer := send(t, r, &got)
		if got.Access != "" {
			return got.Access
		}
		if h != nil {
			h.nonce = answer.Header.Get("DPoP-Nonce")
		}
	}
	t.Fatal("no token")
	return ""
}

// send gives the answer, and its JSON if that is what it is.
func send(t *testing.T, r *http.Request, into any) *http.Response {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatal(err)
		}
	}
	return answer
}

func TestTheAPIExampleTakesItsOwnTokensAlone(t *testing.T) {
	t.Parallel()
	origin := freeOrigin(t)
	resource, other := "https://"+strings.ToLower(rand.Text())+".example", "https://"+strings.ToLower(rand.Text())+".example"
	for _, name := range []string{resource, other} {
		shared.Run(t, "api", "create", "--tenant", "demo", "--scope", "greet", name)
	}
	machine := newClient(t, "--grant", "client_credentials", "--scope", "greet")
	api := startWith(t, ".", []string{
		"ISSUER=" + shared.Issuer, "AUDIENCE=" + resource, "LISTEN=" + strings.TrimPrefix(origin, "http://"),
	}, example(t, "api"))
	api.expect("ready")
	h, thief := newKeyHolder(t), newKeyHolder(t)
	bearer, bound, foreign := tokenFor(t, machine, resource, nil), tokenFor(t, machine, resource, h), tokenFor(t, machine, other, nil)
	target := origin + "/hello"
	proof := h.prove(http.MethodGet, target, bound)
	for _, c := range []struct {
		name, scheme, token, proof string
		status                     int
	}{
		{"a bearer's", "Bearer", bearer, "", 200},
		{"a bound one, with its proof", "DPoP", bound, proof, 200},
		{"the proof again", "DPoP", bound, proof, 401},
		{"a bound one without", "DPoP", bound, "", 401},
		{"a bound one as a bearer's", "Bearer", bound, "", 401},
		{"by another key", "DPoP", bound, thief.prove(http.MethodGet, target, bound), 401},
		{"for another request", "DPoP", bound, h.prove(http.MethodPost, target, bound), 401},
		{"for another token", "DPoP", bound, h.prove(http.MethodGet, target, bearer), 401},
		{"one for another API", "Bearer", foreign, "", 401},
		{"garbage", "Bearer", "x", "", 401},
		{"none", "", "", "", 401},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.scheme != "" {
			r.Header.Set("Authorization", c.scheme+" "+c.token)
		}
		if c.proof != "" {
			r.Header.Set("DPoP", c.proof)
		}
		var said map[string]string
		answer := send(t, r, &said)
		if answer.StatusCode != c.status || c.status == 200 && (said["client"] != machine.ID || said["scope"] != "greet") {
			t.Errorf("%s: %d %v", c.name, answer.StatusCode, said)
		}
		if c.status == 401 && answer.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", c.name)
		}
	}
}

// The person reads the code off one device and signs in on another.
func TestTheCommandLineExampleSignsInByADeviceCode(t *testing.T) {
	t.Parallel()
	tool := newClient(t, "--public", "--grant", "refresh_token", "--grant", "urn:ietf:params:oauth:grant-type:device_code")
	cli := startWith(t, ".", []string{"ISSUER=" + shared.Issuer, "CLIENT_ID=" + tool.ID}, example(t, "cli"))
	where, _, _ := strings.Cut(cli.expect("Open"), " on any device")
	code := cli.expect("and type the code")
	cli.expect("or open")
	p := newPerson(t)
	page := p.browser.Get(where)
	page = p.browser.Submit(page, page.FormTo(t, "/auth/device"), nil, url.Values{"code": {strings.ToLower(code)}})
	form := page.FormTo(t, "/auth/login")
	p.browser.Submit(page, form, goOn(form), url.Values{"email": {p.address}})
	page = p.browser.Get(shared.WaitMail(t, p.address, 1).Link)
	page = p.browser.Submit(page, page.FormTo(t, "/auth/verify"), nil, nil)
	form = page.FormTo(t, "/auth/consent")
	if !strings.Contains(page.Body, "127.0.0.x") || !strings.Contains(page.Body, p.address) {
		t.Errorf("the page does not say who asked, or who would be signed in:\n%s", page.Body)
	}
	page = p.browser.Submit(page, form, goOn(form), nil)
	if !strings.Contains(page.Body, "Your device is signed in") {
		t.Fatalf("%d\n%s", page.Status, page.Body)
	}
	if who := cli.expect("Hello"); who != p.address {
		t.Errorf("signed in as %s", who)
	}
	cli.expect("Refreshed")
}
