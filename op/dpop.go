package op

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

const (
	typeProof = "dpop+jwt" // RFC 9449 §4.2
	// nonceSpan is how long a nonce is the newest; it is good for one more.
	nonceSpan = 2 * time.Minute
	// proofLeeway is how far iat may be off. The nonce says when a proof was made,
	// so that a wrong clock keeps nobody out; iat only bounds what is plausible.
	proofLeeway = 5 * time.Minute
	// proofKept is how long a proof is remembered: longer than its nonce is good
	// on the slowest replica's clock.
	proofKept    = 3 * nonceSpan
	purposeNonce = "dpop-nonce"
)

// proof is a key that the sender of a request has shown to hold (RFC 9449 §4).
type proof struct {
	jkt  string
	alg  idp.Alg
	once idp.Once
}

// confirmation is what tokens are bound to by a proof; nothing by none.
func (f *proof) confirmation() idp.Confirmation {
	if f == nil {
		return idp.Confirmation{}
	}
	return idp.Confirmation{JKT: f.jkt}
}

// noted is what has to be presented once along with a proof.
func (f *proof) noted() idp.Once {
	if f == nil {
		return idp.Once{}
	}
	return f.once
}

// proofClaims are those of a proof (RFC 9449 §4.2).
type proofClaims struct {
	ID        string   `json:"jti"`
	Method    string   `json:"htm"`
	URL       string   `json:"htu"`
	IssuedAt  *float64 `json:"iat"`
	Nonce     *string  `json:"nonce"`
	TokenHash *string  `json:"ath"`
}

func invalidProof(format string, args ...any) *refusal {
	return refuse("invalid_dpop_proof", format, args...)
}

// replayed is what a proof that was seen before is answered with.
func replayed(err error) *refusal {
	return invalidProof("the DPoP proof was used before").because(err)
}

// prove reads the DPoP proof that came with a request to the endpoint at a path,
// if there is one; nil otherwise. Its jti is yet to be noted. An access token that
// came along has to be the one that the proof was made for.
func (p *Provider) prove(r *http.Request, path, accessToken string) (*proof, error) {
	headers := r.Header.Values("DPoP")
	switch {
	case len(headers) == 0:
		return nil, nil //nolint:nilnil // most requests have none
	case len(headers) > 1:
		return nil, invalidProof("there is more than one DPoP header")
	case len(headers[0]) > maxToken:
		return nil, invalidProof("the DPoP proof is too long")
	}
	signed, err := jose.ParseSignedCompact(headers[0], assertionAlgs(idp.Client{}))
	if err != nil || len(signed.Signatures) != 1 {
		return nil, invalidProof("the DPoP proof is no JWT that is signed with a key of its own").because(err)
	}
	header := signed.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(typ, typeProof) {
		return nil, invalidProof("typ of the DPoP proof is not %s", typeProof)
	}
	if header.JSONWebKey == nil || !header.JSONWebKey.IsPublic() || !fits(*header.JSONWebKey, header) {
		return nil, invalidProof("the DPoP proof brings no public key that its algorithm can have")
	}
	payload, err := signed.Verify(verifierOf(header.JSONWebKey.Key))
	if err != nil {
		return nil, invalidProof("the DPoP proof is not signed with its key").because(err)
	}
	var claims proofClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, invalidProof("the DPoP proof holds no claims").because(err)
	}
	if err := p.checkProof(r, path, accessToken, claims); err != nil {
		return nil, err
	}
	thumbprint, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, invalidProof("the DPoP proof's key has no thumbprint").because(err)
	}
	jkt := base64.RawURLEncoding.EncodeToString(thumbprint)
	return &proof{jkt: jkt, alg: idp.Alg(header.Algorithm).Usual(), once: idp.Once{
		Kind: idp.OnceProof, Digest: idp.DigestOf([]byte(jkt + "\x00" + claims.ID)), Expires: p.clock().Add(proofKept),
	}}, nil
}

// checkProof holds a proof to the request that it came with (RFC 9449 §4.3). The
// nonce comes last: all else must be right before there is a new one to try with.
func (p *Provider) checkProof(r *http.Request, path, accessToken string, claims proofClaims) error {
	now := p.clock()
	here := slices.ContainsFunc(p.bases(idp.TenantOf(r.Context())), func(base string) bool { return sameEndpoint(claims.URL, base+path) })
	switch {
	case claims.ID == "" || len(claims.ID) > maxJTI:
		return invalidProof("the DPoP proof has no jti, or too long a one")
	case claims.Method != r.Method:
		return invalidProof("htm of the DPoP proof is not this request's method")
	case !here:
		return invalidProof("htu of the DPoP proof is not this endpoint")
	case claims.IssuedAt == nil:
		return invalidProof("the DPoP proof has no iat")
	case *claims.IssuedAt > float64(now.Add(proofLeeway).Unix()), *claims.IssuedAt < float64(now.Add(-proofLeeway).Unix()):
		return invalidProof("iat of the DPoP proof is too far from now")
	case accessToken != "" && (claims.TokenHash == nil || *claims.TokenHash != s256(accessToken)):
		return invalidProof("ath of the DPoP proof is not this access token's")
	case claims.Nonce == nil || !p.goodNonce(r.Context(), *claims.Nonce):
		return refuse("use_dpop_nonce", "the DPoP proof has to hold the nonce of this answer's header")
	}
	return nil
}

// sameEndpoint compares an htu, whose query and fragment do not count (RFC 9449
// §4.3, RFC 3986 §6.2).
func sameEndpoint(htu, endpoint string) bool {
	got, err := url.Parse(htu)
	if err != nil || got.User != nil {
		return false
	}
	want, err := url.Parse(endpoint)
	return err == nil && strings.EqualFold(got.Scheme, want.Scheme) && got.EscapedPath() == want.EscapedPath() &&
		hostAndPort(got) == hostAndPort(want)
}

func hostAndPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

// nonce is the one that proofs should hold now (RFC 9449 §8): when it was given
// out, under a key that all replicas have, so that none of them needs a row.
func (p *Provider) nonce(ctx context.Context) string {
	return p.nonceOf(ctx, p.clock().UnixNano()/int64(nonceSpan))
}

func (p *Provider) nonceOf(ctx context.Context, span int64) string {
	at := binary.BigEndian.AppendUint64(nil, uint64(span))
	mac := p.sealer.MAC(idp.TenantOf(ctx).ID, purposeNonce, at)
	return base64.RawURLEncoding.EncodeToString(mac[:18])
}

// goodNonce takes this span's nonce, the last one's, and the next one's, which
// a replica whose clock is ahead has given out.
func (p *Provider) goodNonce(ctx context.Context, nonce string) bool {
	now, good := p.clock().UnixNano()/int64(nonceSpan), 0
	for span := now - 1; span <= now+1; span++ {
		good |= subtle.ConstantTimeCompare([]byte(nonce), []byte(p.nonceOf(ctx, span)))
	}
	return good == 1
}

// offerNonce tells who uses DPoP the nonce for the next proof, whatever comes of
// this request (RFC 9449 §8.2).
func (p *Provider) offerNonce(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("DPoP") != "" {
		w.Header().Set("DPoP-Nonce", p.nonce(r.Context()))
	}
}

// bound refuses a client whose tokens must be bound to a key that it did not
// prove, or whose profile forbids the proof's algorithm.
func bound(ctx context.Context, c idp.Client, f *proof) error {
	switch {
	case c.Metadata.TLSBoundTokens && certificateThumbprint(ctx) == "":
		return invalidRequest("this client must call with its certificate")
	case f == nil && c.Metadata.DPoPBoundTokens:
		return invalidProof("this client must use DPoP: the proof is missing")
	case f != nil && !profiled(c, f.alg):
		return invalidProof("the DPoP proof is not signed with an algorithm of this client's profile")
	}
	return nil
}

// noteProof notes a proof by itself, where no other step takes it along.
func (p *Provider) noteProof(ctx context.Context, f *proof) error {
	if f == nil {
		return nil
	}
	err := p.store.UseOnce(ctx, idp.TenantOf(ctx).ID, f.once.Kind, f.once.Digest, f.once.Expires)
	if errors.Is(err, idp.ErrUsed) {
		return replayed(err)
	}
	if err != nil {
		return fmt.Errorf("note proof: %w", err)
	}
	return nil
}

// thumbprint is the form of dpop_jkt (RFC 9449 §10).
func thumbprint(text string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(raw) == sha256.Size
}
