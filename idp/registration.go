package idp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// RegistrationToken is an initial access token (RFC 7591 §1.2): it lets its
// holder register some clients, for some time.
type RegistrationToken struct {
	TenantID  TenantID
	ID        string
	Digest    Digest
	Uses      int // how many are left
	CreatedAt time.Time
	Expires   time.Time
}

// Logo is a client's picture as it is served here: encoded anew, never the
// bytes that were fetched.
type Logo struct {
	TenantID TenantID
	ClientID ClientID
	// Source is the logo_uri it was fetched from.
	Source string
	PNG    []byte
}

// registrable are the members that may come from outside, by their registered
// names. Whatever else there is in ClientMetadata is the operator's alone: a
// new setting cannot be registered until it is named here.
var registrable = []string{
	"client_name", "grant_types", "redirect_uris", "post_logout_redirect_uris", "response_types", "application_type", "contacts",
	"id_token_signed_response_alg", "userinfo_signed_response_alg", "request_object_signing_alg", "request_uris",
	"jwks", "jwks_uri", "token_endpoint_auth_signing_alg", "software_id", "software_version",
	"client_uri", "logo_uri", "policy_uri", "tos_uri", "initiate_login_uri", "subject_type", "sector_identifier_uri",
	"default_max_age", "require_auth_time", "default_acr_values",
	"backchannel_logout_uri", "backchannel_logout_session_required", "frontchannel_logout_uri", "frontchannel_logout_session_required",
	"require_pushed_authorization_requests", "dpop_bound_access_tokens",
	"tls_client_certificate_bound_access_tokens", "tls_client_auth_subject_dn", "tls_client_auth_san_dns",
	"tls_client_auth_san_uri", "tls_client_auth_san_ip", "tls_client_auth_san_email",
	"require_signed_request_object", "authorization_signed_response_alg",
	"id_token_encrypted_response_alg", "id_token_encrypted_response_enc", "userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc",
}

// methodMember is the one way to authenticate that RFC 7591 metadata name.
const methodMember = "token_endpoint_auth_method"

// ParseRegistration reads client metadata as RFC 7591 §2 writes them, with its
// defaults filled in. What is not known is ignored; what is known and of a
// wrong type is an error. It does not validate.
func ParseRegistration(raw []byte) (ClientMetadata, error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil || given == nil {
		return ClientMetadata{}, errors.New("client metadata are one JSON object")
	}
	known := make(map[string]json.RawMessage, len(registrable))
	for _, name := range registrable {
		if value, ok := given[name]; ok && !bytes.Equal(value, []byte("null")) {
			known[name] = value
		}
	}
	var m ClientMetadata
	encoded, err := json.Marshal(known)
	if err != nil {
		return m, fmt.Errorf("client metadata: %w", err)
	}
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(encoded, &m); errors.As(err, &wrong) {
		return m, fmt.Errorf("%s: not a %s", wrong.Field, wrong.Value)
	} else if err != nil {
		return m, fmt.Errorf("client metadata: %w", err)
	}
	method := AuthBasic
	if value, ok := given[methodMember]; ok && json.Unmarshal(value, &method) != nil {
		return m, errors.New(methodMember + ": not a string")
	}
	m.AuthMethods = []AuthMethod{method}
	m.fillIn()
	return m, nil
}

// fillIn sets the defaults of RFC 7591 §2 and the profile that two members ask for.
func (m *ClientMetadata) fillIn() {
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{GrantAuthorizationCode}
	}
	if len(m.ResponseTypes) == 0 && slices.Contains(m.GrantTypes, GrantAuthorizationCode) {
		m.ResponseTypes = []string{"code"}
	}
	m.IDTokenEnc, m.UserinfoEnc = m.OfIDTokens().Enc, m.OfUserinfo().Enc
	switch {
	case !m.RequirePushedRequests || !m.boundTokens():
	case m.RequireSignedRequests:
		m.Profile = ProfileFAPI2Signed
	default:
		m.Profile = ProfileFAPI2
	}
}

// Registered writes metadata as RFC 7591 §3.2.1 has them, without what is the
// operator's alone.
func (m ClientMetadata) Registered() (map[string]json.RawMessage, error) {
	encoded, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("client metadata: %w", err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &all); err != nil {
		return nil, fmt.Errorf("client metadata: %w", err)
	}
	out := make(map[string]json.RawMessage, len(registrable)+1)
	for _, name := range registrable {
		if value, ok := all[name]; ok {
			out[name] = value
		}
	}
	if len(m.AuthMethods) > 0 {
		out[methodMember], err = json.Marshal(m.AuthMethods[0])
	}
	return out, err
}
