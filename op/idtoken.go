package op

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"

	"postern/idp"
)

// idClaims are those of an ID token (OpenID Connect Core §2, §3.1.3.6).
type idClaims struct {
	Issuer     string        `json:"iss"`
	Subject    string        `json:"sub"`
	Audience   audience      `json:"aud"`
	Expires    int64         `json:"exp"`
	IssuedAt   int64         `json:"iat"`
	AuthTime   int64         `json:"auth_time"`
	Nonce      string        `json:"nonce,omitempty"`
	ACR        string        `json:"acr,omitempty"`
	AMR        []string      `json:"amr,omitempty"`
	Session    idp.SessionID `json:"sid,omitempty"`
	AccessHash string        `json:"at_hash"`
	personClaims
}

// idToken makes the ID token that goes with an access token, encrypted for its
// reader if there is one.
func (p *Provider) idToken(ctx context.Context, m minting, accessToken string) (string, error) {
	tenant, now, alg := idp.TenantOf(ctx), p.clock(), m.client.IDTokenAlg()
	token, err := p.sign(ctx, tenant.ID, alg, typeIDToken, idClaims{
		Issuer: tenant.Issuer(p.publicURL), Subject: m.user.SubjectAt(m.client, p.sealer),
		Audience: audience{string(m.client.ID)},
		Expires:  now.Add(idp.IDTokenLife).Unix(), IssuedAt: now.Unix(), AuthTime: m.grant.AuthTime.Unix(),
		Nonce: m.nonce, ACR: m.grant.ACR, AMR: m.grant.AMR, Session: m.grant.SessionID,
		AccessHash:   leftHalf(alg, accessToken),
		personClaims: claimsInToken(m.scope, askedFor(m.grant.Request).IDToken, m.user),
	})
	if err != nil {
		return "", fmt.Errorf("id token: %w", err)
	}
	return m.reader.seal(token)
}

// leftHalf is at_hash: half of the hash that the signature's algorithm has
// (OpenID Connect Core §3.1.3.6). Ed25519's is SHA-512 (RFC 8032 §5.1).
func leftHalf(alg idp.Alg, token string) string {
	if alg == idp.EdDSA {
		sum := sha512.Sum512([]byte(token))
		return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	}
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
