package op_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/edge"
	"postern/idp"
	"postern/op"
)

// authority makes certificates.
type authority struct {
	w    *world
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func (w *world) authority() *authority {
	w.t.Helper()
	a := &authority{w: w}
	a.cert, a.key = a.issue(func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		c.Subject = pkix.Name{CommonName: "Authority"}
	})
	return a
}

// issue makes a certificate; the first one is the authority's own.
func (a *authority) issue(change func(*x509.Certificate)) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.w.t.Fatal(err)
	}
	now := a.w.now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		Subject:     pkix.Name{CommonName: "app", Organization: []string{"Example Ltd"}, Country: []string{"DE"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"app.example"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, EmailAddresses: []string{"app@example.org"},
		URIs: []*url.URL{{Scheme: "https", Host: "app.example", Path: "/id"}},
	}
	change(template)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.w.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.w.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) app() *x509.Certificate {
	cert, _ := a.issue(func(*x509.Certificate) {})
	return cert
}

// shows sends every request of the world with a certificate; nil with none.
func (w *world) shows(cert *x509.Certificate) {
	handler := w.bare
	read := edge.ClientCertificates{Header: "Client-Cert", Trusted: edge.Proxies{netip.MustParsePrefix("192.0.2.0/24")}}.Read(handler)
	w.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.WithoutCancel(r.Context()))
		if cert != nil {
			r.Header.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString(cert.Raw)+":")
		}
		read.ServeHTTP(rw, r) // httptest's peer is 192.0.2.1
	})
}

// withMTLS gives a world that reads certificates, and trusts an authority.
func withMTLS(t *testing.T) (*world, *authority) {
	t.Helper()
	w := newWorld(t)
	a := w.authority()
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	w.mtls = op.MTLS{Read: true, CAs: pool, URL: "https://mtls.example"}
	w.start()
	return w, a
}

func thumbprintOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// byCertificate makes "web" a client without a secret.
func (w *world) byCertificate(change func(*idp.ClientMetadata)) {
	c := w.store.clients["tenant-a"]["web"]
	c.Secrets = nil
	change(&c.Metadata)
	if err := c.Validate(); err != nil {
		w.t.Fatal(err)
	}
	w.store.clients["tenant-a"]["web"] = c
}

func certified(form url.Values) url.Values {
	form.Del("client_secret")
	return form
}

func TestAClientProvesItselfByACertificateOfATrustedAuthority(t *testing.T) {
	w, a := withMTLS(t)
	good := a.app()
	for name, names := range map[string]idp.CertificateNames{
		"subject":         {SubjectDN: "CN=app,O=Example Ltd,C=DE"},
		"spaced subject":  {SubjectDN: "CN=app, O=Example Ltd, C = DE"},
		"DNS name":        {DNS: "APP.example"},
		"URI":             {URI: "https://app.example/id"},
		"address":         {IP: "192.0.2.1"},
		"mail address":    {Email: "app@example.org"},
		"another subject": {SubjectDN: "CN=app,O=Example,C=DE"},
		"another name":    {DNS: "example"},
	} {
		w.byCertificate(func(m *idp.ClientMetadata) {
			m.AuthMethods, m.CertificateNames = []idp.AuthMethod{idp.AuthTLS}, names
		})
		w.shows(good)
		res := w.token(certified(redemption("web", w.code("web"))))
		if want := !strings.HasPrefix(name, "another"); (res.StatusCode == http.StatusOK) != want {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	w.byCertificate(func(m *idp.ClientMetadata) { m.CertificateNames = idp.CertificateNames{DNS: "app.example"} })
	expired, _ := a.issue(func(c *x509.Certificate) { c.NotAfter = w.now().Add(-time.Minute) })
	server, _ := a.issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	for name, cert := range map[string]*x509.Certificate{
		"none": nil, "another authority's": w.authority().app(), "an expired one": expired, "a server's": server,
	} {
		w.shows(cert)
		if res := w.token(certified(redemption("web", w.code("web")))); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	w.shows(good)
	w.mtls.CAs = nil
	w.start()
	w.shows(good)
	wantError(t, w.token(certified(redemption("web", w.code("web")))), http.StatusUnauthorized, "invalid_client")
}

func keySetOf(t *testing.T, certs ...*x509.Certificate) []byte {
	t.Helper()
	keys := []map[string]any{}
	for _, cert := range certs {
		keys = append(keys, map[string]any{"kty": "EC", "x5c": [][]byte{cert.Raw}})
	}
	set, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestAClientProvesItselfByACertificateThatItRegistered(t *testing.T) {
	w, a := withMTLS(t)
	first, second, other := a.app(), a.app(), a.app()
	expired, _ := a.issue(func(c *x509.Certificate) { c.NotAfter = w.now().Add(-time.Minute) })
	w.byCertificate(func(m *idp.ClientMetadata) {
		m.AuthMethods, m.JWKS = []idp.AuthMethod{idp.AuthSelfSignedTLS}, keySetOf(t, first, second, expired)
	})
	for cert, want := range map[*x509.Certificate]int{
		first: http.StatusOK, second: http.StatusOK, other: http.StatusUnauthorized, expired: http.StatusUnauthorized, nil: http.StatusUnauthorized,
	} {
		w.shows(cert)
		if res := w.token(certified(redemption("web", w.code("web")))); res.StatusCode != want {
			t.Errorf("%d, want %d: %s", res.StatusCode, want, res.body)
		}
	}
	w.fetches = shelf{"https://web.example/jwks": string(keySetOf(t, first)), "https://web.example/jwks renewed": string(keySetOf(t, other))}
	w.start()
	w.byCertificate(func(m *idp.ClientMetadata) { m.JWKS, m.JWKSURI = nil, "https://web.example/jwks" })
	for cert, want := range map[*x509.Certificate]int{first: http.StatusOK, other: http.StatusOK, second: http.StatusUnauthorized} {
		w.shows(cert)
		if res := w.token(certified(redemption("web", w.code("web")))); res.StatusCode != want {
			t.Errorf("by URI: %d, want %d: %s", res.StatusCode, want, res.body)
		}
	}
}

func TestTokensAreBoundToTheCertificateOfTheirConnection(t *testing.T) {
	w, a := withMTLS(t)
	cert, other := a.app(), a.app()
	for _, id := range []idp.ClientID{"web", "spa"} {
		c := w.store.clients["tenant-a"][id]
		c.Metadata.TLSBoundTokens = true
		w.store.clients["tenant-a"][id] = c
	}
	w.shows(nil)
	wantError(t, w.token(redemption("web", w.code("web"))), http.StatusBadRequest, "invalid_request")
	w.shows(cert)
	got := w.tokens("web")
	claims := w.claimsOf(got["access_token"], "at+jwt", jose.ES256)
	if cnf, _ := claims["cnf"].(map[string]any); cnf["x5t#S256"] != thumbprintOf(cert) || got["token_type"] != "Bearer" {
		t.Errorf("%v %v", got["token_type"], claims["cnf"])
	}
	told := w.do(http.MethodPost, "/t/a/introspect", with(secretOf("rs"), "token", got["access_token"].(string))).json(t)
	if cnf, _ := told["cnf"].(map[string]any); cnf["x5t#S256"] != thumbprintOf(cert) {
		t.Errorf("introspection: %v", told)
	}
	spa := w.tokens("spa")
	for shown, want := range map[*x509.Certificate]int{cert: http.StatusOK, other: http.StatusUnauthorized, nil: http.StatusUnauthorized} {
		w.shows(shown)
		res := w.do(http.MethodGet, "/t/a/userinfo", nil, "Authorization", "Bearer "+got["access_token"].(string))
		if res.StatusCode != want {
			t.Errorf("userinfo: %d, want %d", res.StatusCode, want)
		}
	}
	w.shows(other)
	wantError(t, w.token(refreshing("spa", spa["refresh_token"])), http.StatusBadRequest, "invalid_grant") // RFC 8705 §4
	w.shows(cert)
	if res := w.token(refreshing("spa", spa["refresh_token"])); res.StatusCode != http.StatusOK {
		t.Errorf("by its certificate: %d %s", res.StatusCode, res.body)
	}
}

func TestMetadataTellOfCertificatesWhereTheyAreRead(t *testing.T) {
	w, _ := withMTLS(t)
	const alias = "https://mtls.example/t/a"
	doc := w.do(http.MethodGet, "/t/a/.well-known/openid-configuration", nil).json(t)
	aliases, _ := doc["mtls_endpoint_aliases"].(map[string]any)
	for name, want := range map[string]string{
		"token_endpoint": alias + "/token", "userinfo_endpoint": alias + "/userinfo", "introspection_endpoint": alias + "/introspect",
		"revocation_endpoint": alias + "/revoke", "pushed_authorization_request_endpoint": alias + "/par",
	} {
		if aliases[name] != want {
			t.Errorf("%s: %v", name, aliases[name])
		}
	}
	methods, _ := json.Marshal(doc["token_endpoint_auth_methods_supported"])
	if doc["tls_client_certificate_bound_access_tokens"] != true || !strings.Contains(string(methods), `"self_signed_tls_client_auth","tls_client_auth"`) {
		t.Errorf("%v %s", doc["tls_client_certificate_bound_access_tokens"], methods)
	}
	// A proof, and an assertion, may name the endpoint where they are sent to.
	h := w.holder()
	res := w.token(redemption("web", w.code("web")), "DPoP", h.prove("POST", "/token", map[string]any{"htu": alias + "/token"}))
	if res.json(t)["error"] != "use_dpop_nonce" {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	plain := newWorld(t).do(http.MethodGet, "/t/a/.well-known/openid-configuration", nil).json(t)
	if plain["mtls_endpoint_aliases"] != nil || plain["tls_client_certificate_bound_access_tokens"] != nil {
		t.Error("told where none are read")
	}
}
