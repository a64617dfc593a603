package edge_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"postern/edge"
)

func TestACertificateCountsFromOurOwnTLSOrATrustedProxy(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(der)
	armored := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	const proxy, stranger = "10.0.0.1:1", "192.0.2.1:1"
	read := edge.ClientCertificates{Header: "Client-Cert", Trusted: edge.Proxies{netip.MustParsePrefix("10.0.0.0/8")}}
	for name, c := range map[string]struct {
		by     edge.ClientCertificates
		peer   string
		header []string
		tls    bool
		found  bool
	}{
		"as RFC 9440 has it":         {by: read, peer: proxy, header: []string{":" + text + ":"}, found: true},
		"as nginx escapes it":        {by: read, peer: proxy, header: []string{url.PathEscape(armored)}, found: true},
		"as Apache folds it":         {by: read, peer: proxy, header: []string{strings.ReplaceAll(armored, "\n", " ")}, found: true},
		"as Traefik cuts it":         {by: read, peer: proxy, header: []string{text}, found: true},
		"of our own TLS":             {by: read, peer: stranger, tls: true, found: true},
		"of our own TLS, not forged": {by: read, peer: stranger, tls: true, header: []string{"x"}, found: true},
		"from a stranger":            {by: read, peer: stranger, header: []string{":" + text + ":"}},
		"twice":                      {by: read, peer: proxy, header: []string{text, text}},
		"garbage":                    {by: read, peer: proxy, header: []string{":AAAA:"}},
		"empty":                      {by: read, peer: proxy, header: []string{""}},
		"too long":                   {by: read, peer: proxy, header: []string{strings.Repeat("A", 20<<10)}},
		"where no header is set":     {by: edge.ClientCertificates{Trusted: edge.Proxies{netip.MustParsePrefix("10.0.0.0/8")}}, peer: proxy, header: []string{text}},
		"where no proxy is trusted":  {by: edge.ClientCertificates{Header: "Client-Cert"}, peer: proxy, header: []string{text}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		for _, value := range c.header {
			r.Header.Add("Client-Cert", value)
		}
		if c.tls {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
		}
		var got *x509.Certificate
		c.by.Read(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = edge.ClientCertificate(r.Context()) })).
			ServeHTTP(httptest.NewRecorder(), r)
		if (got != nil && got.Equal(cert)) != c.found {
			t.Errorf("%s: %v", name, got != nil)
		}
	}
}
