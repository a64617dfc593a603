package op_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// push is a pushed authorization request of a client with a secret.
func (w *world) push(form url.Values, header ...string) answer {
	w.t.Helper()
	return w.do(http.MethodPost, "/t/a/par", form, header...)
}

func pushing(client string, changes ...string) url.Values {
	if client != "spa" && client != "native" {
		changes = append([]string{"client_secret", webSecret}, changes...)
	}
	return request(client, changes...)
}

// pushed gives the name of a request that was taken.
func (w *world) pushed(client string, changes ...string) string {
	w.t.Helper()
	res := w.push(pushing(client, changes...))
	if res.StatusCode != http.StatusCreated {
		w.t.Fatalf("status %d: %s", res.StatusCode, res.body)
	}
	return res.json(w.t)["request_uri"].(string)
}

func named(client, uri string) url.Values {
	return url.Values{"client_id": {client}, "request_uri": {uri}}
}

func TestAPushedRequestGivesOneCode(t *testing.T) {
	w := newWorld(t)
	res := w.push(pushing("web"))
	got := res.json(t)
	uri, _ := got["request_uri"].(string)
	if res.StatusCode != http.StatusCreated || got["expires_in"] != 90.0 || res.Header.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:") || len(uri) < 80 {
		t.Fatalf("%d %v %v", res.StatusCode, res.Header, got)
	}
	// Who reloads the page before anything came of it goes on (RFC 9126 §7.3).
	for range 2 {
		if target, _ := w.authorize(named("web", uri)).location(t); target != "/t/a/auth/login" {
			t.Fatalf("to %s", target)
		}
	}
	w.logIn("u1")
	target, values := w.authorize(named("web", uri)).location(t)
	if target != webReturn || values.Get("state") != "the state" || values.Get("iss") != issuer {
		t.Fatalf("%s %v", target, values)
	}
	if res := w.token(redemption("web", values.Get("code"))); res.StatusCode != http.StatusOK {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	res = w.authorize(named("web", uri))
	if res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
		t.Errorf("a second code: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	wantWords(t, res)
}

func TestOfManyAnswersToAPushedRequestOneHasACode(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	uri := w.pushed("web")
	answers := make([]answer, 24)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = w.authorize(named("web", uri)) })
	}
	all.Wait()
	codes := 0
	for _, res := range answers {
		if strings.Contains(res.Header.Get("Location"), "code=") {
			codes++
		} else if res.StatusCode != http.StatusBadRequest {
			t.Errorf("a loser is answered %d", res.StatusCode)
		}
	}
	if codes != 1 {
		t.Errorf("%d codes", codes)
	}
}

func TestAPushedRequestByPostComesBackAsAGet(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	target, values := w.do(http.MethodPost, "/t/a/authorize", named("web", w.pushed("web"))).location(t)
	if target != "/t/a/authorize" {
		t.Fatalf("to %s", target)
	}
	resumed := target + "?" + values.Encode()
	if target, values = w.do(http.MethodGet, resumed, nil).location(t); target != webReturn || !values.Has("code") {
		t.Errorf("%s %v", target, values)
	}
	if res := w.do(http.MethodGet, resumed, nil); res.StatusCode != http.StatusBadRequest {
		t.Errorf("again: %d %v", res.StatusCode, res.Header)
	}
}

func TestNamesOfPushedRequestsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	uri := w.pushed("web")
	other := w.pushed("web")
	late := w.pushed("web")
	half := len(uri) - 43 // the secret half of another
	for name, c := range map[string]url.Values{
		"another client's":         named("third", uri),
		"of another secret":        named("web", uri[:half]+other[half:]),
		"unknown":                  named("web", "urn:ietf:params:oauth:request_uri:"+idp.NewCredential(idp.NewID(w.now())).Reveal()),
		"of no form":               named("web", "urn:ietf:params:oauth:request_uri:x"),
		"with a foreign return":    with(named("web", uri[:half]+other[half:]), "redirect_uri", otherOwner),
		"there twice":              {"client_id": {"web"}, "request_uri": {uri, uri}},
		"with an object beside it": with(named("web", uri), "client_id", "spa"),
	} {
		res := w.authorize(c)
		if res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", name, res.StatusCode, res.Header.Get("Location"))
		}
	}
	if res := w.do(http.MethodGet, "/t/b/authorize?"+named("web", uri).Encode(), nil); res.StatusCode != http.StatusBadRequest {
		t.Errorf("in another tenant: %d", res.StatusCode)
	}
	w.move(90*time.Second - time.Millisecond)
	w.logIn("u1")
	if target, values := w.authorize(with(named("web", uri), "scope", "openid profile", "redirect_uri", otherOwner)).location(t); target != webReturn || !values.Has("code") {
		t.Errorf("parameters beside it count: %s %v", target, values)
	}
	w.move(time.Millisecond)
	if res := w.authorize(named("web", late)); res.StatusCode != http.StatusBadRequest {
		t.Errorf("after its time: %d", res.StatusCode)
	}
}

func TestPushedRequestsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		form   url.Values
		status int
		code   string
	}{
		"a wrong secret":            {pushing("web", "client_secret", "x"), 401, "invalid_client"},
		"no authentication":         {pushing("web", "client_secret", ""), 401, "invalid_client"},
		"an unknown client":         {pushing("nobody"), 401, "invalid_client"},
		"a name in it":              {pushing("web", "request_uri", "urn:ietf:params:oauth:request_uri:x"), 400, "invalid_request"},
		"a foreign redirect":        {pushing("web", "redirect_uri", otherOwner), 400, "invalid_request"},
		"no redirect":               {pushing("web", "redirect_uri", ""), 400, "invalid_request"},
		"another response type":     {pushing("web", "response_type", "token"), 400, "unsupported_response_type"},
		"a plain challenge":         {pushing("web", "code_challenge_method", "plain"), 400, "invalid_request"},
		"no challenge of an SPA":    {pushing("spa", "code_challenge", ""), 400, "invalid_request"},
		"an unknown resource":       {pushing("web", "resource", "https://nowhere.example"), 400, "invalid_target"},
		"a bad object":              {pushing("web", "request", "x"), 400, "invalid_request_object"},
		"an over-long parameter":    {pushing("web", "nonce", strings.Repeat("n", 2000)), 400, "invalid_request"},
		"a thumbprint that is none": {pushing("web", "dpop_jkt", "short"), 400, "invalid_request"},
	} {
		res := w.push(c.form)
		if res.StatusCode != c.status || res.json(t)["error"] != c.code {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	twice := pushing("web")
	twice.Add("scope", "openid")
	wantError(t, w.push(twice), http.StatusBadRequest, "invalid_request")
	wantError(t, w.push(with(pushing("web"), "x", strings.Repeat("x", 40<<10))), http.StatusRequestEntityTooLarge, "invalid_request")
	wantError(t, w.do(http.MethodGet, "/t/a/par", nil), http.StatusMethodNotAllowed, "invalid_request")
	if n := len(w.store.saved); n != 0 {
		t.Errorf("%d rows of refused requests", n)
	}
}

func TestAPublicClientsPushesAreCounted(t *testing.T) {
	w := newWorld(t)
	w.limits.allowed = false
	if res := w.push(pushing("spa")); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" || len(w.store.saved) != 0 {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if res := w.push(pushing("web")); res.StatusCode != http.StatusCreated {
		t.Errorf("one that has proven itself: %d %s", res.StatusCode, res.body)
	}
}

func TestAClientThatMustPushIsServedWhenItDoes(t *testing.T) {
	w, key := withKey(t)
	w.register(func(m *idp.ClientMetadata) { m.RequirePushedRequests = true })
	_, values := w.authorize(request("web")).location(t)
	if values.Get("error") != "invalid_request" || values.Has("code") {
		t.Errorf("unpushed: %v", values)
	}
	object := signedBy(t, key, jose.ES256, map[string]any{"client_id": "web", "scope": "openid"})
	if _, values = w.authorize(request("web", "request", object)).location(t); values.Get("error") != "invalid_request" {
		t.Errorf("signed, unpushed: %v", values)
	}
	if _, values = w.authorize(named("web", w.pushed("web"))).location(t); !values.Has("code") {
		t.Errorf("pushed: %v", values)
	}
}

func TestARequestObjectMayBePushed(t *testing.T) {
	w, key := withKey(t)
	object := func(claims map[string]any) string { return signedBy(t, key, jose.ES256, claims) }
	claims := map[string]any{
		"iss": "web", "aud": issuer, "client_id": "web", "response_type": "code", "redirect_uri": webReturn,
		"scope": "openid", "state": "inside", "code_challenge": challenge, "code_challenge_method": "S256",
	}
	form := with(secretOf("web"), "request", object(claims), "state", "outside", "nonce", "outside")
	res := w.push(form)
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	_, values := w.authorize(named("web", res.json(t)["request_uri"].(string))).location(t)
	if values.Get("state") != "inside" || !values.Has("code") {
		t.Fatal(values)
	}
	id := w.claimsOf(w.token(redemption("web", values.Get("code"))).json(t)["id_token"], "JWT", jose.RS256)
	if id["nonce"] != nil {
		t.Errorf("a parameter beside the object counts: %v", id["nonce"])
	}
	for _, other := range []any{"spa", nil} {
		claims["client_id"] = other
		wantError(t, w.push(with(secretOf("web"), "request", object(claims))), http.StatusBadRequest, "invalid_request_object")
	}
}
