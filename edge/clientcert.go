package edge

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// maxCertificate is the longest header with a certificate that is looked at.
const maxCertificate = 16 << 10

// ClientCertificates finds out which certificate whoever calls has shown. Whether
// it is good for anything is for who asks; here it is only certain that the
// caller holds its key.
type ClientCertificates struct {
	// Header is what a trusted proxy names the certificate in; empty for none. The
	// proxy has to take away what a caller sends by that name.
	Header  string
	Trusted Proxies
}

// Read puts the certificate into the request's record: of our own TLS, or from a proxy.
func (c ClientCertificates) Read(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec, r := recorded(r)
		rec.certificate = c.of(r)
		next.ServeHTTP(w, r)
	})
}

func (c ClientCertificates) of(r *http.Request) *x509.Certificate {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return r.TLS.PeerCertificates[0]
	}
	values := r.Header.Values(c.Header)
	if c.Header == "" || len(values) != 1 || !c.Trusted.trust(peerOf(r)) {
		return nil
	}
	cert, err := parseCertificate(values[0])
	if err != nil {
		return nil // as good as none
	}
	return cert
}

// ClientCertificate gives the certificate that came with a request, or nil.
func ClientCertificate(ctx context.Context) *x509.Certificate {
	if rec := recordOf(ctx); rec != nil {
		return rec.certificate
	}
	return nil
}

// parseCertificate reads a certificate as proxies write them: RFC 9440 (Envoy,
// HAProxy, Caddy), PEM in percent-encoding (nginx, Apache), PEM without its
// first and last line (Traefik).
func parseCertificate(text string) (*x509.Certificate, error) {
	if len(text) > maxCertificate {
		return nil, fmt.Errorf("certificate of %d bytes", len(text))
	}
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	text = strings.TrimPrefix(strings.TrimSpace(text), "-----BEGIN CERTIFICATE-----")
	text = strings.TrimSuffix(text, "-----END CERTIFICATE-----")
	text = strings.Trim(strings.Join(strings.Fields(text), ""), ":")
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}
