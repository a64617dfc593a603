package main

import (
	"errors"
	"slices"

	"postern/idp"
)

// clientSecurity are the flags about what a client is held to.
type clientSecurity struct {
	Profile     string `name:"profile" enum:",fapi2_security,fapi2_message_signing" default:"" placeholder:"PROFILE" help:"Hold it to FAPI 2.0: fapi2_security, or fapi2_message_signing, whose requests are signed too. It needs --auth-method private_key_jwt."`
	PushOnly    bool   `name:"require-par" help:"Refuse authorization requests that it has not pushed (RFC 9126)."`
	SignedOnly  bool   `name:"require-signed-requests" help:"Refuse authorization requests that it has not signed (RFC 9101)."`
	DPoP        bool   `name:"dpop-bound" help:"Give it only tokens that are bound to a key by DPoP (RFC 9449)."`
	ResponseAlg string `name:"response-alg" enum:",RS256,PS256,ES256,EdDSA" default:"" placeholder:"ALG" help:"What answers are signed with where it asks for response_mode=jwt (default: RS256; ES256 with a profile)."`
}

// harden writes the settings into a client's metadata.
func (c clientSecurity) harden(m *idp.ClientMetadata) error {
	m.Profile, m.ResponseAlg = idp.SecurityProfile(c.Profile), idp.Alg(c.ResponseAlg)
	m.RequirePushedRequests = c.PushOnly || m.FAPI()
	m.RequireSignedRequests = c.SignedOnly || m.Profile == idp.ProfileFAPI2Signed
	m.DPoPBoundTokens = c.DPoP || m.FAPI()
	if m.FAPI() && !slices.Equal(m.AuthMethods, []idp.AuthMethod{idp.AuthPrivateKey}) {
		return errors.New("--profile needs --auth-method private_key_jwt, and --jwks-file or --jwks-uri")
	}
	return nil
}
