package config

import (
	"errors"
	"fmt"
	"net/url"
)

// Certificates is how clients prove themselves by certificates (RFC 8705).
type Certificates struct {
	MTLSURL          string `name:"mtls-url" placeholder:"URL" help:"Another origin, where clients are asked for certificates: a name of its own, so that browsers are not." example:"https://mtls.login.example.com" group:"address"`
	ClientCertHeader string `name:"client-cert-header" placeholder:"NAME" help:"Header in which a trusted proxy names the client's certificate, as RFC 9440 or percent-encoded PEM. The proxy must take away what comes by that name." example:"Client-Cert" group:"network"`
	ClientCA         string `name:"client-ca" type:"path" placeholder:"FILE" help:"Authorities whose certificates count for tls_client_auth, in PEM." example:"/etc/postern/client-ca.pem" group:"network"`
}

// MTLS is the origin for certificates, checked; nil for none.
func (c Certificates) MTLS() (*url.URL, error) {
	if c.MTLSURL == "" {
		return nil, nil //nolint:nilnil // most installations have none
	}
	u, err := ParsePublicURL(c.MTLSURL)
	if err != nil || u.Scheme != "https" {
		return nil, fmt.Errorf("--mtls-url %q: use an https URL such as https://mtls.login.example.com", c.MTLSURL)
	}
	return u, nil
}

// validate checks the settings against whether certificates can be seen at all.
func (c Certificates) validate(ownTLS bool) error {
	if _, err := c.MTLS(); err != nil {
		return err
	}
	switch {
	case c.MTLSURL != "" && c.ClientCertHeader == "" && !ownTLS:
		return errors.New("--mtls-url needs --client-cert-header, which a proxy sets, or --tls-cert")
	case c.ClientCA != "" && c.ClientCertHeader == "" && c.MTLSURL == "":
		return errors.New("--client-ca needs --client-cert-header, or --mtls-url: else no certificate is ever seen")
	}
	return nil
}
