package idp_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"postern/idp"
)

func rsaKey(bytes int, more string) string {
	return `{"kty":"RSA","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\xff", bytes))) + `"` + more + `}`
}

const ecKey = `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"`

func TestAnAnswerIsEncryptedForAKeyThatIsForIt(t *testing.T) {
	for name, c := range map[string]struct {
		alg  idp.KeyAlg
		keys []string
		want []int
	}{
		"an RSA key":                     {"RSA-OAEP-256", []string{rsaKey(256, "")}, []int{0}},
		"one that says so goes first":    {"RSA-OAEP-256", []string{rsaKey(256, ""), rsaKey(256, `,"use":"enc"`)}, []int{1, 0}},
		"a short one":                    {"RSA-OAEP-256", []string{rsaKey(128, "")}, nil},
		"one to sign with":               {"RSA-OAEP-256", []string{rsaKey(256, `,"use":"sig"`)}, nil},
		"one for another algorithm":      {"RSA-OAEP-256", []string{rsaKey(256, `,"alg":"RSA-OAEP"`), rsaKey(256, `,"alg":"RS256"`)}, nil},
		"one of another kind":            {"RSA-OAEP-256", []string{ecKey + "}"}, nil},
		"a curve":                        {"ECDH-ES+A256KW", []string{rsaKey(256, ""), ecKey + `,"alg":"ECDH-ES+A256KW"}`}, []int{1}},
		"a curve that is not known here": {"ECDH-ES", []string{`{"kty":"OKP","crv":"X25519","x":"AA"}`, `{"kty":"EC","crv":"secp256k1"}`}, nil},
		"what is no key":                 {"ECDH-ES", []string{`"x"`, ecKey + "}"}, []int{1}},
	} {
		got := idp.EncryptionKeys([]byte(`{"keys":[`+strings.Join(c.keys, ",")+`]}`), c.alg)
		if len(got) != len(c.want) {
			t.Errorf("%s: %d keys", name, len(got))
			continue
		}
		for i, at := range c.want {
			if string(got[i]) != c.keys[at] {
				t.Errorf("%s: place %d has %s", name, i, got[i])
			}
		}
	}
	many := `{"keys":[` + strings.TrimSuffix(strings.Repeat(ecKey+"},", 21), ",") + `]}`
	if got := idp.EncryptionKeys([]byte(many), "ECDH-ES"); got != nil {
		t.Errorf("of a set without end: %d", len(got))
	}
}

func TestEncryptionThatCannotBeIsRefusedAtRegistration(t *testing.T) {
	set := func(keys ...string) json.RawMessage {
		return json.RawMessage(`{"keys":[` + strings.Join(keys, ",") + `]}`)
	}
	for name, c := range map[string]struct {
		change func(*idp.ClientMetadata)
		says   string
	}{
		"RSA1_5":     {func(m *idp.ClientMetadata) { m.IDTokenKeyAlg, m.JWKS = "RSA1_5", set(rsaKey(256, "")) }, "RSA-OAEP-256"},
		"RSA-OAEP":   {func(m *idp.ClientMetadata) { m.IDTokenKeyAlg, m.JWKS = "RSA-OAEP", set(rsaKey(256, "")) }, "RSA-OAEP-256"},
		"the secret": {func(m *idp.ClientMetadata) { m.IDTokenKeyAlg, m.JWKS = "A128KW", set(rsaKey(256, "")) }, "RSA-OAEP-256"},
		"dir":        {func(m *idp.ClientMetadata) { m.IDTokenKeyAlg, m.JWKS = "dir", set(rsaKey(256, "")) }, "RSA-OAEP-256"},
		"an odd enc": {func(m *idp.ClientMetadata) {
			m.IDTokenKeyAlg, m.IDTokenEnc, m.JWKSURI = "ECDH-ES", "A192GCM", "https://a.example/k"
		}, "A128CBC-HS256"},
		"enc alone":     {func(m *idp.ClientMetadata) { m.IDTokenEnc = "A128GCM" }, "needs id_token_encrypted_response_alg"},
		"no keys":       {func(m *idp.ClientMetadata) { m.IDTokenKeyAlg = "ECDH-ES" }, "jwks or jwks_uri"},
		"no fitting":    {func(m *idp.ClientMetadata) { m.IDTokenKeyAlg, m.JWKS = "ECDH-ES", set(rsaKey(256, "")) }, "no key for ECDH-ES"},
		"unsigned":      {func(m *idp.ClientMetadata) { m.UserinfoKeyAlg, m.JWKS = "ECDH-ES", set(ecKey+"}") }, "userinfo_signed_response_alg"},
		"a good one":    {func(m *idp.ClientMetadata) { m.IDTokenKeyAlg, m.JWKS = "ECDH-ES", set(ecKey+"}") }, ""},
		"keys by a URI": {func(m *idp.ClientMetadata) { m.IDTokenKeyAlg, m.JWKSURI = "RSA-OAEP-256", "https://a.example/k" }, ""},
		"both answers": {func(m *idp.ClientMetadata) {
			m.IDTokenKeyAlg, m.UserinfoKeyAlg, m.UserinfoAlg, m.JWKS = "ECDH-ES", "RSA-OAEP-256", idp.ES256, set(ecKey+"}", rsaKey(256, ""))
		}, ""},
	} {
		client := idp.Client{ID: "c", Secrets: []idp.Digest{idp.DigestOf([]byte("x"))}, Metadata: idp.ClientMetadata{
			Name: "C", AuthMethods: []idp.AuthMethod{idp.AuthBasic}, GrantTypes: []string{idp.GrantAuthorizationCode}, RedirectURIs: []string{"https://a.example/cb"},
		}}
		c.change(&client.Metadata)
		err := client.Validate()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, err := idp.ParseRegistration([]byte(`{"id_token_encrypted_response_alg":"ECDH-ES"}`))
	if err != nil || m.IDTokenEnc != idp.DefaultEnc || m.UserinfoEnc != "" {
		t.Errorf("what is left out: %q %q %v", m.IDTokenEnc, m.UserinfoEnc, err)
	}
}
