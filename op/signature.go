package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// errNoSignature: no key that the client registered made this signature.
var errNoSignature = errors.New("not signed by the client")

// verifyByClient checks a signature with the client's registered keys, never
// with one that the text itself brings, and gives what was signed.
func (p *Provider) verifyByClient(ctx context.Context, c idp.Client, token string, algs []jose.SignatureAlgorithm) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, algs)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, errNoSignature
	}
	set, err := p.clientKeys(ctx, c)
	if err != nil {
		return nil, err
	}
	header := signed.Signatures[0].Protected
	for _, key := range set.Keys {
		fits := (header.KeyID == "" || key.KeyID == header.KeyID) && (key.Algorithm == "" || key.Algorithm == header.Algorithm) &&
			(key.Use == "" || key.Use == "sig") && key.IsPublic()
		if !fits {
			continue
		}
		if payload, err := signed.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, errNoSignature
}

// clientKeys are the keys that a client registered, by value or by URI.
func (p *Provider) clientKeys(ctx context.Context, c idp.Client) (jose.JSONWebKeySet, error) {
	raw := []byte(c.Metadata.JWKS)
	if len(raw) == 0 && c.Metadata.JWKSURI != "" && p.fetcher != nil {
		fetched, err := p.fetcher.Fetch(ctx, c.Metadata.JWKSURI)
		if err != nil {
			return jose.JSONWebKeySet{}, fmt.Errorf("%w: jwks_uri: %w", errNoSignature, err)
		}
		raw = fetched
	}
	if len(raw) == 0 {
		return jose.JSONWebKeySet{}, nil
	}
	// Keys of kinds that are not known here don't spoil the others.
	var listed struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &listed); err != nil || len(listed.Keys) > idp.MaxClientKeys {
		return jose.JSONWebKeySet{}, errors.Join(errNoSignature, err)
	}
	var set jose.JSONWebKeySet
	for _, one := range listed.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(one, &key) == nil {
			set.Keys = append(set.Keys, key)
		}
	}
	return set, nil
}
