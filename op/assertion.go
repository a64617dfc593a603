package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// assertionType is the one kind of assertion that is taken (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const (
	// maxAssertionLife bounds how far off an assertion's end may be, and so how
	// long its jti is kept.
	maxAssertionLife = time.Hour
	// leeway is how far a client's clock may be ahead of ours.
	leeway = 60 * time.Second
	maxJTI = 512
)

// assertion is what a client says of itself (RFC 7523 §3).
type assertion struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  json.RawMessage `json:"aud"`
	ID        string          `json:"jti"`
	Expires   *float64        `json:"exp"`
	NotBefore float64         `json:"nbf"`
	IssuedAt  float64         `json:"iat"`
}

// errAssertion is wrapped by every reason not to believe an assertion; it is for
// the log alone.
var errAssertion = errors.New("client assertion")

// signedAssertion is an assertion whose signature has not been looked at.
type signedAssertion struct {
	text   string
	header jose.Header
	claims assertion
}

// parseAssertion reads an assertion, its length first. Whom it speaks for must
// be known before its keys can be; nothing else of it counts yet.
func parseAssertion(text string) (signedAssertion, error) {
	if text == "" || len(text) > maxToken {
		return signedAssertion{}, fmt.Errorf("%w: %d bytes", errAssertion, len(text))
	}
	jws, err := jose.ParseSignedCompact(text, assertionAlgs(idp.Client{}))
	if err != nil || len(jws.Signatures) != 1 {
		return signedAssertion{}, fmt.Errorf("%w: not signed in a way that is taken: %w", errAssertion, err)
	}
	a := signedAssertion{text: text, header: jws.Signatures[0].Protected}
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &a.claims); err != nil {
		return signedAssertion{}, fmt.Errorf("%w: claims: %w", errAssertion, err)
	}
	if a.claims.Subject == "" || a.claims.Issuer != a.claims.Subject {
		return signedAssertion{}, fmt.Errorf("%w: iss and sub are not the same client", errAssertion)
	}
	return a, nil
}

// assertionAlgs are those that a client's assertions may be signed with: the one
// it registered, or all; those of the profile where it has one (FAPI 2.0 §5.4).
func assertionAlgs(c idp.Client) []jose.SignatureAlgorithm {
	var out []jose.SignatureAlgorithm
	for _, alg := range idp.AssertionAlgs {
		registered := c.Metadata.AssertionAlg == "" || c.Metadata.AssertionAlg.Usual() == alg.Usual()
		if registered && profiled(c, alg) {
			out = append(out, jose.SignatureAlgorithm(alg))
		}
	}
	return out
}

// proveAssertion tells whether a client signed the assertion, for us, for now,
// and for the first time. errAssertion if not; other errors are the store's.
func (p *Provider) proveAssertion(ctx context.Context, c idp.Client, a signedAssertion) error {
	if !slices.Contains(assertionAlgs(c), jose.SignatureAlgorithm(a.header.Algorithm)) {
		return fmt.Errorf("%w: algorithm %q is not this client's", errAssertion, a.header.Algorithm)
	}
	typ, _ := a.header.ExtraHeaders[jose.HeaderType].(string)
	if typ != "" && !strings.EqualFold(typ, "JWT") && !strings.EqualFold(typ, "client-authentication+jwt") {
		return fmt.Errorf("%w: typ %q", errAssertion, typ)
	}
	if !p.addressed(ctx, c, a.claims.Audience) {
		return fmt.Errorf("%w: aud is not this provider", errAssertion)
	}
	now := p.clock()
	expires, err := a.claims.during(now)
	if err != nil {
		return err
	}
	_, err = p.verifyByClient(ctx, c, a.text, assertionAlgs(c))
	if errors.Is(err, errNoSignature) {
		return fmt.Errorf("%w: %w", errAssertion, err)
	}
	if err != nil {
		return err
	}
	jti := idp.DigestOf([]byte(string(c.ID) + "\x00" + a.claims.ID))
	err = p.store.UseOnce(ctx, idp.TenantOf(ctx).ID, idp.OnceAssertion, jti, expires)
	if errors.Is(err, idp.ErrUsed) {
		return fmt.Errorf("%w: jti: %w", errAssertion, err)
	}
	if err != nil {
		return fmt.Errorf("note jti: %w", err)
	}
	return nil
}

// during checks the times and that there is a jti, and gives when the assertion ends.
func (a assertion) during(now time.Time) (time.Time, error) {
	at := float64(now.Unix())
	switch {
	case a.ID == "" || len(a.ID) > maxJTI:
		return time.Time{}, fmt.Errorf("%w: no jti, or too long a one", errAssertion)
	case a.Expires == nil:
		return time.Time{}, fmt.Errorf("%w: no exp", errAssertion)
	case *a.Expires <= at:
		return time.Time{}, fmt.Errorf("%w: %w", errAssertion, idp.ErrExpired)
	case *a.Expires > at+(maxAssertionLife+leeway).Seconds():
		return time.Time{}, fmt.Errorf("%w: exp is too far off", errAssertion)
	case a.NotBefore > at+leeway.Seconds(), a.IssuedAt > at+leeway.Seconds():
		return time.Time{}, fmt.Errorf("%w: it is of the future", errAssertion)
	default:
		return time.Unix(int64(*a.Expires)+1, 0), nil
	}
}

// addressed tells whether an audience means this issuer: its identifier or one
// of the endpoints that clients authenticate at. A FAPI client has to say the
// identifier alone, as one string (FAPI 2.0 Security Profile §5.3.2.1).
func (p *Provider) addressed(ctx context.Context, c idp.Client, raw json.RawMessage) bool {
	issuer := idp.TenantOf(ctx).Issuer(p.publicURL)
	if c.FAPI() {
		var one string
		return json.Unmarshal(raw, &one) == nil && one == issuer
	}
	var aud audience
	if json.Unmarshal(raw, &aud) != nil {
		return false
	}
	return aud.has(issuer) || slices.ContainsFunc([]string{pathToken, pathPush, pathIntrospect, pathRevoke}, func(path string) bool {
		return slices.ContainsFunc(p.bases(idp.TenantOf(ctx)), func(base string) bool { return aud.has(base + path) })
	})
}
