package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/e2e/harness"
)

// documents is a web server on which clients publish their metadata.
type documents struct {
	*httptest.Server
	mu     sync.Mutex
	served map[string]http.HandlerFunc
	hits   map[string]int
}

// newDocuments serves over https, with a certificate that the program started
// after it trusts.
func newDocuments(t *testing.T) *documents {
	t.Helper()
	d := &documents{served: map[string]http.HandlerFunc{}, hits: map[string]int{}}
	d.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		d.hits[r.URL.Path]++
		serve, ok := d.served[r.URL.Path]
		d.mu.Unlock()
		if !ok {
			serve = http.NotFound
		}
		serve(w, r)
	}))
	t.Cleanup(d.Close)
	file := filepath.Join(t.TempDir(), "roots.pem")
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.Certificate().Raw})
	if err := os.WriteFile(file, root, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
	return d
}

func (d *documents) at(path string, serve http.HandlerFunc) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.served[path] = serve
	return d.URL + path
}

func (d *documents) hit(path string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hits[path]
}

// publish puts a client's metadata at a path, with changes; a nil takes a member out.
func (d *documents) publish(t *testing.T, path string, changes map[string]any) string {
	t.Helper()
	metadata := map[string]any{
		"client_id": d.URL + path, "client_name": "Notebook", "redirect_uris": []string{callback},
		"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "none",
	}
	maps.Copy(metadata, changes)
	maps.DeleteFunc(metadata, func(_ string, value any) bool { return value == nil })
	body, err := json.Marshal(metadata)
	if err != nil {
		t.Fatal(err)
	}
	return d.at(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
}

// An app that nobody has registered signs somebody in: its id is the URL of its
// metadata.
func TestAClientByTheURLOfItsMetadataSignsIn(t *testing.T) {
	d := newDocuments(t)
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	if metadata(t, s)["client_id_metadata_document_supported"] != true {
		t.Error("not in the metadata")
	}
	for name, document := range map[string]map[string]any{
		"public": nil, "with a key": newKeyIn(t),
	} {
		t.Run(name, func(t *testing.T) {
			key, _ := document["key"].(*ecdsa.PrivateKey)
			published := maps.Clone(document)
			delete(published, "key")
			path := "/" + strings.ReplaceAll(name, " ", "-") + ".json"
			c := client{t: t, server: s, ID: d.publish(t, path, published)}
			l := &login{t: t, client: c, browser: newBrowser(t), request: c.request(), address: newAddress()}
			page := l.browser.Get(l.request.url)
			for _, want := range []string{"Notebook", strings.TrimPrefix(d.URL, "https://")} {
				if !strings.Contains(page.Body, want) {
					t.Errorf("the login page lacks %q", want)
				}
			}
			l.waiting = postAddress(t, l.browser, page, l.address)
			if mail := l.mail(); !strings.Contains(mail.Subject+mail.Text, "Notebook") {
				t.Errorf("the mail does not name the app: %s\n%s", mail.Subject, mail.Text)
			}
			consent := press(t, l.browser, l.browser.Get(l.mail().Link), "/auth/verify")
			if key == nil { // a public client's login ends in the waiting tab
				consent = press(t, l.browser, consent, "/auth/finish")
			}
			code := l.code(press(t, l.browser, consent, "/auth/consent"))
			tokens := redeemDocument(t, l, code, key)
			if got := claimsOf(t, tokens["id_token"].(string)); got["aud"] != c.ID || got["email"] != l.address {
				t.Errorf("ID token: %v", got)
			}
			again := proven(t, c, key, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}})
			if status, answer := (client{t: t, server: s, ID: c.ID}).token(again); status != http.StatusOK {
				t.Errorf("refresh: %d %v", status, answer)
			}
			if silent := l.browser.Get(c.request("prompt", "none").url); silent.URL.Query().Get("code") == "" {
				t.Errorf("the consent was not remembered: %s", silent.URL.Redacted())
			}
			if got := d.hit(path); got != 1 {
				t.Errorf("the document was fetched %d times in one minute", got)
			}
		})
	}
	if listed := string(s.Run(t, "client", "list", "--tenant", "demo")); !strings.Contains(listed, d.URL+"/public.json") {
		t.Errorf("client list does not show it:\n%s", listed)
	}
}

// newKeyIn is metadata of a client that proves itself by a key, with the key.
func newKeyIn(t *testing.T) map[string]any {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), Algorithm: "ES256", Use: "sig"}}}
	return map[string]any{"key": key, "token_endpoint_auth_method": "private_key_jwt", "jwks": set}
}

// claimsOf reads a JWT without a look at its signature.
func claimsOf(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err == nil {
		err = json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func redeemDocument(t *testing.T, l *login, code string, key *ecdsa.PrivateKey) map[string]any {
	t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {l.request.verifier}}
	if key != nil {
		if status, answer := l.client.token(form); status != http.StatusUnauthorized {
			t.Errorf("without its key: %d %v", status, answer)
		}
	}
	status, tokens := l.client.token(proven(t, l.client, key, form))
	if status != http.StatusOK {
		t.Fatalf("token endpoint: %d %v", status, tokens)
	}
	return tokens
}

// proven adds the client's assertion, if it has a key.
func proven(t *testing.T, c client, key *ecdsa.PrivateKey, form url.Values) url.Values {
	t.Helper()
	if key == nil {
		return form
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": c.ID, "sub": c.ID, "aud": c.server.Issuer, "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion)
	return form
}

// A document that breaks a rule makes no client: the person sees a page that
// says so, and goes nowhere.
func TestDocumentsThatMakeNoClient(t *testing.T) {
	d := newDocuments(t)
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	for name, changes := range map[string]map[string]any{
		"another client_id":           {"client_id": d.URL + "/another"},
		"no client_id":                {"client_id": nil},
		"a secret":                    {"client_secret": "0123456789abcdef0123456789abcdef"},
		"a secret's end":              {"client_secret_expires_at": 0},
		"client_secret_basic":         {"token_endpoint_auth_method": "client_secret_basic"},
		"client_secret_post":          {"token_endpoint_auth_method": "client_secret_post"},
		"private_key_jwt and no key":  {"token_endpoint_auth_method": "private_key_jwt"},
		"a private key":               {"token_endpoint_auth_method": "private_key_jwt", "jwks": map[string]any{"keys": []any{map[string]any{"kty": "OKP", "crv": "Ed25519", "x": "eA", "d": "eA"}}}},
		"client_credentials":          {"grant_types": []string{"authorization_code", "client_credentials"}},
		"no redirect URI":             {"redirect_uris": nil},
		"a redirect URI over http":    {"redirect_uris": []string{callback, "http://app.example/"}},
		"a redirect URI, not a list":  {"redirect_uris": callback},
		"another redirect URI":        {"redirect_uris": []string{callback + "/"}},
		"a redirect URI with more":    {"redirect_uris": []string{callback + "?x"}},
		"a script as its home":        {"client_uri": "javascript:alert(1)"},
		"more redirect URIs than may": {"redirect_uris": manyURIs()},
	} {
		path := "/" + url.PathEscape(strings.ReplaceAll(name, " ", "-"))
		refusesDocument(t, s, name, d.publish(t, path, changes))
	}
	good := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"client_id":"x"}`)) }
	for name, serve := range map[string]http.HandlerFunc{
		"not found":        http.NotFound,
		"no JSON":          func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"a list":           func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("[]")) },
		"an empty answer":  func(http.ResponseWriter, *http.Request) {},
		"a redirect":       func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"created":          func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusCreated); good(w, r) },
		"a very large one": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) },
	} {
		refusesDocument(t, s, name, d.at("/"+strings.ReplaceAll(name, " ", "-"), serve))
	}
	if n := d.hit("/elsewhere"); n > 0 {
		t.Error("a redirect was followed")
	}
	fetched := d.publish(t, "/client", nil)
	for name, id := range map[string]string{
		"http":            strings.Replace(fetched, "https:", "http:", 1),
		"upper case":      strings.Replace(fetched, "https:", "HTTPS:", 1),
		"no path":         d.URL,
		"a fragment":      fetched + "#x",
		"dot segments":    d.URL + "/a/../client",
		"hidden dots":     d.URL + "/a/%2e%2E/client",
		"a user":          strings.Replace(fetched, "https://", "https://x@", 1),
		"a long one":      fetched + "?" + strings.Repeat("x", 600),
		"a control":       fetched + "?a\x01b",
		"a local address": "https://169.254.169.254/client",
	} {
		refusesDocument(t, s, name, id)
	}
	if n := d.hit("/client"); n > 0 {
		t.Errorf("a URL that is none of a document was fetched %d times", n)
	}
	s.Run(t, "tenant", "set", "demo", "client_documents=off")
	time.Sleep(time.Second) // within which what a command changes counts
	refusesDocument(t, s, "switched off", fetched)
	if n := d.hit("/client"); n > 0 || metadata(t, s)["client_id_metadata_document_supported"] != nil {
		t.Errorf("switched off: fetched %d times, metadata say %v", n, metadata(t, s)["client_id_metadata_document_supported"])
	}
}

func manyURIs() []string {
	uris := []string{callback}
	for range 20 {
		uris = append(uris, "https://app.example/"+rand.Text())
	}
	return uris
}

func refusesDocument(t *testing.T, s *harness.Server, name, id string) {
	t.Helper()
	page := newBrowser(t).Get((client{t: t, server: s, ID: id}).request().url)
	if page.Status != http.StatusBadRequest || strings.HasPrefix(page.URL.String(), callback) || len(page.Forms()) > 0 {
		t.Errorf("%s: status %d at %s", name, page.Status, page.URL.Redacted())
	}
	answer, body := ask(t, http.MethodPost, s.Issuer+"/token", url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "client_id": {id}})
	if name != "another redirect URI" && name != "a redirect URI with more" && answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("%s: token endpoint: %d %s", name, answer.StatusCode, body)
	}
}

// A failure is not remembered, and what a stranger calls itself is made harmless.
func TestADocumentCountsAsSoonAsItIsRight(t *testing.T) {
	d := newDocuments(t)
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	for _, c := range []struct{ given, shown string }{
		{"Notebook", "Notebook"},
		{"Note\u202ebook\n  Plus", "Note book Plus"},
		{"visit evil.example", "App of 127 0 0 1"},
		{"", "App of 127 0 0 1"},
		{strings.Repeat("ä", 100), strings.Repeat("ä", 64)},
	} {
		path := "/" + rand.Text()
		id := d.at(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		refusesDocument(t, s, "a host that fails", id)
		d.publish(t, path, map[string]any{"redirect_uris": "none"})
		refusesDocument(t, s, "a document with a fault", id)
		d.publish(t, path, map[string]any{"client_name": c.given})
		page := newBrowser(t).Get((client{t: t, server: s, ID: id}).request().url)
		if page.Status != http.StatusOK || !strings.Contains(page.Body, c.shown) || strings.Contains(page.Body, "evil.example") {
			t.Errorf("%q: status %d, not shown as %q:\n%s", c.given, page.Status, c.shown, page.Body)
		}
	}
}

// Whoever names many documents is stopped before they are a flood at somebody
// else's; what is fetched already is still served.
func TestDocumentsAreFetchedWithinTheCallersLimits(t *testing.T) {
	d := newDocuments(t)
	s := harness.StartFor(t, binary, "--limits", "default")
	known := client{t: t, server: s, ID: d.publish(t, "/known", nil)}.request().url
	if answer, body := ask(t, http.MethodGet, known, nil); answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("a good document: %d %s", answer.StatusCode, body)
	}
	unknown := client{t: t, server: s, ID: d.URL + "/unknown"}.request().url
	const most = 300 // attempts in a minute
	for i := 1; i < most; i++ {
		if answer, _ := ask(t, http.MethodGet, unknown, nil); answer.StatusCode != http.StatusBadRequest {
			t.Fatalf("fetch %d: status %d", i+1, answer.StatusCode)
		}
	}
	answer, _ := ask(t, http.MethodGet, unknown, nil)
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") == "" {
		t.Errorf("one more: status %d, Retry-After %q", answer.StatusCode, answer.Header.Get("Retry-After"))
	}
	if got := d.hit("/unknown"); got != most-1 {
		t.Errorf("fetched %d times, want %d", got, most-1)
	}
	if answer, body := ask(t, http.MethodGet, known, nil); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("a document that is known: %d %s", answer.StatusCode, body)
	}
}
