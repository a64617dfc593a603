package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/go-chi/chi/v5"

	"postern/config"
	"postern/op"
)

// mtls is how clients bring certificates.
type mtls struct {
	header string
	url    *url.URL
	cas    *x509.CertPool
}

func newMTLS(c config.Certificates) (mtls, error) {
	m := mtls{header: c.ClientCertHeader}
	var err error
	if m.url, err = c.MTLS(); err != nil || c.ClientCA == "" {
		return m, err
	}
	raw, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return m, fmt.Errorf("--client-ca: %w", err)
	}
	m.cas = x509.NewCertPool()
	if !m.cas.AppendCertsFromPEM(raw) {
		return m, errors.New("--client-ca: no certificate in it, in PEM")
	}
	return m, nil
}

// provider is what the provider has to know of it.
func (m mtls) provider() op.MTLS {
	out := op.MTLS{Read: m.header != "" || m.url != nil, CAs: m.cas}
	if m.url != nil {
		out.URL = m.url.String()
	}
	return out
}

// asking is the TLS of a server of our own: whoever calls the origin for
// certificates is asked for one, and nobody else. Which are good is settled later.
func (m mtls) asking(own *tls.Config) *tls.Config {
	if m.url == nil {
		return own
	}
	asks := own.Clone()
	asks.ClientAuth = tls.RequestClientCert
	own.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if strings.EqualFold(hello.ServerName, m.url.Hostname()) {
			return asks, nil
		}
		return own, nil
	}
	return own
}

// calls serves the origin for certificates, where there are no pages; every
// other host goes on.
func (a *app) calls(next http.Handler) http.Handler {
	r := chi.NewRouter()
	r.NotFound(a.guard.NotFound)
	r.MethodNotAllowed(a.guard.MethodNotAllowed)
	r.Route("/t/{tenant}", func(r chi.Router) {
		r.Use(a.guard.Calls)
		a.provider.Calls(r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if a.guard.AtCalls(q) {
			r.ServeHTTP(w, q)
			return
		}
		next.ServeHTTP(w, q)
	})
}
