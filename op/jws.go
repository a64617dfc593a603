package op

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// Types of tokens, as their JOSE header names them (RFC 7515 §4.1.9). They keep
// one kind from being taken for another.
const (
	typeIDToken     = "JWT"
	typeAccessToken = "at+jwt" // RFC 9068 §2.1
	typeUserinfo    = "userinfo+jwt"

	typeIntrospection = "token-introspection+jwt" // RFC 9701 §5
)

// maxToken is the longest token that is looked at.
const maxToken = 8 << 10

// verified are the algorithms that our own tokens may be signed with.
var verified = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}

// errNoToken: this is no token of the tenant's, or not of the type asked for.
var errNoToken = errors.New("not a token of this issuer")

// sign makes a token: the claims, signed once with the tenant's active key.
func (p *Provider) sign(ctx context.Context, t idp.TenantID, alg idp.Alg, typ string, claims any) (string, error) {
	return sign(ctx, p.keys, t, alg, typ, claims)
}

func sign(ctx context.Context, keys Keys, t idp.TenantID, alg idp.Alg, typ string, claims any) (string, error) {
	signer, err := keys.Signer(ctx, t, alg)
	if err != nil {
		return "", fmt.Errorf("signing key: %w", err)
	}
	header, err := json.Marshal(struct {
		Alg idp.Alg `json:"alg"`
		KID string  `json:"kid"`
		Typ string  `json:"typ"`
	}{signer.Alg(), signer.KID(), typ})
	if err != nil {
		return "", fmt.Errorf("token header: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("token claims: %w", err)
	}
	encoding := base64.RawURLEncoding
	token := make([]byte, 0, encoding.EncodedLen(len(header)+len(payload)+256)+8)
	token = encoding.AppendEncode(token, header)
	token = append(token, '.')
	token = encoding.AppendEncode(token, payload)
	signature, err := signer.Sign(token)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	token = append(token, '.')
	return string(encoding.AppendEncode(token, signature)), nil
}

// open verifies a token's signature, algorithm and type with the tenant's own
// keys and reads its claims. It says nothing of issuer and time. Whatever is
// wrong with the token is errNoToken; other errors are the store's.
func (p *Provider) open(ctx context.Context, t idp.TenantID, token, typ string, claims any) error {
	if token == "" || len(token) > maxToken {
		return errNoToken
	}
	signed, err := jose.ParseSignedCompact(token, verified)
	if err != nil || len(signed.Signatures) != 1 {
		return errNoToken
	}
	header := signed.Signatures[0].Protected
	got, _ := header.ExtraHeaders[jose.HeaderType].(string)
	if !strings.EqualFold(got, typ) || header.JSONWebKey != nil || header.KeyID == "" {
		return errNoToken
	}
	key, err := p.keys.Find(ctx, t, header.KeyID)
	if errors.Is(err, idp.ErrNotFound) {
		return errors.Join(errNoToken, err)
	}
	if err != nil {
		return fmt.Errorf("verification key: %w", err)
	}
	if string(key.Alg) != header.Algorithm {
		return errNoToken
	}
	payload, err := signed.Verify(key.Key)
	if err != nil || json.Unmarshal(payload, claims) != nil {
		return errNoToken
	}
	return nil
}

// audience is one value or several (RFC 7519 §4.1.3).
type audience []string

// MarshalJSON writes one value as text: some readers know no other form.
func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

func (a audience) has(value string) bool { return slices.Contains(a, value) }
