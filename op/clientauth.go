package op

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	zitadel "github.com/zitadel/oidc/v3/pkg/op"

	"postern/idp"
)

// invalidClient is 401 with a challenge (RFC 6749 §5.2).
func invalidClient(format string, args ...any) *refusal {
	f := refuse("invalid_client", format, args...)
	f.status, f.challenge = http.StatusUnauthorized, `Basic realm="postern", charset="UTF-8"`
	return f
}

// oneCredential checks, before anything is parsed further, that a client proves
// itself in one way only (RFC 6749 §2.3).
func oneCredential(r *http.Request, form url.Values) error {
	headers := r.Header.Values("Authorization")
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		return oneAssertion(form, len(headers))
	}
	if len(headers) == 0 {
		if form.Get("client_id") == "" {
			return invalidClient("client authentication is missing")
		}
		return nil
	}
	id, secret, ok := r.BasicAuth()
	if !ok || len(headers) > 1 {
		return invalidClient("the Authorization header holds no Basic credentials")
	}
	id, err := url.QueryUnescape(id)
	if err != nil {
		return invalidClient("the Authorization header holds no Basic credentials").because(err)
	}
	if _, err := url.QueryUnescape(secret); err != nil {
		r.SetBasicAuth(id, url.QueryEscape(secret)) // the library would refuse what many send, see basicSecrets
	}
	if form.Has("client_secret") {
		return invalidRequest("client authentication must not use more than one method")
	}
	if named := form.Get("client_id"); named != "" && named != id {
		return invalidRequest("client_id is another one than in the Authorization header")
	}
	return nil
}

func oneAssertion(form url.Values, headers int) error {
	switch {
	case headers > 0 || form.Has("client_secret"):
		return invalidRequest("client authentication must not use more than one method")
	case form.Get("client_assertion_type") != assertionType:
		return invalidClient("client_assertion_type must be %s", assertionType)
	case form.Get("client_assertion") == "":
		return invalidClient("client_assertion is missing")
	default:
		return nil
	}
}

// decoy is compared with where there is no such client, so that the answer
// takes the same steps.
var decoy = idp.NewSecret().Digest()

// authenticate gives the client if it proved itself in a way it is registered
// with. Every failure is told alike.
func (p *Provider) authenticate(ctx context.Context, header http.Header, given *zitadel.ClientCredentials) (idp.Client, error) {
	if given.ClientAssertion != "" {
		return p.authenticateAssertion(ctx, given)
	}
	method := idp.AuthNone
	switch {
	case strings.TrimSpace(header.Get("Authorization")) != "":
		method = idp.AuthBasic
	case given.ClientSecret != "":
		method = idp.AuthPost
	}
	found, known, err := p.findWithMethod(ctx, given.ClientID, method)
	if err != nil {
		return idp.Client{}, err
	}
	if method == idp.AuthNone && byCertificate(found) {
		if err := p.proveCertificate(ctx, found); err != nil {
			return idp.Client{}, invalidClient("client authentication failed").because(err)
		}
		return found, nil
	}
	proven := proves(found.Secrets, basicSecrets(header, given.ClientSecret)...)
	if method == idp.AuthNone {
		proven = true // by what it redeems: PKCE, a refresh token
	}
	if !known || !proven {
		return idp.Client{}, invalidClient("client authentication failed")
	}
	return found, nil
}

// authenticateAssertion is private_key_jwt (OpenID Connect Core §9, RFC 7523 §3).
func (p *Provider) authenticateAssertion(ctx context.Context, given *zitadel.ClientCredentials) (idp.Client, error) {
	failed := invalidClient("client authentication failed")
	a, err := parseAssertion(given.ClientAssertion)
	if err != nil {
		return idp.Client{}, failed.because(err)
	}
	if given.ClientID != "" && given.ClientID != a.claims.Subject {
		return idp.Client{}, failed.because(fmt.Errorf("%w: client_id is another one", errAssertion))
	}
	found, known, err := p.findWithMethod(ctx, a.claims.Subject, idp.AuthPrivateKey)
	if err != nil {
		return idp.Client{}, err
	}
	if !known {
		return idp.Client{}, failed
	}
	err = p.proveAssertion(ctx, found, a)
	if errors.Is(err, errAssertion) {
		return idp.Client{}, failed.because(err)
	}
	return found, err
}

// findWithMethod gives a client, and whether it is there and registered with the method.
func (p *Provider) findWithMethod(ctx context.Context, id string, method idp.AuthMethod) (found idp.Client, known bool, err error) {
	err = idp.ErrNotFound
	if plausibleClientID(id) {
		found, err = p.store.FindClient(ctx, idp.TenantOf(ctx).ID, idp.ClientID(id))
	}
	if errors.Is(err, idp.ErrNotFound) {
		return idp.Client{}, false, nil
	}
	if err != nil {
		return idp.Client{}, false, fmt.Errorf("find client: %w", err)
	}
	return found, slices.Contains(found.Metadata.AuthMethods, method), nil
}

// basicSecrets are what a secret in an Authorization header may mean: the text
// that was form-encoded for it (RFC 6749 §2.3.1), or, as many libraries know
// nothing of that, the text as it came.
func basicSecrets(header http.Header, decoded string) []string {
	_, raw, ok := (&http.Request{Header: header}).BasicAuth()
	if !ok || raw == decoded {
		return []string{decoded}
	}
	return []string{decoded, raw}
}

// proves compares with each of the secrets, and with as many where there are none.
func proves(secrets []idp.Digest, given ...string) bool {
	proven := false
	for _, text := range given {
		presented := idp.DigestOf([]byte(text))
		for _, secret := range secrets {
			proven = secret.Equal(presented) || proven
		}
		if len(secrets) == 0 {
			_ = decoy.Equal(presented)
		}
	}
	return proven
}
