package op_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// holder is a client that proves its key.
type holder struct {
	w     *world
	key   crypto.Signer
	alg   jose.SignatureAlgorithm
	nonce string
}

func (w *world) holder() *holder {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return &holder{w: w, key: key, alg: jose.ES256}
}

// prove signs a proof for a request, with changes: nil takes a claim out.
func (h *holder) prove(method, path string, changes map[string]any) string {
	h.w.t.Helper()
	claims := map[string]any{
		"jti": idp.NewSecret().Reveal(), "htm": method, "htu": issuer + path, "iat": h.w.now().Unix(), "nonce": h.nonce,
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return h.sign("dpop+jwt", true, claims)
}

func (h *holder) sign(typ string, embed bool, claims map[string]any) string {
	h.w.t.Helper()
	options := (&jose.SignerOptions{EmbedJWK: embed}).WithType(jose.ContentType(typ))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: h.alg, Key: h.key}, options)
	if err != nil {
		h.w.t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		h.w.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		h.w.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		h.w.t.Fatal(err)
	}
	return text
}

func (h *holder) thumbprint() string {
	h.w.t.Helper()
	sum, err := (&jose.JSONWebKey{Key: h.key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		h.w.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// post sends a form with a proof, as clients do: once more with the nonce that
// it is told to use.
func (h *holder) post(path string, form url.Values) answer {
	h.w.t.Helper()
	res := h.w.do(http.MethodPost, "/t/a"+path, form, "DPoP", h.prove(http.MethodPost, path, nil))
	if h.nonce = res.Header.Get("DPoP-Nonce"); res.StatusCode == http.StatusBadRequest && res.json(h.w.t)["error"] == "use_dpop_nonce" {
		res = h.w.do(http.MethodPost, "/t/a"+path, form, "DPoP", h.prove(http.MethodPost, path, nil))
	}
	return res
}

func (h *holder) tokens(client string, changes ...string) map[string]any {
	h.w.t.Helper()
	res := h.post("/token", redemption(client, h.w.code(client, changes...)))
	if res.StatusCode != http.StatusOK {
		h.w.t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	return res.json(h.w.t)
}

func (h *holder) userinfo(token any, changes map[string]any) answer {
	h.w.t.Helper()
	claims := map[string]any{"ath": athOf(token)}
	maps.Copy(claims, changes)
	return h.w.do(http.MethodGet, "/t/a/userinfo", nil, "Authorization", fmt.Sprint("DPoP ", token),
		"DPoP", h.prove(http.MethodGet, "/userinfo", claims))
}

func athOf(token any) string {
	sum := sha256.Sum256([]byte(fmt.Sprint(token)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestTokensAreBoundToTheKeyThatWasProven(t *testing.T) {
	w := newWorld(t)
	h := w.holder()
	for _, client := range []string{"web", "pair"} { // by JWT, and opaque
		got := h.tokens(client)
		if got["token_type"] != "DPoP" {
			t.Errorf("token_type %v", got["token_type"])
		}
		bound := w.do(http.MethodPost, "/t/a/introspect", with(secretOf("rs"), "token", got["access_token"].(string))).json(t)
		if cnf, _ := bound["cnf"].(map[string]any); cnf["jkt"] != h.thumbprint() || bound["token_type"] != "DPoP" || bound["active"] != true {
			t.Errorf("introspection: %v", bound)
		}
		if client == "web" {
			claims := w.claimsOf(got["access_token"], "at+jwt", jose.ES256)
			if cnf, _ := claims["cnf"].(map[string]any); cnf["jkt"] != h.thumbprint() {
				t.Errorf("cnf %v", claims["cnf"])
			}
		}
		res := h.userinfo(got["access_token"], nil)
		if res.StatusCode != http.StatusOK || res.json(t)["email"] != "ada@example.org" || res.Header.Get("DPoP-Nonce") == "" {
			t.Errorf("userinfo: %d %s", res.StatusCode, res.body)
		}
	}
	machine := h.post("/token", with(secretOf("machine"), "grant_type", "client_credentials")).json(t)
	if machine["token_type"] != "DPoP" {
		t.Errorf("client credentials: %v", machine)
	}
}

func TestProofsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	h, other := w.holder(), w.holder()
	code := w.code("web")
	h.nonce = w.token(redemption("web", code), "DPoP", h.prove("POST", "/token", nil)).Header.Get("DPoP-Nonce")
	other.nonce = h.nonce
	at := w.now()
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := func(changes map[string]any) string { return h.prove("POST", "/token", changes) }
	sound := good(nil)
	claims := map[string]any{"jti": "j", "htm": "POST", "htu": issuer + "/token", "iat": at.Unix(), "nonce": h.nonce}
	head := func(header map[string]any) string {
		raw, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(sound, ".")
		return base64.RawURLEncoding.EncodeToString(raw) + "." + rest
	}
	private := jose.JSONWebKey{Key: h.key}
	for name, c := range map[string]struct{ proof, code string }{
		"another method":               {good(map[string]any{"htm": "GET"}), "invalid_dpop_proof"},
		"another endpoint":             {good(map[string]any{"htu": issuer + "/userinfo"}), "invalid_dpop_proof"},
		"another tenant's endpoint":    {good(map[string]any{"htu": publicURL + "/t/b/token"}), "invalid_dpop_proof"},
		"another host":                 {good(map[string]any{"htu": "https://elsewhere.example/t/a/token"}), "invalid_dpop_proof"},
		"a user in the URL":            {good(map[string]any{"htu": "https://x@login.example/t/a/token"}), "invalid_dpop_proof"},
		"no endpoint":                  {good(map[string]any{"htu": nil}), "invalid_dpop_proof"},
		"no jti":                       {good(map[string]any{"jti": nil}), "invalid_dpop_proof"},
		"a long jti":                   {good(map[string]any{"jti": strings.Repeat("j", 600)}), "invalid_dpop_proof"},
		"no iat":                       {good(map[string]any{"iat": nil}), "invalid_dpop_proof"},
		"old":                          {good(map[string]any{"iat": at.Add(-5*time.Minute - time.Second).Unix()}), "invalid_dpop_proof"},
		"of the future":                {good(map[string]any{"iat": at.Add(5*time.Minute + time.Second).Unix()}), "invalid_dpop_proof"},
		"no nonce":                     {good(map[string]any{"nonce": nil}), "use_dpop_nonce"},
		"an empty nonce":               {good(map[string]any{"nonce": ""}), "use_dpop_nonce"},
		"a nonce of its own":           {good(map[string]any{"nonce": idp.NewSecret().Reveal()}), "use_dpop_nonce"},
		"another type":                 {h.sign("JWT", true, claims), "invalid_dpop_proof"},
		"no key":                       {h.sign("dpop+jwt", false, claims), "invalid_dpop_proof"},
		"changed after signing":        {sound[:len(sound)-6] + "AAAAAA", "invalid_dpop_proof"},
		"unsigned":                     {head(map[string]any{"alg": "none", "typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: h.key.Public()}}), "invalid_dpop_proof"},
		"under a shared secret":        {head(map[string]any{"alg": "HS256", "typ": "dpop+jwt", "jwk": map[string]string{"kty": "oct", "k": "AA"}}), "invalid_dpop_proof"},
		"a private key":                {head(map[string]any{"alg": "ES256", "typ": "dpop+jwt", "jwk": private}), "invalid_dpop_proof"},
		"another's key":                {head(map[string]any{"alg": "ES256", "typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: other.key.Public()}}), "invalid_dpop_proof"},
		"a key of another kind":        {head(map[string]any{"alg": "ES256", "typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: edwards.Public()}}), "invalid_dpop_proof"},
		"RSA that claims to be P-256":  {head(map[string]any{"alg": "ES256", "typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: small.Public()}}), "invalid_dpop_proof"},
		"garbage":                      {"x", "invalid_dpop_proof"},
		"encrypted":                    {"a.b.c.d.e", "invalid_dpop_proof"},
		"too long":                     {good(map[string]any{"more": strings.Repeat("x", 9000)}), "invalid_dpop_proof"},
		"an ID token":                  {w.tokens("spa")["id_token"].(string), "invalid_dpop_proof"},
		"a query in the URL, or a bit": {good(map[string]any{"htu": "HTTPS://LOGIN.example:443/t/a/token?x=1#y"}), ""},
	} {
		res := w.token(redemption("web", w.code("web")), "DPoP", c.proof)
		if c.code == "" {
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
			}
			continue
		}
		wantError(t, res, http.StatusBadRequest, c.code)
		if res.json(t)["error"] != c.code || res.Header.Get("DPoP-Nonce") == "" {
			t.Errorf("%s: %s %v", name, res.body, res.Header)
		}
	}
	two := w.token(redemption("web", code), "DPoP", good(nil), "DPoP", good(nil))
	wantError(t, two, http.StatusBadRequest, "invalid_dpop_proof")
	// None of these has cost the code.
	if res := h.post("/token", redemption("web", code)); res.StatusCode != http.StatusOK {
		t.Errorf("the code is gone: %d %s", res.StatusCode, res.body)
	}
}

func TestAProofWorksOnce(t *testing.T) {
	w := newWorld(t)
	h := w.holder()
	got := h.tokens("web")
	proof := h.prove("POST", "/token", nil)
	if res := w.token(refreshing("web", got["refresh_token"]), "DPoP", proof); res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	code := w.code("web")
	for name, form := range map[string]url.Values{
		"refresh":            refreshing("web", got["refresh_token"]),
		"code":               redemption("web", code),
		"client credentials": with(secretOf("machine"), "grant_type", "client_credentials"),
	} {
		res := w.token(form, "DPoP", proof)
		if res.StatusCode != http.StatusBadRequest || res.json(t)["error"] != "invalid_dpop_proof" {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	if res := h.post("/token", redemption("web", code)); res.StatusCode != http.StatusOK {
		t.Errorf("the code is gone: %d %s", res.StatusCode, res.body)
	}
	at := map[string]any{"jti": "the same", "iat": w.now().Unix()}
	if res := h.userinfo(got["access_token"], at); res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	res := h.userinfo(got["access_token"], at)
	if res.StatusCode != http.StatusUnauthorized || !strings.Contains(res.Header.Get("WWW-Authenticate"), `error="invalid_dpop_proof"`) {
		t.Errorf("userinfo: %d %v", res.StatusCode, res.Header)
	}
	pushed := h.prove("POST", "/par", nil)
	for i, want := range []int{http.StatusCreated, http.StatusBadRequest} {
		if res := w.push(pushing("web"), "DPoP", pushed); res.StatusCode != want {
			t.Errorf("push %d: %d %s", i, res.StatusCode, res.body)
		}
	}
}

func TestANonceIsGoodForMinutesOverAllReplicas(t *testing.T) {
	w := newWorld(t)
	h := w.holder()
	h.post("/token", redemption("web", "x"))
	first := h.nonce
	w.start() // another replica: nothing of the first one's memory
	try := func() any {
		h.nonce = first
		return w.token(redemption("web", w.code("web")), "DPoP", h.prove("POST", "/token", nil)).json(t)["error"]
	}
	if got := try(); got != nil {
		t.Errorf("at once: %v", got)
	}
	w.move(2 * time.Minute)
	w.logIn("u1")
	if got := try(); got != nil {
		t.Errorf("two minutes later: %v", got)
	}
	w.move(2 * time.Minute)
	w.logIn("u1")
	if got := try(); got != "use_dpop_nonce" {
		t.Errorf("four minutes later: %v", got)
	}
	h.nonce = first
	w.move(-8 * time.Minute)
	if got := try(); got != "use_dpop_nonce" {
		t.Errorf("long before it was given: %v", got)
	}
}

func TestACodeGoesToTheKeyThatWasAskedFor(t *testing.T) {
	w := newWorld(t)
	h, other := w.holder(), w.holder()
	for name, code := range map[string]func() string{
		"dpop_jkt": func() string { return w.code("web", "dpop_jkt", h.thumbprint()) },
		"pushed with a proof": func() string {
			res := h.post("/par", pushing("web"))
			_, values := w.authorize(named("web", res.json(t)["request_uri"].(string))).location(t)
			return values.Get("code")
		},
	} {
		w.logIn("u1")
		given := code()
		if res := other.post("/token", redemption("web", given)); res.json(t)["error"] != "invalid_grant" {
			t.Errorf("%s: by another key: %d %s", name, res.StatusCode, res.body)
		}
		if res := w.token(redemption("web", given)); res.json(t)["error"] != "invalid_grant" {
			t.Errorf("%s: by none: %d %s", name, res.StatusCode, res.body)
		}
		if res := h.post("/token", redemption("web", given)); res.StatusCode != http.StatusOK {
			t.Errorf("%s: by the key: %d %s", name, res.StatusCode, res.body)
		}
	}
	h.nonce = other.nonce
	res := w.push(pushing("web", "dpop_jkt", other.thumbprint()), "DPoP", h.prove("POST", "/par", nil))
	wantError(t, res, http.StatusBadRequest, "invalid_dpop_proof")
}

func TestRefreshTokensOfPublicClientsAreBound(t *testing.T) {
	w := newWorld(t)
	h, other := w.holder(), w.holder()
	got := h.tokens("spa")
	for name, res := range map[string]answer{
		"without a proof": w.token(refreshing("spa", got["refresh_token"])),
		"by another key":  other.post("/token", refreshing("spa", got["refresh_token"])),
	} {
		if res.StatusCode != http.StatusBadRequest || res.json(t)["error"] != "invalid_grant" {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	res := h.post("/token", refreshing("spa", got["refresh_token"]))
	if res.StatusCode != http.StatusOK || res.json(t)["token_type"] != "DPoP" {
		t.Errorf("by its key: %d %s", res.StatusCode, res.body)
	}
	// A client that authenticates may take a new key (RFC 9449 §5).
	got = h.tokens("web")
	if res := other.post("/token", refreshing("web", got["refresh_token"])); res.StatusCode != http.StatusOK {
		t.Errorf("of a client with a secret: %d %s", res.StatusCode, res.body)
	}
}

func TestABoundTokenIsWorthNothingWithoutItsKey(t *testing.T) {
	w := newWorld(t)
	h, other := w.holder(), w.holder()
	got := h.tokens("web")
	bound, loose := got["access_token"], w.tokens("web")["access_token"]
	other.nonce = h.nonce
	get := func(header ...string) answer { return w.do(http.MethodGet, "/t/a/userinfo", nil, header...) }
	for name, c := range map[string]struct {
		res   answer
		error string
	}{
		"as a bearer's":              {get("Authorization", fmt.Sprint("Bearer ", bound)), "invalid_token"},
		"as a bearer's, with proof":  {get("Authorization", fmt.Sprint("Bearer ", bound), "DPoP", h.prove("GET", "/userinfo", map[string]any{"ath": athOf(bound)})), "invalid_token"},
		"without a proof":            {get("Authorization", fmt.Sprint("DPoP ", bound)), "invalid_dpop_proof"},
		"by another key":             {other.userinfo(bound, nil), "invalid_dpop_proof"},
		"with another token's hash":  {h.userinfo(bound, map[string]any{"ath": athOf(loose)}), "invalid_dpop_proof"},
		"without the token's hash":   {h.userinfo(bound, map[string]any{"ath": nil}), "invalid_dpop_proof"},
		"with the method of another": {h.userinfo(bound, map[string]any{"htm": "POST"}), "invalid_dpop_proof"},
		"without a nonce":            {h.userinfo(bound, map[string]any{"nonce": nil}), "use_dpop_nonce"},
		"one that is not bound":      {h.userinfo(loose, nil), "invalid_token"},
	} {
		challenge := c.res.Header.Get("WWW-Authenticate")
		if c.res.StatusCode != http.StatusUnauthorized || !strings.Contains(challenge, `error="`+c.error+`"`) {
			t.Errorf("%s: %d %s", name, c.res.StatusCode, challenge)
		}
		if dpop := strings.HasPrefix(challenge, `DPoP algs="`); dpop != (c.error != "invalid_token") {
			t.Errorf("%s: %s", name, challenge)
		}
	}
	if challenge := get().Header.Get("WWW-Authenticate"); !strings.Contains(challenge, "Bearer") || !strings.Contains(challenge, "DPoP") {
		t.Errorf("who sends nothing is told %q", challenge)
	}
}

func TestAPageMayProveItsKey(t *testing.T) {
	w := newWorld(t)
	const origin = "https://spa.example"
	res := w.do(http.MethodOptions, "/t/a/par", nil, "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "dpop")
	if res.Header.Get("Access-Control-Allow-Origin") != origin || !strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "DPoP") {
		t.Errorf("preflight: %v", res.Header)
	}
	h := w.holder()
	res = w.token(redemption("spa", w.code("spa")), "Origin", origin, "DPoP", h.prove("POST", "/token", nil))
	if res.json(t)["error"] != "use_dpop_nonce" || res.Header.Get("Access-Control-Allow-Origin") != origin ||
		!strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "DPoP-Nonce") || res.Header.Get("DPoP-Nonce") == "" {
		t.Errorf("%s %v", res.body, res.Header)
	}
}

func TestAProfileNarrowsWhatProofsAreSignedWith(t *testing.T) {
	w := newWorld(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	h := &holder{w: w, key: key, alg: jose.RS256}
	h.tokens("web")
	code := w.code("web")
	w.register(func(m *idp.ClientMetadata) {
		m.Profile, m.RequirePushedRequests, m.DPoPBoundTokens = idp.ProfileFAPI2, true, true
	})
	wantError(t, h.post("/token", redemption("web", code)), http.StatusBadRequest, "invalid_dpop_proof")
	h.alg = jose.PS256
	if res := h.post("/token", redemption("web", code)); res.StatusCode != http.StatusOK {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

func TestAFAPIClientsRefreshTokenStays(t *testing.T) {
	w := newWorld(t)
	h := w.holder()
	got := h.tokens("web")
	w.register(func(m *idp.ClientMetadata) {
		m.Profile, m.RequirePushedRequests, m.DPoPBoundTokens = idp.ProfileFAPI2, true, true
	})
	for range 3 {
		res := h.post("/token", refreshing("web", got["refresh_token"]))
		if res.StatusCode != http.StatusOK || res.json(t)["refresh_token"] != got["refresh_token"] {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		w.move(time.Hour)
	}
}
