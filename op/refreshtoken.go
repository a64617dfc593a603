package op

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"

	"postern/idp"
)

// A refresh token is a credential, named by its grant, and our mark on it:
//
//	grant (16) | secret (32) | mark (16), in base64url
//
// The grant is no secret. Of the secrets that a family has used up no digest is
// kept, so it is the mark that tells one of them, whose reuse ends the family (RFC
// 9700 §4.14.2), from one that somebody has made up, which must end nothing.
//
// The mark opens nothing by itself: what counts is the secret's digest, so that
// tokens outlive the master key that marked them, and those from before there
// were marks are good still. Without a good mark they are no evidence of reuse.
const purposeRefresh = "refresh-token"

const (
	credentialLength = 64 // of idp.Credential's text
	markBytes        = 16
)

// refreshText gives the token of a credential as its client gets it.
func (p *Provider) refreshText(ctx context.Context, c idp.Credential) string {
	return c.Reveal() + p.refreshMark(ctx, c)
}

// parseRefresh reads a token, and tells whether it was issued here. Any other
// text is idp.ErrNotFound.
func (p *Provider) parseRefresh(ctx context.Context, text string) (c idp.Credential, issued bool, err error) {
	length := credentialLength + base64.RawURLEncoding.EncodedLen(markBytes)
	if len(text) != credentialLength && len(text) != length {
		return idp.Credential{}, false, fmt.Errorf("refresh token: %w", idp.ErrNotFound)
	}
	if c, err = idp.ParseCredential(text[:credentialLength]); err != nil {
		return idp.Credential{}, false, err
	}
	issued = subtle.ConstantTimeCompare([]byte(p.refreshMark(ctx, c)), []byte(text[credentialLength:])) == 1
	return c, issued, nil
}

func (p *Provider) refreshMark(ctx context.Context, c idp.Credential) string {
	mac := p.sealer.MAC(idp.TenantOf(ctx).ID, purposeRefresh, []byte(c.ID), c.Secret.Bytes())
	return base64.RawURLEncoding.EncodeToString(mac[:markBytes])
}
