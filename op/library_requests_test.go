package op_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// The same, of authorization requests and their answers.

func TestLibraryRedirectURIsAreComparedAsTheyCame(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	for name, c := range map[string]struct{ client, uri string }{
		"escaped once more":          {"web", "https://web.example/%63b"},
		"escaped slash":              {"web", "https://web.example%2Fcb"},
		"another scheme":             {"web", "http://web.example/cb"},
		"loopback by name":           {"native", "http://localhost:5000/cb"},
		"loopback over https":        {"native", "https://127.0.0.1:5000/cb"},
		"loopback of the other kind": {"native", "http://[::1]:5000/cb"},
		"loopback, another path":     {"native", "http://127.0.0.1:5000/other"},
		"loopback, another query":    {"native", "http://127.0.0.1:5000/cb?x=1"},
	} {
		if res := w.authorize(request(c.client, "redirect_uri", c.uri)); res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", name, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

func TestLibraryImplicitAndHybridAreRefused(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	for _, kind := range []string{"token", "id_token", "id_token token", "code token", "code id_token", "code id_token token", "none"} {
		res := w.authorize(request("web", "response_type", kind))
		target, values := res.location(t)
		if target != webReturn || values.Get("error") != "unsupported_response_type" || values.Has("access_token") || values.Has("code") {
			t.Errorf("%s: %s %v", kind, target, values)
		}
		if fragment := strings.Contains(res.Header.Get("Location"), "#"); fragment != strings.Contains(kind, "token") {
			t.Errorf("%s is answered in the fragment: %v", kind, fragment)
		}
	}
}

func TestLibraryFormPostErrorsStayInTheForm(t *testing.T) {
	w := newWorld(t)
	res := w.authorize(request("web", "response_mode", "form_post", "prompt", "none"))
	if res.StatusCode != http.StatusOK || !strings.Contains(res.body, `name="error" value="login_required"`) || !strings.Contains(res.body, `name="iss"`) {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'sha256-") || strings.Contains(csp, "unsafe-inline") {
		t.Errorf("policy %q", csp)
	}
}

func TestLibraryRequestObjectsExpireAndErrorsGoBack(t *testing.T) {
	w, key := withKey(t)
	object := signedBy(t, key, jose.ES256, map[string]any{"client_id": "web", "exp": w.now().Unix() - 3600})
	target, values := w.authorize(request("web", "request", object)).location(t)
	if target != webReturn || values.Get("error") != "invalid_request_object" || values.Get("state") != "the state" || values.Get("iss") != issuer {
		t.Errorf("%s %v", target, values)
	}
}

func TestLibraryClaimsResourceAndPairwiseAreThere(t *testing.T) {
	w := newWorld(t)
	got := w.tokens("web", "scope", "openid", "resource", "https://api.example", "claims", `{"id_token":{"email":{"essential":true}}}`)
	if access := w.claimsOf(got["access_token"], "at+jwt", jose.ES256); access["aud"] != "https://api.example" {
		t.Errorf("resource: %v", access["aud"])
	}
	id := w.claimsOf(got["id_token"], "JWT", jose.RS256)
	if id["email"] != "ada@example.org" {
		t.Errorf("claims: %v", id)
	}
	if pair := w.claimsOf(w.tokens("pair")["id_token"], "JWT", jose.RS256); pair["sub"] == id["sub"] {
		t.Error("pairwise: the public sub")
	}
}

func TestLibraryNoOriginMayReadWithCredentials(t *testing.T) {
	w := newWorld(t)
	for name, res := range map[string]answer{
		"authorize":   w.do(http.MethodGet, "/t/a/authorize?"+request("web").Encode(), nil, "Origin", "https://web.example"),
		"a stranger":  w.do(http.MethodPost, "/t/a/token", url.Values{}, "Origin", "https://evil.example"),
		"its own":     w.do(http.MethodPost, "/t/a/token", url.Values{}, "Origin", "https://web.example"),
		"preflight":   w.do(http.MethodOptions, "/t/a/token", nil, "Origin", "https://evil.example", "Access-Control-Request-Method", "POST"),
		"end session": w.do(http.MethodGet, "/t/a/end_session", nil, "Origin", "https://web.example"),
		"discovery":   w.do(http.MethodGet, "/t/a/.well-known/openid-configuration", nil, "Origin", "https://evil.example"),
	} {
		allowed := res.Header.Get("Access-Control-Allow-Origin")
		if want := map[string]string{"its own": "https://web.example", "discovery": "*"}[name]; allowed != want || res.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: allowed %q", name, allowed)
		}
	}
}
