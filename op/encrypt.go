package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// recipient is whom an answer is encrypted for; nil is nobody, and the answer
// stays as it is.
type recipient struct {
	key  jose.JSONWebKey
	with idp.Encryption
}

// errNoRecipient: the client's keys hold none to encrypt for.
var errNoRecipient = errors.New("no key to encrypt for")

// idTokenRecipient is whom a client's ID token will be encrypted for. It is asked
// for before a code or token is spent, so that a client's missing key costs it none.
func (p *Provider) idTokenRecipient(ctx context.Context, c idp.Client) (*recipient, error) {
	return findRecipient(ctx, p.fetcher, c, c.Metadata.OfIDTokens())
}

// findRecipient gives the client's own key, by value or from its jwks_uri. There
// it may be minutes old, as the client's server says; where none fits, it is
// fetched once more.
func findRecipient(ctx context.Context, fetcher Fetcher, c idp.Client, with idp.Encryption) (*recipient, error) {
	m := c.Metadata
	switch {
	case with.Alg == "":
		return nil, nil //nolint:nilnil // most clients want none
	case len(m.JWKS) > 0:
		return recipientIn(m.JWKS, with)
	case m.JWKSURI == "" || fetcher == nil:
		return nil, noRecipient(with, nil)
	}
	var last error
	for _, renew := range []bool{false, true} {
		set, err := fetcher.Cached(ctx, m.JWKSURI, renew)
		if err != nil {
			return nil, noRecipient(with, err)
		}
		found, err := recipientIn(set, with)
		if err == nil {
			return found, nil
		}
		last = err
	}
	return nil, last
}

func recipientIn(set []byte, with idp.Encryption) (*recipient, error) {
	for _, raw := range idp.EncryptionKeys(set, with.Alg) {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && key.Valid() && key.IsPublic() {
			return &recipient{key: key, with: with}, nil
		}
	}
	return nil, noRecipient(with, nil)
}

func noRecipient(with idp.Encryption, cause error) error {
	return invalidRequest("the client's keys cannot be read, or hold none to encrypt for by %s", with.Alg).because(errors.Join(errNoRecipient, cause))
}

// seal encrypts a token that is signed already (RFC 7519 §5.2): only the client
// can read it, and it can still tell who made it.
func (r *recipient) seal(token string) (string, error) {
	if r == nil {
		return token, nil
	}
	encrypter, err := jose.NewEncrypter(jose.ContentEncryption(r.with.Enc),
		jose.Recipient{Algorithm: jose.KeyAlgorithm(r.with.Alg), Key: &r.key}, new(jose.EncrypterOptions).WithContentType("JWT"))
	if err != nil {
		return "", fmt.Errorf("encrypt token: %w", err)
	}
	sealed, err := encrypter.Encrypt([]byte(token))
	if err != nil {
		return "", fmt.Errorf("encrypt token: %w", err)
	}
	return sealed.CompactSerialize()
}
