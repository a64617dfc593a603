package op_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

func TestMetadataSaysWhatThereIs(t *testing.T) {
	w := newWorld(t)
	res := w.do(http.MethodGet, "/t/a/.well-known/openid-configuration", nil)
	doc := res.json(t)
	for name, want := range map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"userinfo_endpoint": issuer + "/userinfo", "jwks_uri": issuer + "/jwks", "end_session_endpoint": issuer + "/end_session",
		"introspection_endpoint": issuer + "/introspect", "revocation_endpoint": issuer + "/revoke",
		"authorization_response_iss_parameter_supported": true, "request_parameter_supported": true,
		"request_uri_parameter_supported": false, "claims_parameter_supported": true,
		"pushed_authorization_request_endpoint": issuer + "/par", "require_pushed_authorization_requests": false,
		"response_types_supported":                    []any{"code"},
		"code_challenge_methods_supported":            []any{"S256"},
		"subject_types_supported":                     []any{"public", "pairwise"},
		"id_token_signing_alg_values_supported":       []any{"RS256", "PS256", "ES256", "EdDSA"},
		"userinfo_signing_alg_values_supported":       []any{"RS256", "PS256", "ES256", "EdDSA"},
		"introspection_signing_alg_values_supported":  []any{"RS256", "PS256", "ES256", "EdDSA"},
		"id_token_encryption_alg_values_supported":    []any{"RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"},
		"id_token_encryption_enc_values_supported":    []any{"A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"},
		"userinfo_encryption_alg_values_supported":    []any{"RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"},
		"userinfo_encryption_enc_values_supported":    []any{"A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"},
		"request_object_signing_alg_values_supported": []any{"RS256", "PS256", "ES256", "EdDSA", "Ed25519", "none"},
		"display_values_supported":                    []any{"page", "popup", "touch"},
		"grant_types_supported":                       []any{"authorization_code", "refresh_token", "client_credentials", idp.GrantDeviceCode, idp.GrantTokenExchange},
		"token_endpoint_auth_methods_supported":       []any{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"},
		"ui_locales_supported":                        []any{"en", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "sv"},
		"registration_endpoint":                       nil, "device_authorization_endpoint": issuer + "/device_authorization", "check_session_iframe": nil,
	} {
		if diff := cmp.Diff(want, doc[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if res.Header.Get("Cache-Control") != "public, max-age=300" || res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("ETag") == "" {
		t.Errorf("%v", res.Header)
	}
	for _, path := range []string{"/t/a/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/t/a"} {
		if other := w.do(http.MethodGet, path, nil); other.body != res.body {
			t.Errorf("%s is another document: %d", path, other.StatusCode)
		}
	}
	if other := w.do(http.MethodGet, "/t/b/.well-known/openid-configuration", nil); strings.Contains(other.body, issuer) {
		t.Error("tenant b shows tenant a's issuer")
	}
}

func TestPublicDocumentsAreCachedAndReadOnly(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/t/a/.well-known/openid-configuration", "/t/a/jwks"} {
		res := w.do(http.MethodGet, path, nil)
		for _, tag := range []string{res.Header.Get("ETag"), `"x", W/` + res.Header.Get("ETag")} {
			if again := w.do(http.MethodGet, path, nil, "If-None-Match", tag); again.StatusCode != http.StatusNotModified || again.body != "" {
				t.Errorf("%s: %d", path, again.StatusCode)
			}
		}
		if again := w.do(http.MethodGet, path, nil, "If-None-Match", `"x"`); again.body != res.body {
			t.Errorf("%s: %d", path, again.StatusCode)
		}
		if head := w.do(http.MethodHead, path, nil); head.StatusCode != http.StatusOK || head.body != "" {
			t.Errorf("HEAD %s: %d %q", path, head.StatusCode, head.body)
		}
		if post := w.do(http.MethodPost, path, url.Values{}); post.StatusCode != http.StatusMethodNotAllowed || post.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d", path, post.StatusCode)
		}
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(w.do(http.MethodGet, "/t/a/jwks", nil).body), &set); err != nil || len(set.Keys) != 2 {
		t.Fatal(set, err)
	}
	for _, key := range set.Keys {
		if key["use"] != "sig" || key["kid"] == "" || key["d"] != nil || key["p"] != nil {
			t.Errorf("%v", key)
		}
	}
}

func TestMetadataComeCompressedToWhoAsks(t *testing.T) {
	const path = "/t/a/.well-known/openid-configuration"
	w := newWorld(t)
	plain := w.do(http.MethodGet, path, nil)
	for accept, packed := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "deflate,gzip ; q=1": true,
		"": false, "br": false, "gzip;q=0": false, "gzip;q=0.000, br": false, "*": false, "x-gzip": false,
	} {
		res := w.do(http.MethodGet, path, nil, "Accept-Encoding", accept)
		body := res.body
		if packed {
			r, err := gzip.NewReader(strings.NewReader(res.body))
			if err != nil {
				t.Errorf("%q: %v", accept, err)
				continue
			}
			unpacked, err := io.ReadAll(r)
			if body = string(unpacked); err != nil {
				t.Errorf("%q: %v", accept, err)
			}
		}
		if body != plain.body || (res.Header.Get("Content-Encoding") == "gzip") != packed || res.Header.Get("Vary") != "Accept-Encoding" ||
			(res.Header.Get("ETag") != plain.Header.Get("ETag")) != packed {
			t.Errorf("%q: %v, %d bytes", accept, res.Header, len(res.body))
		}
		again := w.do(http.MethodGet, path, nil, "Accept-Encoding", accept, "If-None-Match", res.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified || again.body != "" {
			t.Errorf("%q: %d", accept, again.StatusCode)
		}
	}
}

func TestPagesOfTheClientMayReadItsAnswers(t *testing.T) {
	const spa, other = "https://spa.example", "https://other.spa.example"
	w := newWorld(t)
	cases := []struct {
		name   string
		origin string
		ask    func(origin string) answer
		want   bool
	}{
		{"preflight from a redirect URI's origin", spa, w.preflight("/token"), true},
		{"preflight from a registered origin", other, w.preflight("/userinfo"), true},
		{"preflight from another client's origin", "https://web.example", w.preflight("/revoke"), true},
		{"preflight from a stranger", otherOwner, w.preflight("/token"), false},
		{"preflight from null", "null", w.preflight("/token"), false},
		{"preflight at authorize", spa, w.preflight("/authorize"), false},
		{"preflight at end session", spa, w.preflight("/end_session"), false},
		{"token from its own page", spa, func(o string) answer {
			return w.token(redemption("spa", w.code("spa")), "Origin", o)
		}, true},
		{"token from another client's page", "https://web.example", func(o string) answer {
			return w.token(redemption("spa", w.code("spa")), "Origin", o)
		}, false},
		{"token from a stranger", otherOwner, func(o string) answer {
			return w.token(redemption("spa", w.code("spa")), "Origin", o)
		}, false},
		{"error to its own page", spa, func(o string) answer { return w.token(redemption("spa", "garbage"), "Origin", o) }, true},
		{"userinfo from its own page", other, func(o string) answer {
			return w.do(http.MethodGet, "/t/a/userinfo", nil, "Origin", o, "Authorization", fmt.Sprint("Bearer ", w.tokens("spa")["access_token"]))
		}, true},
		{"userinfo from another client's page", "https://web.example", func(o string) answer {
			return w.do(http.MethodGet, "/t/a/userinfo", nil, "Origin", o, "Authorization", fmt.Sprint("Bearer ", w.tokens("spa")["access_token"]))
		}, false},
		{"userinfo without a token", spa, func(o string) answer { return w.do(http.MethodGet, "/t/a/userinfo", nil, "Origin", o) }, true},
		{"authorize", spa, func(o string) answer {
			return w.do(http.MethodGet, "/t/a/authorize?"+request("spa").Encode(), nil, "Origin", o)
		}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			header := c.ask(c.origin).Header
			allowed := header.Get("Access-Control-Allow-Origin")
			if (allowed == c.origin) != c.want || allowed == "*" {
				t.Errorf("allowed %q", allowed)
			}
			if header.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("credentials are allowed")
			}
			if c.want && (!strings.Contains(header.Get("Access-Control-Expose-Headers"), "DPoP-Nonce") || !strings.Contains(strings.Join(header.Values("Vary"), ","), "Origin")) {
				t.Errorf("%v", header)
			}
		})
	}
	header := w.preflight("/userinfo")(spa).Header
	if header.Get("Access-Control-Allow-Methods") != "GET, POST" || header.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type, DPoP" {
		t.Errorf("%v", header)
	}
}

func (w *world) preflight(path string) func(origin string) answer {
	return func(origin string) answer {
		return w.do(http.MethodOptions, "/t/a"+path, nil, "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "dpop")
	}
}

// Whatever breaks behind an endpoint, its cause stays here.
func TestNoCauseLeaves(t *testing.T) {
	const cause = "pq: relation grants of host db.internal"
	cases := []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"a broken store", errors.New(cause), http.StatusInternalServerError, "server_error"},
		{"a store that is away", fmt.Errorf("%s: %w", cause, idp.ErrUnavailable), http.StatusServiceUnavailable, "temporarily_unavailable"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			tokens := w.tokens("web")
			code := w.code("web")
			w.store.poison = c.err
			w.move(2 * time.Minute) // what was cached is too old to stand in
			bearer := []string{"Authorization", fmt.Sprint("Bearer ", tokens["access_token"])}
			calls := map[string]answer{
				"token":      w.token(redemption("web", code)),
				"refresh":    w.token(refreshing("web", tokens["refresh_token"])),
				"userinfo":   w.do(http.MethodGet, "/t/a/userinfo", nil, bearer...),
				"introspect": w.do(http.MethodPost, "/t/a/introspect", with(secretOf("web"), "token", fmt.Sprint(tokens["access_token"]))),
				"revoke":     w.do(http.MethodPost, "/t/a/revoke", with(secretOf("web"), "token", fmt.Sprint(tokens["refresh_token"]))),
				"jwks":       w.do(http.MethodGet, "/t/a/jwks", nil),
				"authorize":  w.authorize(request("web")),
				"logout":     w.do(http.MethodGet, "/t/a/end_session?client_id=web", nil),
			}
			for name, res := range calls {
				all := fmt.Sprint(res.Header, res.body)
				if strings.Contains(all, "pq:") || strings.Contains(all, "db.internal") || strings.Contains(all, "unavailable:") {
					t.Errorf("%s tells the cause: %s", name, all)
				}
				if res.StatusCode != c.status || (c.status == http.StatusServiceUnavailable) != (res.Header.Get("Retry-After") != "") {
					t.Errorf("%s: %d, Retry-After %q", name, res.StatusCode, res.Header.Get("Retry-After"))
				}
				if page := name == "authorize" || name == "logout"; !page && res.json(t)["error"] != c.code {
					t.Errorf("%s: %s", name, res.body)
				}
			}
			if !strings.Contains(w.log.String(), cause) {
				t.Error("the log does not tell the cause")
			}
		})
	}
	t.Run("a broken session store, told to the client", func(t *testing.T) {
		w := newWorld(t)
		w.sessions.poison = errors.New(cause)
		res := w.authorize(request("web"))
		if _, values := res.location(t); values.Get("error") != "server_error" || strings.Contains(res.Header.Get("Location"), "pq") {
			t.Error(res.Header.Get("Location"))
		}
	})
}

func TestNothingSecretIsLogged(t *testing.T) {
	w := newWorld(t)
	code := w.code("web")
	tokens := w.token(redemption("web", code)).json(t)
	w.token(redemption("web", code))
	w.token(redemption("web", code, "client_secret", "wrong-secret"))
	w.token(refreshing("web", fmt.Sprint(tokens["refresh_token"])+"x"))
	w.userinfo(fmt.Sprint(tokens["access_token"]) + "x")
	w.authorize(request("web", "redirect_uri", "https://web.example/?code="+code))
	for _, secret := range []string{code, webSecret, "wrong-secret", verifier, fmt.Sprint(tokens["refresh_token"]), fmt.Sprint(tokens["access_token"])} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
	if w.log.Len() == 0 {
		t.Error("nothing is logged at all")
	}
}
