//go:debug rsa1024min=0

package op_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// withAssertions gives a world whose client "web" signs for itself and has no secret.
func withAssertions(t *testing.T) (*world, *ecdsa.PrivateKey) {
	t.Helper()
	w, key := withKey(t)
	w.register(func(m *idp.ClientMetadata) { m.AuthMethods = []idp.AuthMethod{idp.AuthPrivateKey} })
	c := w.store.clients["tenant-a"]["web"]
	c.Secrets = nil
	w.store.clients["tenant-a"]["web"] = c
	return w, key
}

// claims are a good assertion's, changed as wanted: nil takes one out.
func (w *world) claims(changes map[string]any) map[string]any {
	at := w.now().Unix()
	out := map[string]any{
		"iss": "web", "sub": "web", "aud": publicURL + "/t/a/token", "jti": idp.NewSecret().Reveal(), "exp": at + 60, "iat": at,
	}
	maps.Copy(out, changes)
	maps.DeleteFunc(out, func(_ string, value any) bool { return value == nil })
	return out
}

// asserted is a token request that is proven by an assertion alone.
func asserted(form url.Values, assertion string) url.Values {
	form.Del("client_secret")
	form.Del("client_id")
	form.Set("client_assertion_type", jwtBearer)
	form.Set("client_assertion", assertion)
	return form
}

func TestAnAssertionProvesAClientAtEveryEndpoint(t *testing.T) {
	w, key := withAssertions(t)
	sign := func(changes map[string]any) string { return signedBy(t, key, jose.ES256, w.claims(changes)) }
	res := w.token(asserted(redemption("web", w.code("web")), sign(nil)))
	if res.StatusCode != http.StatusOK {
		t.Fatalf("token: %d %s", res.StatusCode, res.body)
	}
	tokens := res.json(t)
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}}
	for name, call := range map[string]func() answer{
		"refresh, by the issuer's name": func() answer {
			return w.token(asserted(refresh, sign(map[string]any{"aud": publicURL + "/t/a"})))
		},
		"introspection, by its own URL": func() answer {
			form := url.Values{"token": {tokens["access_token"].(string)}}
			return w.do(http.MethodPost, "/t/a/introspect", asserted(form, sign(map[string]any{"aud": []string{"x", publicURL + "/t/a/introspect"}})))
		},
		"introspection with its client_id": func() answer {
			form := asserted(url.Values{"token": {tokens["access_token"].(string)}}, sign(nil))
			form.Set("client_id", "web")
			return w.do(http.MethodPost, "/t/a/introspect", form)
		},
	} {
		if res := call(); res.StatusCode != http.StatusOK || res.json(t)["active"] == false {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	form := url.Values{"token": {tokens["access_token"].(string)}}
	if res := w.do(http.MethodPost, "/t/a/revoke", asserted(form, sign(nil))); res.StatusCode != http.StatusOK {
		t.Errorf("revocation: %d %s", res.StatusCode, res.body)
	}
}

func TestAssertionsThatAreRefused(t *testing.T) {
	w, key := withAssertions(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	at := w.now().Unix()
	with := func(changes map[string]any) string { return signedBy(t, key, jose.ES256, w.claims(changes)) }
	w.store.clients["tenant-a"]["web2"] = w.store.clients["tenant-a"]["web"]
	tokens := w.tokens("spa")
	for name, text := range map[string]string{
		"another key":               signedBy(t, other, jose.ES256, w.claims(nil)),
		"no signature":              unsignedObject(t, w.claims(nil)),
		"another issuer than sub":   with(map[string]any{"iss": "web2"}),
		"nobody":                    with(map[string]any{"iss": nil, "sub": nil}),
		"a client that is not here": with(map[string]any{"iss": "none", "sub": "none"}),
		"a client with secrets":     with(map[string]any{"iss": "third", "sub": "third"}),
		"another audience":          with(map[string]any{"aud": "https://other.example"}),
		"another tenant's audience": with(map[string]any{"aud": publicURL + "/t/b/token"}),
		"no audience":               with(map[string]any{"aud": nil}),
		"no end":                    with(map[string]any{"exp": nil}),
		"an end that is over":       with(map[string]any{"exp": at}),
		"an end far off":            with(map[string]any{"exp": at + 86400}),
		"an end of text":            with(map[string]any{"exp": "soon"}),
		"an end beyond numbers":     with(map[string]any{"exp": 1e300}),
		"not yet":                   with(map[string]any{"nbf": at + 61}),
		"made in the future":        with(map[string]any{"iat": at + 61}),
		"no jti":                    with(map[string]any{"jti": nil}),
		"a long jti":                with(map[string]any{"jti": strings.Repeat("x", 600)}),
		"too long":                  with(map[string]any{"more": strings.Repeat("x", 9000)}),
		"an ID token":               tokens["id_token"].(string),
		"an access token":           tokens["access_token"].(string),
		"no JWT":                    "x.y.z",
		"an encrypted one":          "a.b.c.d.e",
	} {
		res := w.token(asserted(redemption("web", w.code("web")), text))
		if res.StatusCode != http.StatusUnauthorized || res.json(t)["error"] != "invalid_client" || res.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
		if d := res.json(t)["error_description"]; d != "client authentication failed" {
			t.Errorf("%s: the answer tells why: %v", name, d)
		}
	}
	if res := w.token(asserted(redemption("web", w.code("web")), with(map[string]any{"nbf": at + 60, "iat": at + 60}))); res.StatusCode != http.StatusOK {
		t.Errorf("a clock one minute ahead: %d %s", res.StatusCode, res.body)
	}
}

func TestAnAssertionGoesWithNoOtherMethod(t *testing.T) {
	w, key := withAssertions(t)
	form := func(change func(url.Values)) url.Values {
		out := asserted(redemption("web", w.code("web")), signedBy(t, key, jose.ES256, w.claims(nil)))
		change(out)
		return out
	}
	for name, c := range map[string]struct {
		form   url.Values
		header []string
		want   string
	}{
		"and a secret":           {form: form(func(f url.Values) { f.Set("client_secret", webSecret) }), want: "invalid_request"},
		"and Basic":              {form: form(func(url.Values) {}), header: []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("web:"+webSecret))}, want: "invalid_request"},
		"another client_id":      {form: form(func(f url.Values) { f.Set("client_id", "third") }), want: "invalid_client"},
		"no type":                {form: form(func(f url.Values) { f.Del("client_assertion_type") }), want: "invalid_client"},
		"SAML":                   {form: form(func(f url.Values) { f.Set("client_assertion_type", "saml2-bearer") }), want: "invalid_client"},
		"a type and nothing":     {form: form(func(f url.Values) { f.Del("client_assertion") }), want: "invalid_client"},
		"a secret in its place":  {form: redemption("web", w.code("web")), want: "invalid_client"},
		"nothing but the client": {form: redemption("web", w.code("web"), "client_secret", ""), want: "invalid_client"},
	} {
		if res := w.token(c.form, c.header...); res.json(t)["error"] != c.want {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
}

func TestAnAssertionWorksOnce(t *testing.T) {
	w, key := withAssertions(t)
	text := signedBy(t, key, jose.ES256, w.claims(nil))
	var won, lost atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		form := asserted(redemption("web", w.code("web")), text)
		all.Go(func() {
			switch res := w.token(form); res.StatusCode {
			case http.StatusOK:
				won.Add(1)
			case http.StatusUnauthorized:
				lost.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

func TestAssertionsInEveryAlgorithm(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err) // GODEBUG=rsa1024min=0 lets tests make short keys
	}
	curve := func(c elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := withAssertions(t)
	try := func(key crypto.Signer, alg jose.SignatureAlgorithm, change func(*idp.ClientMetadata)) int {
		set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}})
		if err != nil {
			t.Fatal(err)
		}
		w.register(func(m *idp.ClientMetadata) {
			m.JWKS, m.AssertionAlg = set, ""
			change(m)
		})
		return w.token(asserted(redemption("web", w.code("web")), signedBy(t, key, alg, w.claims(nil)))).StatusCode
	}
	as := func(alg idp.Alg) func(*idp.ClientMetadata) {
		return func(m *idp.ClientMetadata) { m.AssertionAlg = alg }
	}
	for alg, key := range map[jose.SignatureAlgorithm]crypto.Signer{
		jose.RS256: rsaKey, jose.RS384: rsaKey, jose.RS512: rsaKey, jose.PS256: rsaKey, jose.PS384: rsaKey, jose.PS512: rsaKey,
		jose.ES256: curve(elliptic.P256()), jose.ES384: curve(elliptic.P384()), jose.ES512: curve(elliptic.P521()), jose.EdDSA: edKey,
	} {
		if got := try(key, alg, as("")); got != http.StatusOK {
			t.Errorf("%s: %d", alg, got)
		}
		if got := try(key, alg, as(idp.Alg(alg))); got != http.StatusOK {
			t.Errorf("%s, registered: %d", alg, got)
		}
	}
	if got := try(rsaKey, jose.RS256, as(idp.PS256)); got != http.StatusUnauthorized {
		t.Errorf("another algorithm than the registered one: %d", got)
	}
	if got := try(weak, jose.RS256, as("")); got != http.StatusUnauthorized {
		t.Errorf("a short key: %d", got)
	}
}

// RFC 9864 renamed EdDSA: current libraries sign as Ed25519, keys and
// registrations may say either.
func TestEdDSAGoesByBothItsNames(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := withAssertions(t)
	sign := func(claims map[string]any) string {
		payload, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		encode := base64.RawURLEncoding.EncodeToString
		text := encode([]byte(`{"alg":"Ed25519","kid":"k"}`)) + "." + encode(payload)
		return text + "." + encode(ed25519.Sign(private, []byte(text)))
	}
	for _, name := range []idp.Alg{"", idp.EdDSA, idp.Ed25519} {
		set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k", Algorithm: string(name)}}})
		if err != nil {
			t.Fatal(err)
		}
		w.register(func(m *idp.ClientMetadata) { m.JWKS, m.AssertionAlg, m.RequestObjectAlg = set, name, name })
		code := w.code("web", "request", sign(map[string]any{"scope": "openid"}))
		res := w.token(asserted(redemption("web", code), sign(w.claims(nil))))
		if res.StatusCode != http.StatusOK || res.json(t)["scope"] != "openid" {
			t.Errorf("registered as %q: %d %s", name, res.StatusCode, res.body)
		}
		forged := sign(w.claims(nil))
		forged = forged[:len(forged)-6] + "AAAAAA"
		if res := w.token(asserted(redemption("web", w.code("web")), forged)); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("registered as %q, a forged signature: %d", name, res.StatusCode)
		}
	}
}

func TestKeysAtAURIAreFetchedAgainForAnUnknownKey(t *testing.T) {
	w, key := withAssertions(t)
	var current string
	w.register(func(m *idp.ClientMetadata) {
		current = string(m.JWKS)
		m.JWKS, m.JWKSURI = nil, "https://web.example/jwks"
	})
	try := func() int {
		w.start()
		return w.token(asserted(redemption("web", w.code("web")), signedBy(t, key, jose.ES256, w.claims(nil)))).StatusCode
	}
	w.fetches = shelf{"https://web.example/jwks": `{"keys":[]}`}
	if got := try(); got != http.StatusUnauthorized {
		t.Errorf("without the key: %d", got)
	}
	w.fetches["https://web.example/jwks renewed"] = current
	if got := try(); got != http.StatusOK {
		t.Errorf("renewed: %d", got)
	}
	w.fetches = shelf{}
	if got := try(); got != http.StatusUnauthorized {
		t.Errorf("nothing there: %d", got)
	}
}

func TestClientsThatMustPushRequestsOrBindTokensAreNotServedWithLess(t *testing.T) {
	for name, change := range map[string]func(*idp.ClientMetadata){
		"PAR":  func(m *idp.ClientMetadata) { m.RequirePushedRequests = true },
		"DPoP": func(m *idp.ClientMetadata) { m.DPoPBoundTokens = true },
		"FAPI": func(m *idp.ClientMetadata) {
			m.Profile, m.RequirePushedRequests, m.DPoPBoundTokens = idp.ProfileFAPI2, true, true
		},
	} {
		w := newWorld(t)
		w.logIn("u1")
		code := w.code("web")
		w.register(change)
		_, values := w.authorize(request("web")).location(t)
		refused := values.Get("error") == "invalid_request" && strings.Contains(values.Get("error_description"), "must use") && !values.Has("code")
		if refused != (name != "DPoP") { // a proof is wanted where the code is redeemed
			t.Errorf("%s: %v", name, values)
		}
		if name == "PAR" {
			continue
		}
		if res := w.token(redemption("web", code)); res.json(t)["error"] != "invalid_dpop_proof" {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
}
