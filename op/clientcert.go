package op

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"postern/edge"
	"postern/idp"
)

// errCertificate is wrapped by every reason not to take a certificate for the
// client's; it is for the log alone.
var errCertificate = errors.New("client certificate")

// certificateMethods are the ways to authenticate by the certificate of the
// connection (RFC 8705 §2).
var certificateMethods = []idp.AuthMethod{idp.AuthTLS, idp.AuthSelfSignedTLS}

// byCertificate tells whether a client proves itself by nothing but its
// connection.
func byCertificate(c idp.Client) bool {
	return slices.ContainsFunc(c.Metadata.AuthMethods, func(m idp.AuthMethod) bool { return slices.Contains(certificateMethods, m) })
}

// proveCertificate tells whether the connection's certificate is the client's:
// one that it registered itself, or one of a trusted authority that bears the
// name it registered. errCertificate if not.
func (p *Provider) proveCertificate(ctx context.Context, c idp.Client) error {
	cert := edge.ClientCertificate(ctx)
	if cert == nil {
		return fmt.Errorf("%w: there is none", errCertificate)
	}
	if slices.Contains(c.Metadata.AuthMethods, idp.AuthSelfSignedTLS) {
		return p.registered(ctx, c, cert)
	}
	if p.clientCAs == nil {
		return fmt.Errorf("%w: no authority is trusted here", errCertificate)
	}
	_, err := cert.Verify(x509.VerifyOptions{
		Roots: p.clientCAs, CurrentTime: p.clock(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errCertificate, err)
	}
	if !bears(cert, c.Metadata.CertificateNames) {
		return fmt.Errorf("%w: it bears another name", errCertificate)
	}
	return nil
}

// bears tells whether a certificate has the one name that is given (RFC 8705 §2.1.2).
func bears(cert *x509.Certificate, n idp.CertificateNames) bool {
	switch {
	case n.SubjectDN != "":
		return plainDN(cert.Subject.String()) == plainDN(n.SubjectDN)
	case n.DNS != "":
		return slices.ContainsFunc(cert.DNSNames, func(name string) bool { return strings.EqualFold(name, n.DNS) })
	case n.URI != "":
		return slices.ContainsFunc(cert.URIs, func(u *url.URL) bool { return u.String() == n.URI })
	case n.IP != "":
		want, err := netip.ParseAddr(n.IP)
		return err == nil && slices.ContainsFunc(cert.IPAddresses, func(ip net.IP) bool {
			got, ok := netip.AddrFromSlice(ip)
			return ok && got.Unmap() == want.Unmap()
		})
	default:
		return n.Email != "" && slices.Contains(cert.EmailAddresses, n.Email)
	}
}

// plainDN takes out the spaces that RFC 4514 has none of and many tools write.
func plainDN(dn string) string {
	for _, mark := range []string{",", "+", "="} {
		parts := strings.Split(dn, mark)
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		dn = strings.Join(parts, mark)
	}
	return dn
}

// registered tells whether a certificate is one of those in the client's key set
// (RFC 8705 §2.2.2). A set at a jwks_uri that does not have it is read once more.
func (p *Provider) registered(ctx context.Context, c idp.Client, cert *x509.Certificate) error {
	now := p.clock()
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return fmt.Errorf("%w: not now", errCertificate)
	}
	if len(c.Metadata.JWKS) > 0 {
		return amongThem(c.Metadata.JWKS, cert)
	}
	if c.Metadata.JWKSURI == "" || p.fetcher == nil {
		return fmt.Errorf("%w: none is registered", errCertificate)
	}
	var err error
	for _, renew := range []bool{false, true} {
		set, fetchErr := p.fetcher.Cached(ctx, c.Metadata.JWKSURI, renew)
		if fetchErr != nil {
			return fmt.Errorf("%w: jwks_uri: %w", errCertificate, fetchErr)
		}
		if err = amongThem(set, cert); err == nil {
			return nil
		}
	}
	return err
}

func amongThem(set []byte, cert *x509.Certificate) error {
	var listed struct {
		Keys []struct {
			Chain [][]byte `json:"x5c"` // of standard base64, as JSON has bytes
		} `json:"keys"`
	}
	if err := json.Unmarshal(set, &listed); err != nil || len(listed.Keys) > idp.MaxClientKeys {
		return fmt.Errorf("%w: key set: %w", errCertificate, err)
	}
	for _, key := range listed.Keys {
		if len(key.Chain) > 0 && bytes.Equal(key.Chain[0], cert.Raw) {
			return nil
		}
	}
	return fmt.Errorf("%w: another one than those registered", errCertificate)
}

// certificateThumbprint is x5t#S256 (RFC 8705 §3.1), empty without a certificate.
func certificateThumbprint(ctx context.Context) string {
	cert := edge.ClientCertificate(ctx)
	if cert == nil {
		return ""
	}
	sum := sha256.Sum256(cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// confirmation is what a client's tokens are bound to: the key it has proven,
// and the certificate of the connection where it registered for that.
func confirmation(ctx context.Context, c idp.Client) idp.Confirmation {
	out := callOf(ctx).key.confirmation()
	if c.Metadata.TLSBoundTokens {
		out.X5T = certificateThumbprint(ctx)
	}
	return out
}
