package op_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// signedBy makes a request object as a client does.
func signedBy(t *testing.T, key crypto.Signer, alg jose.SignatureAlgorithm, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func unsignedObject(t *testing.T, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

// withKey gives a world whose client "web" registered a key.
func withKey(t *testing.T) (*world, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig", Algorithm: "ES256"}}})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.register(func(m *idp.ClientMetadata) { m.JWKS = set })
	w.logIn("u1")
	return w, key
}

// register changes what the client "web" has registered.
func (w *world) register(change func(*idp.ClientMetadata)) {
	c := w.store.clients["tenant-a"]["web"]
	change(&c.Metadata)
	w.store.clients["tenant-a"]["web"] = c
}

func TestASignedRequestObjectWins(t *testing.T) {
	w, key := withKey(t)
	object := signedBy(t, key, jose.ES256, map[string]any{
		"iss": "web", "aud": issuer, "exp": w.now().Add(time.Minute).Unix(), "nbf": w.now().Unix(), "client_id": "web", "response_type": "code",
		"redirect_uri": webReturn, "state": "inside", "max_age": 3600, "scope": "openid",
		"claims": map[string]any{"id_token": map[string]any{"email": nil}}, "resource": []string{"https://api.example"},
	})
	form := request("web", "request", object, "redirect_uri", "", "state", "outside")
	for name, res := range map[string]answer{"by GET": w.authorize(form), "by POST": w.do(http.MethodPost, "/t/a/authorize", form)} {
		target, values := res.location(t)
		if name == "by POST" {
			target, values = w.do(http.MethodGet, target+"?"+values.Encode(), nil).location(t)
		}
		if target != webReturn || values.Get("state") != "inside" || !values.Has("code") {
			t.Fatalf("%s: %s %v", name, target, values)
		}
		got := w.token(redemption("web", values.Get("code"))).json(t)
		id := w.claimsOf(got["id_token"], "JWT", jose.RS256)
		access := w.claimsOf(got["access_token"], "at+jwt", jose.ES256)
		if got["scope"] != "openid" || id["email"] != "ada@example.org" || id["nonce"] != "the nonce" || access["aud"] != "https://api.example" {
			t.Errorf("%s: %v %v %v", name, got["scope"], id, access)
		}
	}
}

func TestRequestObjectsThatAreRefused(t *testing.T) {
	w, key := withKey(t)
	now := w.now().Unix()
	good := map[string]any{"iss": "web", "aud": issuer, "exp": now + 60, "client_id": "web", "scope": "openid"}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claims := func(name string, value any) string {
		changed := maps.Clone(good)
		changed[name] = value
		return signedBy(t, key, jose.ES256, changed)
	}
	sound := claims("state", "inside")
	embedded, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: other}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	brought, err := embedded.Sign([]byte(`{"client_id":"web"}`))
	if err != nil {
		t.Fatal(err)
	}
	withOwnKey, err := brought.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ object, want string }{
		"sound":                   {sound, ""},
		"another's key":           {signedBy(t, other, jose.ES256, good), "invalid_request_object"},
		"a key that it brings":    {withOwnKey, "invalid_request_object"},
		"a key of another kind":   {signedBy(t, edwards, jose.EdDSA, good), "invalid_request_object"},
		"changed after signing":   {sound[:len(sound)-4] + "AAAA", "invalid_request_object"},
		"unsigned":                {unsignedObject(t, good), "request_not_supported"},
		"unsigned in other words": {strings.Replace(unsignedObject(t, good), "eyJhbGciOiJub25lIn0", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"None"}`)), 1), "invalid_request_object"},
		"under a secret":          {strings.Replace(unsignedObject(t, good), "eyJhbGciOiJub25lIn0", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)), 1), "invalid_request_object"},
		"encrypted":               {"a.b.c.d.e", "invalid_request_object"},
		"garbage":                 {"garbage", "invalid_request_object"},
		"over-long":               {"a.b." + strings.Repeat("c", 16<<10), ""},
		"expired":                 {claims("exp", now-61), "invalid_request_object"},
		"not valid yet":           {claims("nbf", now+61), "invalid_request_object"},
		"for another issuer":      {claims("aud", "https://elsewhere.example"), "invalid_request_object"},
		"of another client":       {claims("iss", "spa"), "invalid_request_object"},
		"naming another client":   {claims("client_id", "spa"), "invalid_request_object"},
		"another response type":   {claims("response_type", "token"), "invalid_request_object"},
		"one within another":      {claims("request", sound), "invalid_request_object"},
		"a URI within":            {claims("request_uri", "https://web.example/r"), "invalid_request_object"},
		"a foreign redirect":      {claims("redirect_uri", otherOwner), "page"},
	} {
		t.Run(name, func(t *testing.T) {
			res := w.authorize(request("web", "request", c.object))
			switch {
			case name == "over-long":
				if res.StatusCode != http.StatusRequestURITooLong {
					t.Errorf("%d", res.StatusCode)
				}
			case c.want == "page":
				if res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
					t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
				}
				wantWords(t, res)
			default:
				target, values := res.location(t)
				if target != webReturn || values.Get("error") != c.want || values.Has("code") != (c.want == "") || values.Get("iss") != issuer {
					t.Errorf("%s %v", target, values)
				}
			}
		})
	}
	if res := w.authorize(request("web", "request", "garbage", "redirect_uri", "")); res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
		t.Errorf("nowhere to answer: %d", res.StatusCode)
	}
}

func TestAnUnsignedRequestObjectIsForClientsThatRegisteredForIt(t *testing.T) {
	w, key := withKey(t)
	w.register(func(m *idp.ClientMetadata) { m.RequestObjectAlg = idp.AlgNone })
	_, values := w.authorize(request("web", "request", unsignedObject(t, map[string]any{"state": "inside"}))).location(t)
	if values.Get("state") != "inside" || !values.Has("code") {
		t.Error(values)
	}
	_, values = w.authorize(request("web", "request", signedBy(t, key, jose.ES256, map[string]any{"state": "inside"}))).location(t)
	if values.Get("error") != "invalid_request_object" {
		t.Errorf("another way than the registered one: %v", values)
	}
	w.register(func(m *idp.ClientMetadata) { m.RequestObjectAlg = idp.PS256 })
	_, values = w.authorize(request("web", "request", signedBy(t, key, jose.ES256, map[string]any{"state": "inside"}))).location(t)
	if values.Get("error") != "invalid_request_object" {
		t.Errorf("another algorithm than the registered one: %v", values)
	}
}

// A client that is refused hears so in the way it asked for, as far as nobody
// has to be believed for that.
func TestARefusedUnsignedObjectSaysHowToAnswer(t *testing.T) {
	w, key := withKey(t)
	inside := map[string]any{"response_mode": "form_post", "state": "inside", "redirect_uri": otherOwner}
	res := w.authorize(request("web", "request", unsignedObject(t, inside)))
	if res.StatusCode != http.StatusOK || !strings.Contains(res.body, "request_not_supported") ||
		!strings.Contains(res.body, `value="inside"`) || !strings.Contains(res.body, `action="`+webReturn) {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	forged := signedBy(t, key, jose.ES256, inside)
	if _, values := w.authorize(request("web", "request", forged[:len(forged)-4]+"AAAA")).location(t); values.Get("state") != "the state" {
		t.Errorf("a signature that is not good: %v", values)
	}
}

func TestParametersOutsideDoNotCountForAFAPIClient(t *testing.T) {
	w, key := withKey(t)
	w.register(func(m *idp.ClientMetadata) { m.Profile = idp.ProfileFAPI2 })
	inside := map[string]any{"aud": issuer, "nbf": w.now().Unix(), "exp": w.now().Add(time.Minute).Unix()}
	for name, values := range request("web") {
		inside[name] = values[0]
	}
	delete(inside, "nonce")
	_, values := w.authorize(request("web", "request", signedBy(t, key, jose.ES256, inside))).location(t)
	id := w.claimsOf(w.token(redemption("web", values.Get("code"))).json(t)["id_token"], "JWT", jose.ES256)
	if id["nonce"] != nil {
		t.Errorf("nonce from outside: %v", id["nonce"])
	}
}

// shelf is what clients keep on the web.
type shelf map[string]string

func (s shelf) Fetch(_ context.Context, uri string) ([]byte, error) {
	body, ok := s[uri]
	if !ok {
		return nil, errors.New("nothing there at 10.0.0.1")
	}
	return []byte(body), nil
}

func (s shelf) Cached(ctx context.Context, uri string, renew bool) ([]byte, error) {
	if newer, ok := s[uri+" renewed"]; ok && renew {
		return []byte(newer), nil
	}
	return s.Fetch(ctx, uri)
}

func TestARequestURICountsWhereItIsRegistered(t *testing.T) {
	w, key := withKey(t)
	const uri = "https://web.example/request.jwt#hash"
	form := request("web", "request_uri", uri)
	wants := func(when, want string) {
		t.Helper()
		_, values := w.authorize(form).location(t)
		if values.Get("error") != want || want == "" && values.Get("state") != "inside" || strings.Contains(values.Get("error_description"), "10.0") {
			t.Errorf("%s: %v", when, values)
		}
	}
	wants("without a way to fetch", "request_uri_not_supported")
	w.fetches = shelf{"https://web.example/request.jwt": signedBy(t, key, jose.ES256, map[string]any{"state": "inside"}) + "\n"}
	w.start()
	wants("not registered", "invalid_request_uri")
	w.register(func(m *idp.ClientMetadata) { m.RequestURIs = []string{uri} })
	wants("registered", "")
	w.fetches["https://web.example/request.jwt"] = unsignedObject(t, map[string]any{"state": "inside"})
	wants("unsigned, at the client's own host", "")
	w.register(func(m *idp.ClientMetadata) { m.RequestObjectAlg = idp.ES256 })
	wants("unsigned, of a client that signs", "request_not_supported")
	w.register(func(m *idp.ClientMetadata) { m.RequestObjectAlg = "" })
	form.Set("request", "a.b.c")
	wants("with a request", "invalid_request")
	form.Del("request")
	w.limits.allowed = false
	if res := w.authorize(form); res.StatusCode != http.StatusSeeOther || !strings.Contains(res.Header.Get("Location"), "temporarily_unavailable") {
		t.Errorf("over the limit: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	w.limits.allowed = true
	delete(w.fetches, "https://web.example/request.jwt")
	wants("cannot be read", "invalid_request_uri")
}

func TestKeysByURIVerifyARequestObject(t *testing.T) {
	w, key := withKey(t)
	w.register(func(m *idp.ClientMetadata) {
		w.fetches = shelf{"https://web.example/jwks": `{"keys":[{"kty":"unknown"},` + strings.TrimPrefix(string(m.JWKS), `{"keys":[`)}
		m.JWKS, m.JWKSURI = nil, "https://web.example/jwks"
	})
	w.start()
	object := signedBy(t, key, jose.ES256, map[string]any{"state": "inside"})
	if _, values := w.authorize(request("web", "request", object)).location(t); values.Get("state") != "inside" {
		t.Error(values)
	}
	delete(w.fetches, "https://web.example/jwks")
	w.start()
	if _, values := w.authorize(request("web", "request", object)).location(t); values.Get("error") != "invalid_request_object" {
		t.Errorf("without its keys: %v", values)
	}
}

func TestWhatAClientRegisteredStandsInForWhatItLeavesOut(t *testing.T) {
	w := newWorld(t)
	minute := int64(60)
	w.register(func(m *idp.ClientMetadata) { m.DefaultMaxAge, m.DefaultACR = &minute, []string{"urn:gold"} })
	w.logIn("u1")
	w.move(61 * time.Second)
	if _, values := w.authorize(request("web", "prompt", "none")).location(t); values.Get("error") != "login_required" {
		t.Errorf("default_max_age: %v", values)
	}
	if _, values := w.authorize(request("web", "prompt", "none", "max_age", "100")).location(t); !values.Has("code") {
		t.Errorf("max_age of the request: %v", values)
	}
}
