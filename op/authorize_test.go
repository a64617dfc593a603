package op_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

func TestAuthorizeWithoutSessionGoesToLoginAndWritesNothing(t *testing.T) {
	w := newWorld(t)
	target, values := w.authorize(request("web", "login_hint", "ada@example.org", "scope", "openid email profile nonsense")).location(t)
	if target != "/t/a/auth/login" {
		t.Fatalf("went to %s", target)
	}
	plain, err := w.box.Open("tenant-a", idp.PurposeAuthRequest, values.Get("request"))
	if err != nil {
		t.Fatal(err)
	}
	var got idp.AuthRequest
	if err := json.Unmarshal(plain, &got); err != nil {
		t.Fatal(err)
	}
	want := idp.AuthRequest{
		ClientID: "web", RedirectURI: webReturn, Scope: []string{"openid", "email", "profile"}, State: "the state", Nonce: "the nonce",
		CodeChallenge: challenge, LoginHint: "ada@example.org", ReceivedAt: w.now(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(w.store.saved) != 0 || len(w.store.grants) != 0 {
		t.Error("rows were written")
	}
}

func TestAuthorizeWithASessionGivesACodeAtOnce(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	for mode, sep := range map[string]string{"": "?", "query": "?", "fragment": "#"} {
		res := w.authorize(request("web", "response_mode", mode))
		target, values := res.location(t)
		if target != webReturn || values.Get("iss") != issuer || values.Get("state") != "the state" || len(values.Get("code")) != 64 {
			t.Errorf("mode %q: %s %v", mode, target, values)
		}
		if !strings.HasPrefix(res.Header.Get("Location"), webReturn+sep) {
			t.Errorf("mode %q: %s", mode, res.Header.Get("Location"))
		}
		if res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("headers: %v", res.Header)
		}
	}
	res := w.authorize(request("web", "redirect_uri", "https://web.example/cb?fixed=1"))
	if got := res.Header.Get("Location"); !strings.HasPrefix(got, "https://web.example/cb?fixed=1&") {
		t.Errorf("a registered query was changed: %s", got)
	}
}

func TestFormPostCarriesCodeAndErrorsWithoutUnsafeScript(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	for name, form := range map[string]url.Values{
		"code":  request("web", "response_mode", "form_post", "state", `"><script>x</script>`),
		"error": request("web", "response_mode", "form_post", "state", `"><script>x</script>`, "prompt", "bogus"),
	} {
		res := w.authorize(form)
		if res.StatusCode != http.StatusOK || !strings.Contains(res.body, `name="`+name+`"`) || !strings.Contains(res.body, `name="iss" value="`+issuer) ||
			!strings.Contains(res.body, `action="`+webReturn) {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
		if strings.Contains(res.body, "<script>x") {
			t.Errorf("%s: the state became markup", name)
		}
		csp := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "script-src 'sha256-") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", name, csp)
		}
	}
}

// Until client and redirect URI belong together there is a page and no redirect.
func TestAuthorizeNeverRedirectsToWhatItDoesNotKnow(t *testing.T) {
	cases := []struct {
		name string
		form url.Values
	}{
		{"no client", request("web", "client_id", "")},
		{"unknown client", request("web", "client_id", "nobody")},
		{"client id that can be none", request("web", "client_id", "a\x00b")},
		{"no redirect URI", request("web", "redirect_uri", "")},
		{"other host", request("web", "redirect_uri", otherOwner)},
		{"other case", request("web", "redirect_uri", "https://WEB.example/cb")},
		{"longer path", request("web", "redirect_uri", webReturn+"/")},
		{"added query", request("web", "redirect_uri", webReturn+"?x=1")},
		{"added fragment", request("web", "redirect_uri", webReturn+"#x")},
		{"escaped once more", request("web", "redirect_uri", "https://web.example/%63b")},
		{"user info", request("web", "redirect_uri", "https://web.example@elsewhere.example/cb")},
		{"http for https", request("web", "redirect_uri", "http://web.example/cb")},
		{"localhost for 127.0.0.1", request("native", "redirect_uri", "http://localhost:5000/cb")},
		{"https for http on loopback", request("native", "redirect_uri", "https://127.0.0.1:5000/cb")},
		{"two redirect URIs", url.Values{"client_id": {"web"}, "redirect_uri": {webReturn, otherOwner}}},
		{"two clients", url.Values{"client_id": {"web", "spa"}, "redirect_uri": {webReturn}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.logIn("u1")
			for _, res := range []answer{w.authorize(c.form), w.do(http.MethodPost, "/t/a/authorize", c.form)} {
				if res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
					t.Errorf("status %d to %q", res.StatusCode, res.Header.Get("Location"))
				}
				wantWords(t, res)
			}
		})
	}
}

// wantWords checks that a page of a refusal has words of its own.
func wantWords(t *testing.T, res answer) {
	t.Helper()
	if !strings.Contains(res.body, "<h1") || strings.Contains(res.body, "on our side") {
		t.Errorf("the page does not say what is wrong: %s", res.body)
	}
}

func TestAHintOfAnotherClientIsRefused(t *testing.T) {
	w := newWorld(t)
	hint := w.tokens("web")["id_token"].(string)
	if _, values := w.authorize(request("third", "id_token_hint", hint)).location(t); values.Get("error") != "invalid_request" {
		t.Error(values)
	}
}

func TestBadAuthorizationRequestsAreToldToTheClient(t *testing.T) {
	twice := func(name string, values ...string) url.Values {
		form := request("web")
		form[name] = values
		return form
	}
	cases := []struct {
		name string
		form url.Values
		want string
	}{
		{"no response type", request("web", "response_type", ""), "invalid_request"},
		{"implicit", request("web", "response_type", "token"), "unsupported_response_type"},
		{"hybrid", request("web", "response_type", "code id_token"), "unsupported_response_type"},
		{"unknown response mode", request("web", "response_mode", "web_message"), "invalid_request"},
		{"client without the code grant", with(request("rs"), "redirect_uri", webReturn), ""},
		{"no scope", request("web", "scope", ""), "invalid_scope"},
		{"scope without openid", request("web", "scope", "email"), "invalid_scope"},
		{"public client without PKCE", request("spa", "code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		{"client that requires PKCE without it", request("strict", "code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		{"method without challenge", request("web", "code_challenge", ""), "invalid_request"},
		{"challenge without method is plain", request("web", "code_challenge_method", ""), "invalid_request"},
		{"plain", request("web", "code_challenge_method", "plain"), "invalid_request"},
		{"short challenge", request("web", "code_challenge", challenge[1:]), "invalid_request"},
		{"long challenge", request("web", "code_challenge", strings.Repeat("a", 129)), "invalid_request"},
		{"challenge with a plus", request("web", "code_challenge", "+"+challenge[1:]), "invalid_request"},
		{"unknown prompt", request("web", "prompt", "please"), "invalid_request"},
		{"none with login", request("web", "prompt", "none login"), "invalid_request"},
		{"max_age in words", request("web", "max_age", "soon"), "invalid_request"},
		{"negative max_age", request("web", "max_age", "-1"), "invalid_request"},
		{"unsigned request object", request("web", "request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"},
		{"request_uri", request("web", "request_uri", "https://web.example/r"), "request_uri_not_supported"},
		{"registration", request("web", "registration", "{}"), "registration_not_supported"},
		{"relative resource", request("web", "resource", "/api"), "invalid_target"},
		{"resource with a fragment", request("web", "resource", "https://api.example/#x"), "invalid_target"},
		{"too many resources", twice("resource", "https://a.b/1", "https://a.b/2", "https://a.b/3", "https://a.b/4", "https://a.b/5", "https://a.b/6"), "invalid_target"},
		{"two states", twice("state", "a", "b"), "invalid_request"},
		{"two scopes", twice("scope", "openid", "email"), "invalid_request"},
		{"two challenges", twice("code_challenge", challenge, challenge), "invalid_request"},
		{"unknown parameter twice", twice("x", "a", "b"), "invalid_request"},
		{"over-long state", request("web", "state", strings.Repeat("s", 4097)), "invalid_request"},
		{"over-long nonce", request("web", "nonce", strings.Repeat("n", 1025)), "invalid_request"},
		{"state with a line end", request("web", "state", "a\r\nb"), "invalid_request"},
		{"nonce with a zero byte", request("web", "nonce", "a\x00b"), "invalid_request"},
		{"claims that are no JSON", request("web", "claims", "{"), "invalid_request"},
		{"essential acr that nobody has", request("web", "claims", `{"id_token":{"acr":{"essential":true,"values":["urn:gold"]}}}`), "unmet_authentication_requirements"},
		{"garbage for a hint", request("web", "id_token_hint", "a.b.c"), "invalid_request"},
		{"none without a session", request("web", "prompt", "none"), "login_required"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.want == "" {
				if res := w.authorize(c.form); res.StatusCode != http.StatusBadRequest {
					t.Errorf("status %d", res.StatusCode)
				}
				return
			}
			target, values := w.authorize(c.form).location(t)
			if target != c.form.Get("redirect_uri") || values.Get("error") != c.want || values.Get("iss") != issuer || values.Has("code") {
				t.Errorf("%s %v", target, values)
			}
			if target, posted := w.do(http.MethodPost, "/t/a/authorize", c.form).location(t); c.want != "login_required" && posted.Get("error") != c.want {
				t.Errorf("by POST: %s %v", target, posted)
			}
		})
	}
}

func TestErrorsKeepStateAndResponseMode(t *testing.T) {
	w := newWorld(t)
	res := w.authorize(request("web", "response_mode", "fragment", "scope", "email"))
	if _, values := res.location(t); values.Get("state") != "the state" || !strings.Contains(res.Header.Get("Location"), webReturn+"#") {
		t.Error(res.Header.Get("Location"))
	}
	if res := w.authorize(request("web", "response_type", "id_token token")); !strings.Contains(res.Header.Get("Location"), webReturn+"#") {
		t.Errorf("a client that asked for a token reads the fragment: %s", res.Header.Get("Location"))
	}
}

func TestASessionAnswersOnlyWhatItSuffices(t *testing.T) {
	hint := func(w *world) string { return w.tokens("web")["id_token"].(string) }
	cases := []struct {
		name    string
		client  string
		changes func(w *world) []string
		want    string // path below the issuer, error with prompt=none, or code
		silent  string
	}{
		{"nothing asked", "web", func(*world) []string { return nil }, "code", "code"},
		{"prompt=login", "web", func(*world) []string { return []string{"prompt", "login"} }, "/auth/login", ""},
		{"prompt=select_account", "web", func(*world) []string { return []string{"prompt", "select_account"} }, "/auth/login", ""},
		{"prompt=create", "web", func(*world) []string { return []string{"prompt", "create"} }, "/auth/login", ""},
		{"prompt=consent", "web", func(*world) []string { return []string{"prompt", "consent"} }, "/auth/consent", ""},
		{"third party", "third", func(*world) []string { return nil }, "/auth/consent", "consent_required"},
		{"third party, all of it agreed to", "third", agreed("u1", "third", "openid", "email", "offline_access"), "code", "code"},
		{"third party, less agreed to", "third", agreed("u1", "third", "openid", "email"), "/auth/consent", "consent_required"},
		{"third party, another person agreed", "third", agreed("u2", "third", "openid", "email", "offline_access"), "/auth/consent", "consent_required"},
		{"another third party agreed to", "third", agreed("u1", "web", "openid", "email", "offline_access"), "/auth/consent", "consent_required"},
		{"prompt=consent in spite of a consent", "third", func(w *world) []string {
			agreed("u1", "third", "openid", "email", "offline_access")(w)
			return []string{"prompt", "consent"}
		}, "/auth/consent", ""},
		{"max_age just kept", "web", func(w *world) []string { w.move(time.Minute); return []string{"max_age", "60"} }, "code", "code"},
		{"max_age just over", "web", func(w *world) []string { w.move(61 * time.Second); return []string{"max_age", "60"} }, "/auth/login", "login_required"},
		{"max_age=0", "web", func(*world) []string { return []string{"max_age", "0"} }, "/auth/login", "login_required"},
		{"own hint", "web", func(w *world) []string { return []string{"id_token_hint", hint(w)} }, "code", "code"},
		{"own hint, long expired", "web", func(w *world) []string {
			h := hint(w)
			w.move(5 * time.Hour)
			return []string{"id_token_hint", h}
		}, "code", "code"},
		{"someone else's hint", "web", func(w *world) []string {
			h := hint(w)
			w.logIn("u2")
			return []string{"id_token_hint", h}
		}, "/auth/login", "login_required"},
		{"own subject by claims", "web", func(*world) []string {
			return []string{"claims", `{"id_token":{"sub":{"value":"subject-1"}}}`}
		}, "code", "code"},
		{"another subject by claims", "web", func(*world) []string {
			return []string{"claims", `{"id_token":{"sub":{"value":"subject-2"}}}`}
		}, "/auth/login", "login_required"},
		{"essential acr that the session has", "web", func(*world) []string {
			return []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"` + idp.ACRLink + `"}}}`}
		}, "code", "code"},
		{"essential acr that another login reaches", "web", func(*world) []string {
			return []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"` + idp.ACRRelay + `"}}}`}
		}, "/auth/login", "login_required"},
		{"acr that is only wished for", "web", func(*world) []string { return []string{"acr_values", "urn:gold"} }, "code", "code"},
		{"expired session", "web", func(w *world) []string { w.move(idp.SessionLife); return nil }, "/auth/login", "login_required"},
		{"disabled user", "web", func(w *world) []string {
			w.store.users["u1"] = idp.User{ID: "u1", Subject: "subject-1", Disabled: true}
			return nil
		}, "/auth/login", "login_required"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.logIn("u1")
			changes := c.changes(w)
			target, values := w.authorize(request(c.client, changes...)).location(t)
			if got := strings.TrimPrefix(target, "/t/a"); got != c.want && (c.want != "code" || !values.Has("code")) {
				t.Errorf("went to %s %v", target, values)
			}
			if c.silent == "" {
				return
			}
			_, values = w.authorize(request(c.client, append(changes, "prompt", "none")...)).location(t)
			if values.Get("error") != c.silent && (c.silent != "code" || !values.Has("code")) {
				t.Errorf("with prompt=none: %v", values)
			}
		})
	}
}

func TestAPostedRequestComesBackAsAGet(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	target, values := w.do(http.MethodPost, "/t/a/authorize", request("web")).location(t)
	if target != "/t/a/authorize" || values.Get("posted") == "" {
		t.Fatalf("%s %v", target, values)
	}
	next := target + "?" + values.Encode()
	if target, values := w.do(http.MethodGet, next, nil).location(t); target != webReturn || values.Get("code") == "" {
		t.Errorf("%s %v", target, values)
	}
	if res := w.do(http.MethodGet, strings.Replace(next, "/t/a/", "/t/b/", 1), nil); res.StatusCode != http.StatusBadRequest {
		t.Errorf("at another tenant: %d", res.StatusCode)
	}
	if _, err := w.box.Open("tenant-a", idp.PurposeAuthRequest, values.Get("posted")); err == nil {
		t.Error("what is posted could be taken to the login room past the session's rules")
	}
	w.move(idp.RequestLife + time.Second)
	if res := w.do(http.MethodGet, next, nil); res.StatusCode != http.StatusBadRequest {
		t.Errorf("expired: %d", res.StatusCode)
	} else {
		wantWords(t, res)
	}
}

func TestAPostedRequestIsAnsweredOnlyWhereTheClientStillIs(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	target, values := w.do(http.MethodPost, "/t/a/authorize", request("web")).location(t)
	c := w.store.clients["tenant-a"]["web"]
	c.Metadata.RedirectURIs = []string{"https://web.example/moved"}
	w.store.clients["tenant-a"]["web"] = c
	if res := w.do(http.MethodGet, target+"?"+values.Encode(), nil); res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
		t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
	}
}

// The consent page speaks of scopes alone, so claims must not go beyond them.
func TestClaimsOfAThirdPartyStayWithinItsScopes(t *testing.T) {
	for client, want := range map[string]bool{"web": true, "third": false} {
		w := newWorld(t)
		_, values := w.authorize(request(client, "scope", "openid", "claims", `{"userinfo":{"email":null}}`)).location(t)
		plain, err := w.box.Open("tenant-a", idp.PurposeAuthRequest, values.Get("request"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(plain), `userinfo`); got != want {
			t.Errorf("%s: %s", client, plain)
		}
	}
}

func TestARequestTooLongForAURLIsStoredAndCounted(t *testing.T) {
	w := newWorld(t)
	long := request("web", "state", strings.Repeat("s", 4000))
	target, values := w.authorize(long).location(t)
	if target != "/t/a/auth/login" || values.Get("stored") == "" || values.Has("request") {
		t.Fatalf("%s %v", target, values)
	}
	saved := w.store.saved[values.Get("stored")]
	if _, err := w.box.Open("tenant-a", idp.PurposeAuthRequest, string(saved.Sealed)); err != nil || saved.TenantID != "tenant-a" {
		t.Errorf("%v %v", saved.TenantID, err)
	}
	w.logIn("u1")
	target, values = w.do(http.MethodPost, "/t/a/authorize", long).location(t)
	if target, values := w.do(http.MethodGet, target+"?"+values.Encode(), nil).location(t); target != webReturn || values.Get("code") == "" {
		t.Errorf("%s %v", target, values)
	}
	before := len(w.store.saved)
	w.limits.allowed = false
	res := w.do(http.MethodPost, "/t/a/authorize", long)
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "30" || len(w.store.saved) != before {
		t.Errorf("over the limit: %d, %d rows", res.StatusCode, len(w.store.saved))
	}
	wantWords(t, res)
}

func TestOtherMethodsAndSizesAtAuthorize(t *testing.T) {
	w := newWorld(t)
	posted := func(form url.Values, header ...string) answer {
		return w.do(http.MethodPost, "/t/a/authorize", form, header...)
	}
	cases := []struct {
		name   string
		res    answer
		status int
	}{
		{"PUT", w.do(http.MethodPut, "/t/a/authorize", nil), http.StatusMethodNotAllowed},
		{"a long query", w.authorize(request("web", "x", strings.Repeat("x", 20<<10))), http.StatusRequestURITooLong},
		{"a long body", posted(request("web", "x", strings.Repeat("x", 40<<10))), http.StatusRequestEntityTooLarge},
		{"a malformed query", w.do(http.MethodGet, "/t/a/authorize?%zz", nil), http.StatusBadRequest},
		{"a POST without a form", posted(nil), http.StatusBadRequest},
		{"a POST with a query", w.do(http.MethodPost, "/t/a/authorize?x=1", request("web")), http.StatusBadRequest},
		{"a forged resume", w.do(http.MethodGet, "/t/a/authorize?posted=AAAA", nil), http.StatusBadRequest},
		{"an unknown stored request", w.do(http.MethodGet, "/t/a/authorize?stored=x", nil), http.StatusBadRequest},
	}
	for _, c := range cases {
		if c.res.StatusCode != c.status || (c.res.Header.Get("Allow") == "GET, POST") != (c.status == http.StatusMethodNotAllowed) {
			t.Errorf("%s: %d, Allow %q", c.name, c.res.StatusCode, c.res.Header.Get("Allow"))
		}
		wantWords(t, c.res)
	}
}

// agreed has a person agree to a client's scopes beforehand.
func agreed(u idp.UserID, c idp.ClientID, scope ...string) func(*world) []string {
	return func(w *world) []string {
		w.store.consents = append(w.store.consents, idp.Consent{TenantID: "tenant-a", UserID: u, ClientID: c, Scope: scope})
		return nil
	}
}

func TestOfflineAccessRules(t *testing.T) {
	cases := []struct {
		name, client, prompt string
		want                 bool
	}{
		{"first party needs no consent", "web", "", true},
		{"client without the refresh grant", "short", "", false},
		{"third party, asked for with the rest", "third", "", true},
		{"third party that asks for consent", "third", "consent", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			_, values := w.authorize(request(c.client, "prompt", c.prompt)).location(t)
			plain, err := w.box.Open("tenant-a", idp.PurposeAuthRequest, values.Get("request"))
			if err != nil {
				t.Fatal(err)
			}
			var got idp.AuthRequest
			if err := json.Unmarshal(plain, &got); err != nil {
				t.Fatal(err)
			}
			if got.Offline() != c.want {
				t.Errorf("scope %v", got.Scope)
			}
		})
	}
}
