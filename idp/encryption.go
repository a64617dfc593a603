package idp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// KeyAlg is how the key of an encrypted answer is brought to its client (JWE alg,
// RFC 7518 §4.1).
type KeyAlg string

// Enc is how the answer is encrypted under that key (JWE enc, RFC 7518 §5.1).
type Enc string

// KeyAlgs and Encs are all that there are. RSA1_5 is not among them: it can be
// made an oracle (RFC 8725 §3.2), nor is what a client's secret would be the key of.
var (
	KeyAlgs = []KeyAlg{"RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"}
	Encs    = []Enc{DefaultEnc, "A256CBC-HS512", "A128GCM", "A256GCM"}
)

// DefaultEnc is what OpenID Connect Registration §2 says where a client names none.
const DefaultEnc Enc = "A128CBC-HS256"

// Encryption is how one kind of answer is encrypted; the zero value is not at all.
type Encryption struct {
	Alg KeyAlg
	Enc Enc
}

// ResponseEncryption is what a client registered to get encrypted (OpenID Connect
// Registration §2).
type ResponseEncryption struct {
	IDTokenKeyAlg  KeyAlg `json:"id_token_encrypted_response_alg,omitempty"`
	IDTokenEnc     Enc    `json:"id_token_encrypted_response_enc,omitempty"`
	UserinfoKeyAlg KeyAlg `json:"userinfo_encrypted_response_alg,omitempty"`
	UserinfoEnc    Enc    `json:"userinfo_encrypted_response_enc,omitempty"`
}

// OfIDTokens is how its ID tokens are encrypted, and its logout tokens with them
// (Back-Channel Logout §2.5).
func (r ResponseEncryption) OfIDTokens() Encryption {
	return encryptionOf(r.IDTokenKeyAlg, r.IDTokenEnc)
}

// OfUserinfo is how its userinfo answers are encrypted.
func (r ResponseEncryption) OfUserinfo() Encryption {
	return encryptionOf(r.UserinfoKeyAlg, r.UserinfoEnc)
}

func encryptionOf(alg KeyAlg, enc Enc) Encryption {
	if alg != "" && enc == "" {
		enc = DefaultEnc
	}
	return Encryption{alg, enc}
}

func (e Encryption) validate(what string) error {
	switch {
	case e.Alg == "" && e.Enc != "":
		return fmt.Errorf("%s_encrypted_response_enc needs %[1]s_encrypted_response_alg", what)
	case e.Alg != "" && !slices.Contains(KeyAlgs, e.Alg):
		return fmt.Errorf("%s_encrypted_response_alg %q: one of %s", what, e.Alg, joined(KeyAlgs))
	case e.Alg != "" && !slices.Contains(Encs, e.Enc):
		return fmt.Errorf("%s_encrypted_response_enc %q: one of %s", what, e.Enc, joined(Encs))
	default:
		return nil
	}
}

func joined[T ~string](all []T) string {
	texts := make([]string, 0, len(all))
	for _, one := range all {
		texts = append(texts, string(one))
	}
	return strings.Join(texts, ", ")
}

// validateEncryption checks the algorithms, and that there is a key to encrypt
// for, or a place to look for one.
func (m ClientMetadata) validateEncryption() error {
	for what, e := range map[string]Encryption{"id_token": m.OfIDTokens(), "userinfo": m.OfUserinfo()} {
		if err := e.validate(what); err != nil {
			return err
		}
		switch {
		case e.Alg == "" || m.JWKSURI != "":
		case len(m.JWKS) == 0:
			return fmt.Errorf("%s_encrypted_response_alg needs the client's public keys: jwks or jwks_uri", what)
		case len(EncryptionKeys(m.JWKS, e.Alg)) == 0:
			return fmt.Errorf("%s_encrypted_response_alg: jwks holds no key for %s", what, e.Alg)
		}
	}
	// Whoever has the public key can encrypt: an answer that is not signed, too,
	// would be anybody's.
	if m.UserinfoKeyAlg != "" && m.UserinfoAlg == "" {
		return errors.New("userinfo_encrypted_response_alg needs userinfo_signed_response_alg")
	}
	return nil
}

// EncryptionKeys gives the keys of a JSON Web Key Set that an answer can be
// encrypted for, those that say that they are for it first (RFC 7517 §4.2, §4.4).
func EncryptionKeys(set []byte, alg KeyAlg) []json.RawMessage {
	var listed struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(set, &listed) != nil || len(listed.Keys) > MaxClientKeys {
		return nil
	}
	var meant, others []json.RawMessage
	for _, raw := range listed.Keys {
		var key encryptionKey
		switch {
		case json.Unmarshal(raw, &key) != nil || !key.fits(alg):
		case key.Use == "enc":
			meant = append(meant, raw)
		default:
			others = append(others, raw)
		}
	}
	return append(meant, others...)
}

// encryptionKey is what tells whether a public key is one to encrypt for.
type encryptionKey struct {
	Type  string `json:"kty"`
	Use   string `json:"use"`
	Alg   KeyAlg `json:"alg"`
	Curve string `json:"crv"`
	N     string `json:"n"`
}

// minModulus is in bytes (RFC 7518 §4.3).
const minModulus = 256

func (k encryptionKey) fits(alg KeyAlg) bool {
	if k.Use != "" && k.Use != "enc" || k.Alg != "" && k.Alg != alg {
		return false
	}
	if alg == "RSA-OAEP-256" {
		n, err := base64.RawURLEncoding.DecodeString(k.N)
		return k.Type == "RSA" && err == nil && len(n) >= minModulus
	}
	return k.Type == "EC" && slices.Contains([]string{"P-256", "P-384", "P-521"}, k.Curve)
}
