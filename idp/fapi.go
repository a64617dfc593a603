package idp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ProfiledAlgs are those that FAPI lets anything be signed with (FAPI 2.0
// Security Profile §5.4.1).
var ProfiledAlgs = []Alg{PS256, ES256, EdDSA}

// FAPI tells whether the client is held to FAPI 2.0.
func (m ClientMetadata) FAPI() bool {
	return m.Profile == ProfileFAPI2 || m.Profile == ProfileFAPI2Signed
}

// boundTokens tells whether its tokens are worth nothing without a key.
func (m ClientMetadata) boundTokens() bool { return m.DPoPBoundTokens || m.TLSBoundTokens }

// profiledMethods are how a client of the profile may prove itself (FAPI 2.0
// Security Profile §5.3.3.1).
var profiledMethods = []AuthMethod{AuthPrivateKey, AuthTLS, AuthSelfSignedTLS}

// validateFAPI refuses, of a client of the profile, what the profile forbids
// (FAPI 2.0 Security Profile §5.3.2, Message Signing §5.3).
func (m ClientMetadata) validateFAPI() error {
	if !m.FAPI() {
		return nil
	}
	profile := string(m.Profile)
	switch {
	case !m.RequirePushedRequests || !m.boundTokens():
		return errors.New("profile " + profile + ": with pushed authorization requests and bound tokens only")
	case m.Profile == ProfileFAPI2Signed && !m.RequireSignedRequests:
		return errors.New("profile " + profile + ": with signed request objects only")
	case m.PKCE == PKCEOptional:
		return errors.New("profile " + profile + ": with PKCE only")
	}
	for _, method := range m.AuthMethods {
		if !slices.Contains(profiledMethods, method) {
			return fmt.Errorf("profile %s: a client proves itself by private_key_jwt or its certificate, not by %s", profile, method)
		}
	}
	for what, alg := range map[string]Alg{
		"id_token_signed_response_alg": m.IDTokenAlg, "access tokens": m.AccessTokenAlg, "userinfo_signed_response_alg": m.UserinfoAlg,
		"request_object_signing_alg": m.RequestObjectAlg, "authorization_signed_response_alg": m.ResponseAlg,
		"token_endpoint_auth_signing_alg": m.AssertionAlg,
	} {
		if alg != "" && !slices.Contains(ProfiledAlgs, alg.Usual()) {
			return fmt.Errorf("profile %s: %s is PS256, ES256 or EdDSA, not %s", profile, what, alg)
		}
	}
	for _, uri := range m.RedirectURIs {
		// http is for apps on the person's own machine, by an address that no name
		// server has a say in (FAPI 2.0 Security Profile §5.3.2.2, RFC 8252 §7.3).
		if strings.HasPrefix(uri, "http://") && !loopbackPort.MatchString(uri) {
			return fmt.Errorf("profile %s: %w %q: https", profile, ErrRedirectURI, uri)
		}
	}
	return nil
}
