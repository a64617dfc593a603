package idp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// CertificateNames say which certificate of a trusted authority is the client's
// (RFC 8705 §2.1.2); exactly one of them is set.
type CertificateNames struct {
	SubjectDN string `json:"tls_client_auth_subject_dn,omitempty"`
	DNS       string `json:"tls_client_auth_san_dns,omitempty"`
	URI       string `json:"tls_client_auth_san_uri,omitempty"`
	IP        string `json:"tls_client_auth_san_ip,omitempty"`
	Email     string `json:"tls_client_auth_san_email,omitempty"`
}

func (n CertificateNames) given() []string {
	return slices.DeleteFunc([]string{n.SubjectDN, n.DNS, n.URI, n.IP, n.Email}, func(name string) bool { return name == "" })
}

func (m ClientMetadata) validateCertificates() error {
	byName := slices.Contains(m.AuthMethods, AuthTLS)
	switch n := len(m.given()); {
	case byName && n != 1:
		return errors.New("tls_client_auth needs exactly one of tls_client_auth_subject_dn, _san_dns, _san_uri, _san_ip and _san_email")
	case !byName && n > 0:
		return errors.New("the names of a certificate are for tls_client_auth")
	}
	if m.IP != "" {
		if _, err := netip.ParseAddr(m.IP); err != nil {
			return fmt.Errorf("tls_client_auth_san_ip: %w", err)
		}
	}
	return nil
}
