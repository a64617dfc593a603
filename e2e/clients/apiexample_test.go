package clients_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// keyHolder proves a key to one server, by the nonce that it gave.
type keyHolder struct {
	key   harness.ProofKey
	nonce string
}

func newKeyHolder(t *testing.T) *keyHolder {
	t.Helper()
	return &keyHolder{key: harness.NewProofKey(t)}
}

func (h *keyHolder) prove(method, target, token string) string {
	return h.key.Prove(method, target, h.nonce, token)
}

// tokenFor gives a machine's token for an API, bound to a key if there is one.
// It asks again: the first answer may only bring a nonce, and a new API counts
// within a second.
func tokenFor(t *testing.T, c client, resource string, h *keyHolder) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {resource}, "client_id": {c.ID}, "client_secret": {c.Secret}}
	var got struct {
		Access string `json:"access_token"`
	}
	harness.Eventually(t, "a token for "+resource, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shared.Issuer+"/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if h != nil {
			r.Header.Set("DPoP", h.prove(http.MethodPost, shared.Issuer+"/token", ""))
		}
		answer := send(t, r, &got)
		if h != nil && got.Access == "" {
			h.nonce = answer.Header.Get("DPoP-Nonce")
		}
		return got.Access != ""
	})
	return got.Access
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
	c := newClone(t, "api")
	c.run("api")
	other := "https://" + strings.ToLower(rand.Text()) + ".example"
	shared.Run(t, "api", "create", "--tenant", "demo", "--scope", "greet", other)
	machine, without := newClient(t, "--grant", "client_credentials", "--scope", "greet"), newClient(t, "--grant", "client_credentials")
	h, thief := newKeyHolder(t), newKeyHolder(t)
	bearer, bound, foreign := tokenFor(t, machine, c.api, nil), tokenFor(t, machine, c.api, h), tokenFor(t, machine, other, nil)
	target := c.api + "/hello"
	proof := h.prove(http.MethodGet, target, bound)
	for _, try := range []struct {
		name, scheme, token, proof string
		status                     int
		challenge                  string
	}{
		{"a bearer's", "Bearer", bearer, "", 200, ""},
		{"a bound one, with its proof", "DPoP", bound, proof, 200, ""},
		{"the proof again", "DPoP", bound, proof, 401, "invalid_dpop_proof"},
		{"a bound one without", "DPoP", bound, "", 401, "invalid_dpop_proof"},
		{"a bound one as a bearer's", "Bearer", bound, "", 401, "invalid_token"},
		{"by another key", "DPoP", bound, thief.prove(http.MethodGet, target, bound), 401, "invalid_dpop_proof"},
		{"for another request", "DPoP", bound, h.prove(http.MethodPost, target, bound), 401, "invalid_dpop_proof"},
		{"for another token", "DPoP", bound, h.prove(http.MethodGet, target, bearer), 401, "invalid_dpop_proof"},
		{"one for another API", "Bearer", foreign, "", 401, "invalid_token"},
		{"one without the scope", "Bearer", tokenFor(t, without, c.api, nil), "", 403, `Bearer scope="greet", error="insufficient_scope"`},
		{"garbage", "Bearer", "x", "", 401, "invalid_token"},
		{"none", "", "", "", 401, "Bearer"},
	} {
		r := get(t, target)
		if try.scheme != "" {
			r.Header.Set("Authorization", try.scheme+" "+try.token)
		}
		if try.proof != "" {
			r.Header.Set("DPoP", try.proof)
		}
		var said map[string]string
		answer := send(t, r, &said)
		if answer.StatusCode != try.status || try.status == 200 && (said["client"] != machine.ID || said["scope"] != "greet") {
			t.Errorf("%s: %d %v", try.name, answer.StatusCode, said)
		}
		if got := answer.Header.Get("WWW-Authenticate"); !strings.Contains(got, try.challenge) || (got == "") != (try.challenge == "") {
			t.Errorf("%s: challenge %q", try.name, got)
		}
	}
	for origin, allowed := range map[string]string{c.app: c.app, "https://stranger.example": ""} {
		r := get(t, target)
		r.Method = http.MethodOptions
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", http.MethodGet)
		if got := send(t, r, nil).Header.Get("Access-Control-Allow-Origin"); got != allowed {
			t.Errorf("a page of %s is allowed %q", origin, got)
		}
	}
}

func get(t *testing.T, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
