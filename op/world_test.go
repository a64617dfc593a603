package op_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-jose/go-jose/v4"

	"postern/idp"
	"postern/keys"
	"postern/op"
	"postern/templates"
)

const (
	publicURL  = "https://login.example"
	issuer     = publicURL + "/t/a"
	verifier   = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge  = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B
	webSecret  = "web-secret-0123456789abcdefghijklmnopqrstuv"
	webReturn  = "https://web.example/cb"
	spaReturn  = "https://spa.example/cb"
	otherOwner = "https://elsewhere.example"
)

// world is a provider with everything around it, driven over HTTP.
type world struct {
	t        *testing.T
	mu       sync.Mutex
	at       time.Time
	running  bool // with the wall clock
	store    *fakeStore
	sessions *fakeSessions
	limits   *fakeLimits
	settings func(*idp.TenantSettings) // changes every tenant's
	fetches  shelf                     // what the provider can fetch; nil means it cannot
	box      *keys.Box
	ring     *keys.Ring
	handler  http.Handler
	bare     http.Handler // as it is, without what a front adds
	mtls     op.MTLS
	provider *op.Provider
	log      *bytes.Buffer
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running {
		return time.Now()
	}
	return w.at
}

func (w *world) move(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(by)
}

// realTime lets the world's clock run with that of a synctest bubble.
func (w *world) realTime() { w.running = true }

// sharedKeys are made once: an RSA key takes a while.
var sharedKeys = sync.OnceValue(func() []idp.SigningKey {
	store := &fakeStore{}
	ring := keys.NewRing(store, testBox(), func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) })
	for _, t := range []idp.TenantID{"tenant-a", "tenant-b"} {
		if _, err := ring.JWKS(context.Background(), t); err != nil {
			panic(err)
		}
	}
	return store.keys
})

func testBox() *keys.Box {
	master, err := keys.ParseMaster(strings.Repeat("ab", 32))
	if err != nil {
		panic(err)
	}
	return keys.NewBox(master)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), box: testBox(), log: new(bytes.Buffer), limits: &fakeLimits{allowed: true}}
	w.store = &fakeStore{
		clients: map[idp.TenantID]map[idp.ClientID]idp.Client{"tenant-a": testClients("tenant-a"), "tenant-b": testClients("tenant-b")},
		users: map[idp.UserID]idp.User{
			"u1": {TenantID: "tenant-a", ID: "u1", Subject: "subject-1", Address: "ada@example.org", Verified: true},
			"u2": {TenantID: "tenant-a", ID: "u2", Subject: "subject-2", Address: "bob@example.org", Verified: true},
		},
		grants: map[idp.GrantID]*fakeGrant{}, ended: map[idp.SessionID]bool{}, saved: map[string]idp.StoredRequest{},
		keys: append([]idp.SigningKey(nil), sharedKeys()...),
	}
	w.sessions = &fakeSessions{store: w.store}
	w.ring = keys.NewRing(w.store, w.box, w.now)
	w.start()
	return w
}

// allPages are made once: they are the same for every test.
var allPages = sync.OnceValues(templates.New)

// start makes the provider anew, as a restart does.
func (w *world) start() {
	w.t.Helper()
	pages, err := allPages()
	if err != nil {
		w.t.Fatal(err)
	}
	config := op.Config{
		PublicURL: publicURL, Store: w.store, Keys: w.ring, Sealer: w.box, Sessions: w.sessions, Limits: w.limits,
		MTLS: w.mtls, Pages: pages, Clock: w.now, Log: slog.New(slog.NewTextHandler(&lockedWriter{to: w.log}, nil)),
	}
	if w.fetches != nil {
		config.Fetcher = w.fetches
	}
	provider, err := op.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.provider = provider
	r := chi.NewRouter()
	r.Route("/t/{tenant}", func(r chi.Router) {
		r.Use(w.guard)
		provider.Routes(r)
	})
	r.With(w.guard).Handle("/.well-known/oauth-authorization-server/t/{tenant}", http.HandlerFunc(provider.Metadata))
	w.bare, w.handler = r, r
}

type lockedWriter struct {
	mu sync.Mutex
	to *bytes.Buffer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(b)
}

func (world *world) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		slug := chi.URLParam(r, "tenant")
		t := idp.Tenant{ID: idp.TenantID("tenant-" + slug), Slug: slug, Name: "Tenant " + slug, Settings: idp.TenantSettings{APIs: testAPIs}}
		if world.settings != nil {
			world.settings(&t.Settings)
		}
		next.ServeHTTP(w, r.WithContext(idp.WithTenant(r.Context(), t)))
	})
}

// testAPIs are every tenant's.
var testAPIs = []idp.API{
	{Resource: "https://api.example", Scopes: []string{"read", "write"}},
	{Resource: "https://api.example/a"},
	{Resource: "https://api.example/b"},
	{Resource: "https://strict.example", Scopes: []string{"pay"}, AccessTokenAlg: idp.EdDSA, TokenLife: idp.Duration(5 * time.Minute)},
	{Resource: "urn:example:opaque", Scopes: []string{"look"}, Opaque: true, TokenLife: idp.Duration(12 * time.Hour)},
}

func testClients(t idp.TenantID) map[idp.ClientID]idp.Client {
	both := []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken}
	secret := []idp.AuthMethod{idp.AuthBasic, idp.AuthPost}
	digests := []idp.Digest{idp.DigestOf([]byte("an older secret")), idp.DigestOf([]byte(webSecret))}
	out := map[idp.ClientID]idp.Client{}
	for id, m := range map[idp.ClientID]idp.ClientMetadata{
		"web": {
			Name: "Web", AuthMethods: secret, GrantTypes: both, RedirectURIs: []string{webReturn, "https://web.example/cb?fixed=1"},
			PostLogoutRedirectURIs: []string{"https://web.example/bye"},
		},
		"spa": {
			Name: "Spa", AuthMethods: []idp.AuthMethod{idp.AuthNone}, GrantTypes: both,
			RedirectURIs: []string{spaReturn}, Origins: []string{"https://other.spa.example"},
		},
		"third":  {Name: "Third", AuthMethods: secret, GrantTypes: both, RedirectURIs: []string{webReturn}, ThirdParty: true},
		"strict": {Name: "Strict", AuthMethods: []idp.AuthMethod{idp.AuthPost}, GrantTypes: both, RedirectURIs: []string{webReturn}, PKCE: idp.PKCERequired},
		"short":  {Name: "Short", AuthMethods: secret, GrantTypes: []string{idp.GrantAuthorizationCode}, RedirectURIs: []string{webReturn}, IDTokenAlg: idp.ES256, AccessTokenAlg: idp.RS256},
		"rs":     {Name: "Resource", AuthMethods: secret},
		"machine": {
			Name: "Machine", AuthMethods: secret, GrantTypes: []string{idp.GrantClientCredentials},
			Scopes: []string{"read", "pay", "look"},
		},
		"pair": {
			Name: "Pair", AuthMethods: secret, GrantTypes: both, RedirectURIs: []string{webReturn},
			SubjectType: idp.SubjectPairwise, OpaqueTokens: true,
		},
		"modern": {
			Name: "Modern", AuthMethods: secret, GrantTypes: both, RedirectURIs: []string{webReturn},
			IDTokenAlg: idp.EdDSA, AccessTokenAlg: idp.PS256, UserinfoAlg: idp.PS256, DefaultResource: "https://api.example", Scopes: []string{"read"},
		},
		"native": {Name: "Native", AuthMethods: []idp.AuthMethod{idp.AuthNone}, GrantTypes: both, RedirectURIs: []string{"http://127.0.0.1/cb"}},
	} {
		c := idp.Client{TenantID: t, ID: id, Metadata: m}
		if !c.Public() {
			c.Secrets = digests
		}
		out[id] = c
	}
	return out
}

// answer is a response, read.
type answer struct {
	*http.Response
	body string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("status %d, body %q: %v", a.StatusCode, a.body, err)
	}
	return out
}

// location gives the redirect's target without its parameters, and those.
func (a answer) location(t *testing.T) (string, url.Values) {
	t.Helper()
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d, not 303: %s", a.StatusCode, a.body)
	}
	target := a.Header.Get("Location")
	at := strings.IndexAny(target, "?#")
	if at < 0 {
		return target, url.Values{}
	}
	values, err := url.ParseQuery(target[at+1:])
	if err != nil {
		t.Fatal(err)
	}
	return target[:at], values
}

// do sends a request; a nil form means none.
func (w *world) do(method, target string, form url.Values, header ...string) answer {
	w.t.Helper()
	var r *http.Request
	if form != nil {
		r = httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		r = httptest.NewRequest(method, target, nil)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	res := rec.Result()
	return answer{Response: res, body: rec.Body.String()}
}

// logIn gives the browser a session.
func (w *world) logIn(user idp.UserID) {
	w.sessions.session = &idp.Session{
		TenantID: "tenant-a", ID: idp.SessionID(idp.NewID(w.now())), UserID: user, AuthTime: w.now(),
		ACR: idp.ACRLink, AMR: []string{"email"}, Expires: w.now().Add(idp.SessionLife),
	}
}

// request is a good authorization request of a client, changed as wanted: an
// empty value takes a parameter out.
func request(client string, changes ...string) url.Values {
	uri := webReturn
	switch client {
	case "spa":
		uri = spaReturn
	case "native":
		uri = "http://127.0.0.1:5000/cb"
	}
	form := url.Values{
		"client_id": {client}, "redirect_uri": {uri}, "response_type": {"code"}, "scope": {"openid email offline_access"},
		"state": {"the state"}, "nonce": {"the nonce"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(changes); i += 2 {
		form.Del(changes[i])
		if changes[i+1] != "" {
			form.Set(changes[i], changes[i+1])
		}
	}
	return form
}

func (w *world) authorize(form url.Values) answer {
	w.t.Helper()
	return w.do(http.MethodGet, "/t/a/authorize?"+form.Encode(), nil)
}

// code logs in, asks by SSO and gives the code.
func (w *world) code(client string, changes ...string) string {
	w.t.Helper()
	if w.sessions.session == nil {
		w.logIn("u1")
	}
	_, values := w.authorize(request(client, changes...)).location(w.t)
	if values.Get("code") == "" {
		w.t.Fatalf("no code: %v", values)
	}
	return values.Get("code")
}

// redemption is a good token request of a client for a code, with changes.
func redemption(client, code string, changes ...string) url.Values {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {client},
		"redirect_uri": {request(client).Get("redirect_uri")}, "code_verifier": {verifier},
	}
	if client != "spa" && client != "native" {
		form.Set("client_secret", webSecret)
	}
	for i := 0; i < len(changes); i += 2 {
		form.Del(changes[i])
		if changes[i+1] != "" {
			form.Set(changes[i], changes[i+1])
		}
	}
	return form
}

func (w *world) token(form url.Values, header ...string) answer {
	w.t.Helper()
	return w.do(http.MethodPost, "/t/a/token", form, header...)
}

// tokens are those of a fresh login at a client.
func (w *world) tokens(client string, changes ...string) map[string]any {
	w.t.Helper()
	res := w.token(redemption(client, w.code(client, changes...)))
	if res.StatusCode != http.StatusOK {
		w.t.Fatalf("status %d: %s", res.StatusCode, res.body)
	}
	return res.json(w.t)
}

func refreshing(client string, refresh any, changes ...string) url.Values {
	form := redemption(client, "", append([]string{
		"grant_type", "refresh_token", "refresh_token", fmt.Sprint(refresh), "redirect_uri", "", "code_verifier", "", "code", "",
	}, changes...)...)
	return form
}

func secretOf(client string) url.Values {
	return url.Values{"client_id": {client}, "client_secret": {webSecret}}
}

func with(form url.Values, changes ...string) url.Values {
	form = maps.Clone(form)
	for i := 0; i < len(changes); i += 2 {
		form[changes[i]] = []string{changes[i+1]}
	}
	return form
}

// claimsOf verifies a token with the published keys, as a relying party does.
func (w *world) claimsOf(token any, typ string, alg jose.SignatureAlgorithm) map[string]any {
	w.t.Helper()
	signed, err := jose.ParseSignedCompact(fmt.Sprint(token), []jose.SignatureAlgorithm{alg})
	if err != nil {
		w.t.Fatal(err)
	}
	header := signed.Signatures[0].Protected
	if header.ExtraHeaders["typ"] != typ {
		w.t.Errorf("typ %v, not %s", header.ExtraHeaders["typ"], typ)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(w.do(http.MethodGet, "/t/a/jwks", nil).body), &set); err != nil {
		w.t.Fatal(err)
	}
	found := set.Key(header.KeyID)
	if len(found) != 1 {
		w.t.Fatalf("key id %q is %d times in the JWKS", header.KeyID, len(found))
	}
	payload, err := signed.Verify(found[0])
	if err != nil {
		w.t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		w.t.Fatal(err)
	}
	return claims
}

// forge signs claims with a tenant's real key, as only a fault of ours could.
func (w *world) forge(tenant idp.TenantID, alg idp.Alg, typ string, claims map[string]any) string {
	w.t.Helper()
	signer, err := w.ring.Signer(w.t.Context(), tenant, alg)
	if err != nil {
		w.t.Fatal(err)
	}
	encode := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			w.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	input := encode(map[string]any{"alg": alg, "kid": signer.KID(), "typ": typ}) + "." + encode(claims)
	signature, err := signer.Sign([]byte(input))
	if err != nil {
		w.t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// wantError checks an OAuth error's status, code and headers.
func wantError(t *testing.T, res answer, status int, code string) {
	t.Helper()
	if res.StatusCode != status {
		t.Errorf("status %d, want %d: %s", res.StatusCode, status, res.body)
		return
	}
	if got := res.json(t)["error"]; got != code {
		t.Errorf("error %v, want %s: %s", got, code, res.body)
	}
	if res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", res.Header.Get("Cache-Control"))
	}
	if challenged := res.Header.Get("WWW-Authenticate") != ""; challenged != (status == http.StatusUnauthorized) && status != http.StatusForbidden && status != http.StatusBadRequest {
		t.Errorf("status %d with WWW-Authenticate %q", status, res.Header.Get("WWW-Authenticate"))
	}
}
