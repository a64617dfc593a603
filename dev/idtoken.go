package dev

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// idToken is a verified ID token, decoded for people.
type idToken struct {
	Header, Claims string // pretty JSON
	Checks         []check
	raw, subject   string
}

// check is one thing that was verified.
type check struct{ What, How string }

// verify checks all that OpenID Connect Core §3.1.3.7 asks. An empty nonce is
// that of a refresh, where none is sent.
func (rp *relyingParty) verify(ctx context.Context, d *discovered, raw, nonce, accessToken string) (idToken, error) {
	verifier := d.provider.VerifierContext(rp.with(ctx), &oidc.Config{ClientID: rp.cfg.WebClientID, Now: rp.cfg.Clock})
	verified, err := verifier.Verify(rp.with(ctx), raw)
	if err != nil {
		return idToken{}, err
	}
	header, claims, err := decode(raw)
	if err != nil {
		return idToken{}, err
	}
	checks := []check{
		{"Signature", fmt.Sprintf("%s, by key %s of the provider's JWKS", header.Alg, header.KID)},
		{"iss", verified.Issuer},
		{"aud", strings.Join(verified.Audience, ", ")},
		{"exp", "still to come: " + verified.Expiry.UTC().Format("2006-01-02 15:04:05 MST")},
	}
	if nonce != "" {
		if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1 {
			return idToken{}, errors.New("nonce is not the one that was sent")
		}
		checks = append(checks, check{"nonce", "the one this app sent"})
	}
	if verified.AccessTokenHash != "" {
		if err := verified.VerifyAccessToken(accessToken); err != nil {
			return idToken{}, err
		}
		checks = append(checks, check{"at_hash", "belongs to the access token"})
	}
	return idToken{
		Header: pretty(header.raw), Claims: pretty(claims), Checks: checks,
		raw: raw, subject: verified.Subject,
	}, nil
}

type joseHeader struct {
	Alg string `json:"alg"`
	KID string `json:"kid"`
	raw []byte
}

func decode(token string) (joseHeader, []byte, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return joseHeader{}, nil, errors.New("not three parts")
	}
	var h joseHeader
	var err error
	if h.raw, err = base64.RawURLEncoding.DecodeString(parts[0]); err != nil {
		return h, nil, fmt.Errorf("header: %w", err)
	}
	if err = json.Unmarshal(h.raw, &h); err != nil {
		return h, nil, fmt.Errorf("header: %w", err)
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return h, nil, fmt.Errorf("claims: %w", err)
	}
	return h, claims, nil
}

func pretty(raw []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}
