package op_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

var formField = regexp.MustCompile(`name="([a-z_]+)" value="([^"]+)"`)

// answerIn reads an authorization response from wherever its mode puts it.
func answerIn(t *testing.T, mode string, res answer) url.Values {
	t.Helper()
	if mode != "form_post.jwt" {
		_, values := res.location(t)
		if fragment := strings.Contains(res.Header.Get("Location"), "#"); fragment != (mode == "fragment.jwt") {
			t.Errorf("%s: to %s", mode, res.Header.Get("Location"))
		}
		return values
	}
	values := url.Values{}
	for _, field := range formField.FindAllStringSubmatch(res.body, -1) {
		values.Add(field[1], field[2])
	}
	return values
}

func TestSignedAnswersCarryCodesAndErrors(t *testing.T) {
	for _, mode := range []string{"jwt", "query.jwt", "fragment.jwt", "form_post.jwt"} {
		for name, changes := range map[string][]string{"code": nil, "error": {"prompt", "none", "max_age", "0"}} {
			w := newWorld(t)
			w.logIn("u1")
			outside := answerIn(t, mode, w.authorize(request("web", append(changes, "response_mode", mode)...)))
			if len(outside) != 1 {
				t.Fatalf("%s, %s: %v", mode, name, outside)
			}
			claims := w.claimsOf(outside.Get("response"), "oauth-authz-resp+jwt", jose.RS256)
			until := time.Unix(int64(claims["exp"].(float64)), 0).Sub(w.now())
			if claims["iss"] != issuer || claims["aud"] != "web" || claims["state"] != "the state" || until <= 0 || until > 10*time.Minute {
				t.Errorf("%s, %s: %v", mode, name, claims)
			}
			code, _ := claims["code"].(string)
			if (code != "") != (name == "code") || (claims["error"] == "login_required") != (name == "error") {
				t.Errorf("%s, %s: %v", mode, name, claims)
			}
			if code != "" {
				if res := w.token(redemption("web", code)); res.StatusCode != http.StatusOK {
					t.Errorf("%s: %d %s", mode, res.StatusCode, res.body)
				}
			}
		}
	}
}

func TestErrorsOfBadRequestsComeSignedToo(t *testing.T) {
	w := newWorld(t)
	for name, changes := range map[string][]string{
		"a response type": {"response_type", "token"},
		"a scope":         {"scope", ""},
		"a resource":      {"resource", "https://nowhere.example"},
	} {
		_, values := w.authorize(request("web", append(changes, "response_mode", "query.jwt")...)).location(t)
		if claims := w.claimsOf(values.Get("response"), "oauth-authz-resp+jwt", jose.RS256); claims["error"] == nil || len(values) != 1 {
			t.Errorf("%s: %v", name, claims)
		}
	}
}

func TestAnAnswerIsSignedAsItsClientChose(t *testing.T) {
	w := newWorld(t)
	w.register(func(m *idp.ClientMetadata) { m.ResponseAlg = idp.EdDSA })
	w.logIn("u1")
	_, values := w.authorize(request("web", "response_mode", "jwt")).location(t)
	response := values.Get("response")
	w.claimsOf(response, "oauth-authz-resp+jwt", jose.EdDSA)
	// It passes for nothing else.
	if _, values = w.authorize(request("web", "id_token_hint", response)).location(t); values.Get("error") != "invalid_request" {
		t.Errorf("as a hint: %v", values)
	}
	if res := w.do(http.MethodGet, "/t/a/userinfo", nil, "Authorization", "Bearer "+response); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("as an access token: %d", res.StatusCode)
	}
}

func TestAnAnswerThatCannotBeSignedIsAPage(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	w.authorize(request("web", "response_mode", "jwt"))
	w.store.keys = nil
	w.store.poisonKeys = idp.ErrUnavailable
	w.start()
	w.move(24 * time.Hour) // whatever the ring has kept
	w.logIn("u1")
	res := w.authorize(request("web", "response_mode", "jwt"))
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Location") != "" {
		t.Errorf("%d to %s", res.StatusCode, res.Header.Get("Location"))
	}
}
