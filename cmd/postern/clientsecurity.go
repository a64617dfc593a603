package main

import (
	"errors"

	"postern/idp"
)

// clientSecurity are the flags about what a client is held to.
type clientSecurity struct {
	Profile     string `name:"profile" enum:",fapi2_security,fapi2_message_signing" default:"" placeholder:"PROFILE" help:"Hold it to FAPI 2.0: fapi2_security, or fapi2_message_signing, whose requests are signed too. It needs --auth-method private_key_jwt or a certificate."`
	PushOnly    bool   `name:"require-par" help:"Refuse authorization requests that it has not pushed (RFC 9126)."`
	SignedOnly  bool   `name:"require-signed-requests" help:"Refuse authorization requests that it has not signed (RFC 9101)."`
	DPoP        bool   `name:"dpop-bound" help:"Give it only tokens that are bound to a key by DPoP (RFC 9449)."`
	TLSBound    bool   `name:"tls-bound" help:"Give it only tokens that are bound to its certificate (RFC 8705); with a profile, instead of DPoP."`
	ResponseAlg string `name:"response-alg" enum:",RS256,PS256,ES256,EdDSA" default:"" placeholder:"ALG" help:"What answers are signed with where it asks for response_mode=jwt (default: RS256; ES256 with a profile)."`
	SubjectDN   string `name:"tls-subject-dn" placeholder:"DN" help:"Subject of its certificate, for --auth-method tls_client_auth, as openssl x509 -subject -nameopt RFC2253 prints it."`
	DNS         string `name:"tls-san-dns" placeholder:"NAME" help:"DNS name in its certificate, for tls_client_auth."`
	URI         string `name:"tls-san-uri" placeholder:"URI" help:"URI in its certificate, for tls_client_auth."`
}

// harden writes the settings into a client's metadata.
func (c clientSecurity) harden(m *idp.ClientMetadata) error {
	m.Profile, m.ResponseAlg = idp.SecurityProfile(c.Profile), idp.Alg(c.ResponseAlg)
	m.RequirePushedRequests = c.PushOnly || m.FAPI()
	m.RequireSignedRequests = c.SignedOnly || m.Profile == idp.ProfileFAPI2Signed
	m.TLSBoundTokens = c.TLSBound
	m.DPoPBoundTokens = c.DPoP || m.FAPI() && !c.TLSBound
	m.CertificateNames = idp.CertificateNames{SubjectDN: c.SubjectDN, DNS: c.DNS, URI: c.URI}
	if m.FAPI() && m.NeedsSecret() {
		return errors.New("--profile needs --auth-method private_key_jwt, and --jwks-file or --jwks-uri; or a certificate")
	}
	return nil
}
