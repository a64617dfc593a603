package op

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/edge"
	"postern/idp"
)

const (
	// maxRequestObject is the longest request object that is looked at.
	maxRequestObject = 16 << 10
	// objectLeeway is how far a client's clock may be off.
	objectLeeway = 60 * time.Second
)

// requestObject are the claims of a request object that are not parameters (RFC 9101 §4).
type requestObject struct {
	Issuer    string   `json:"iss"`
	Audience  audience `json:"aud"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
}

// unwrap gives the parameters of a request whose client sent some of them in a
// request object, by value or by a registered URI (OpenID Connect Core §6, RFC
// 9101). Those inside win; for FAPI clients there are no others (RFC 9101 §6.3).
func (p *Provider) unwrap(ctx context.Context, client idp.Client, form url.Values) (url.Values, error) {
	object, err := p.objectOf(ctx, client, form)
	if err != nil {
		return nil, err
	}
	payload, err := p.openObject(ctx, client, object, form.Has("request_uri"))
	if err != nil {
		return nil, err
	}
	inside, err := parameters(payload)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"client_id", "response_type"} {
		if inside.Has(name) && form.Has(name) && inside.Get(name) != form.Get(name) {
			return nil, badObject("%s in the request object is another one than outside", name)
		}
	}
	merged := url.Values{"client_id": {string(client.ID)}}
	if !client.FAPI() {
		for name, values := range form {
			merged[name] = values
		}
	}
	merged.Del("request")
	merged.Del("request_uri")
	for name, values := range inside {
		merged[name] = values
	}
	return merged, nil
}

// howToAnswer gives the parameters outside a refused request object, and of an
// unsigned one those that say how to answer: nobody vouches for either.
func howToAnswer(form url.Values) url.Values {
	out := maps.Clone(form)
	alg, err := algOf(form.Get("request"))
	if err != nil || alg != idp.AlgNone || len(form.Get("request")) > maxRequestObject {
		return out
	}
	payload, err := unsigned(form.Get("request"))
	if err != nil {
		return out
	}
	inside, err := parameters(payload)
	for _, name := range []string{"response_mode", "state"} {
		if err == nil && inside.Has(name) {
			out[name] = inside[name]
		}
	}
	return out
}

func badObject(format string, args ...any) *refusal {
	return refuse("invalid_request_object", format, args...)
}

// objectOf gives the request object itself.
func (p *Provider) objectOf(ctx context.Context, client idp.Client, form url.Values) (string, error) {
	if form.Has("request") && form.Has("request_uri") {
		return "", invalidRequest("request and request_uri exclude each other")
	}
	if form.Has("request") {
		return form.Get("request"), nil
	}
	uri := form.Get("request_uri")
	switch {
	case p.fetcher == nil:
		return "", refuse("request_uri_not_supported", "request_uri is not supported")
	case !slices.Contains(client.Metadata.RequestURIs, uri):
		return "", refuse("invalid_request_uri", "request_uri is not registered for this client")
	}
	if err := p.countFetch(ctx); err != nil {
		return "", err
	}
	bare, _, _ := strings.Cut(uri, "#")
	object, err := p.fetcher.Fetch(ctx, bare)
	if err != nil {
		return "", refuse("invalid_request_uri", "request_uri cannot be read").because(err)
	}
	return strings.TrimSpace(string(object)), nil
}

func (p *Provider) countFetch(ctx context.Context) error { return countFetch(ctx, p.limits, p.clock()) }

// countFetch keeps a flood of requests from becoming one at somebody else's.
func countFetch(ctx context.Context, limits Limits, now time.Time) error {
	if limits == nil {
		return nil
	}
	verdict, err := limits.Attempt(ctx, idp.TenantOf(ctx), edge.ClientIP(ctx), now)
	if err != nil {
		return fmt.Errorf("count fetched request: %w", err)
	}
	if !verdict.Allowed {
		return &refusal{
			status: http.StatusTooManyRequests, code: "temporarily_unavailable", page: "too_many",
			retryIn: max(verdict.RetryAt.Sub(now), time.Second),
		}
	}
	return nil
}

// openObject verifies a request object in the one way that its client
// registered, and gives its claims.
func (p *Provider) openObject(ctx context.Context, client idp.Client, object string, fetched bool) ([]byte, error) {
	if len(object) > maxRequestObject || strings.Count(object, ".") != 2 {
		return nil, badObject("the request object is no signed JWT of at most %d bytes", maxRequestObject)
	}
	alg, err := algOf(object)
	if err != nil {
		return nil, badObject("the request object has no JOSE header").because(err)
	}
	registered := client.Metadata.RequestObjectAlg
	switch {
	case !profiled(client, alg):
		return nil, badObject("the request object is not signed with an algorithm of this client's profile")
	case alg == idp.AlgNone && !mayBeUnsigned(client, fetched):
		return nil, refuse("request_not_supported", "unsigned request objects are for clients that registered for them")
	case registered != "" && alg.Usual() != registered.Usual(), alg != idp.AlgNone && !slices.Contains(idp.Algs, alg.Usual()):
		return nil, badObject("the request object is not signed with the algorithm that is registered")
	}
	payload, err := p.payloadOf(ctx, client, object, alg)
	if err != nil {
		return nil, err
	}
	return payload, p.checkObject(ctx, client, payload)
}

// mayBeUnsigned tells whether nobody need vouch for an object but who hosts it:
// the client registered just that, or it registered no algorithm and the object
// was fetched over https from a URI that it did register (OpenID Connect Core §6.2).
func mayBeUnsigned(client idp.Client, fetched bool) bool {
	registered := client.Metadata.RequestObjectAlg
	return registered == idp.AlgNone || fetched && registered == "" && !client.FAPI()
}

func algOf(object string) (idp.Alg, error) {
	header, _, _ := strings.Cut(object, ".")
	raw, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return "", err
	}
	var said struct {
		Alg idp.Alg `json:"alg"`
	}
	return said.Alg, json.Unmarshal(raw, &said)
}

func (p *Provider) payloadOf(ctx context.Context, client idp.Client, object string, alg idp.Alg) ([]byte, error) {
	if alg == idp.AlgNone {
		return unsigned(object)
	}
	payload, err := p.verifyByClient(ctx, client, object, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if errors.Is(err, errNoSignature) {
		return nil, badObject("the request object is not signed with a key of the client").because(err)
	}
	return payload, err
}

// unsigned reads an object that has no signature (RFC 7519 §6).
func unsigned(object string) ([]byte, error) {
	_, rest, _ := strings.Cut(object, ".")
	text, signature, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || signature != "" {
		return nil, badObject("the request object is malformed").because(err)
	}
	return payload, nil
}

// checkObject holds a request object to who made it, for whom, and when.
func (p *Provider) checkObject(ctx context.Context, client idp.Client, payload []byte) error {
	var claims requestObject
	if err := json.Unmarshal(payload, &claims); err != nil {
		return badObject("the request object holds no claims").because(err)
	}
	now := p.clock()
	switch {
	case claims.Issuer != "" && claims.Issuer != string(client.ID):
		return badObject("iss of the request object is not the client")
	case len(claims.Audience) > 0 && !claims.Audience.has(idp.TenantOf(ctx).Issuer(p.publicURL)):
		return badObject("aud of the request object is not this issuer")
	case claims.Expires != nil && !now.Add(-objectLeeway).Before(time.Unix(int64(*claims.Expires), 0)):
		return badObject("the request object has expired")
	case claims.NotBefore != nil && now.Add(objectLeeway).Before(time.Unix(int64(*claims.NotBefore), 0)):
		return badObject("the request object is not valid yet")
	case client.FAPI():
		return claims.profiled(now)
	default:
		return nil
	}
}

// objectSpan is how far from its beginning to its end, and from its beginning to
// now, a request object of a FAPI client may be (FAPI 2.0 Message Signing §5.3.1).
const objectSpan = time.Hour

// profiled holds a request object to the profile: it has an end, a beginning and
// a receiver, not far from each other.
func (o requestObject) profiled(now time.Time) error {
	switch {
	case o.Expires == nil || o.NotBefore == nil || len(o.Audience) == 0:
		return badObject("the request object lacks exp, nbf or aud")
	case *o.Expires > *o.NotBefore+objectSpan.Seconds(), *o.NotBefore < float64(now.Add(-objectSpan).Unix()):
		return badObject("the request object is good for more than an hour, or has been for longer")
	default:
		return nil
	}
}

// notParameters are claims of a request object that say something of itself.
var notParameters = []string{"iss", "aud", "exp", "nbf", "iat", "jti", "sub"}

// parameters turns claims into what they would be in a query.
func parameters(payload []byte) (url.Values, error) {
	var claims map[string]json.RawMessage
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, badObject("the request object holds no claims").because(err)
	}
	out := url.Values{}
	for name, raw := range claims {
		var text string
		var texts []string
		switch {
		case slices.Contains(notParameters, name) || string(raw) == "null":
		case name == "request" || name == "request_uri":
			return nil, badObject("a request object holds no other")
		case json.Unmarshal(raw, &text) == nil:
			out.Set(name, text)
		case name == "resource" && json.Unmarshal(raw, &texts) == nil:
			out[name] = texts
		default:
			out.Set(name, string(raw)) // a number such as max_age, an object such as claims
		}
	}
	return out, nil
}
