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
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		return invalidClient("client assertions are not supported")
	}
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		if form.Get("client_id") == "" {
			return invalidClient("client authentication is missing")
		}
		return nil
	}
	id, _, ok := r.BasicAuth()
	if !ok || len(headers) > 1 {
		return invalidClient("the Authorization header holds no Basic credentials")
	}
	id, err := url.QueryUnescape(id)
	if err != nil {
		return invalidClient("the Authorization header holds no Basic credentials").because(err)
	}
	if form.Has("client_secret") {
		return invalidRequest("client authentication must not use more than one method")
	}
	if named := form.Get("client_id"); named != "" && named != id {
		return invalidRequest("client_id is another one than in the Authorization header")
	}
	return nil
}

// decoy is compared with where there is no such client, so that the answer
// takes the same steps.
var decoy = idp.NewSecret().Digest()

// authenticate gives the client if it proved itself in a way it is registered
// with. Every failure is told alike.
func (p *Provider) authenticate(ctx context.Context, header http.Header, given *zitadel.ClientCredentials) (idp.Client, error) {
	method := idp.AuthNone
	switch {
	case strings.TrimSpace(header.Get("Authorization")) != "":
		method = idp.AuthBasic
	case given.ClientSecret != "":
		method = idp.AuthPost
	}
	var found idp.Client
	err := idp.ErrNotFound
	if plausibleClientID(given.ClientID) {
		found, err = p.store.FindClient(ctx, idp.TenantOf(ctx).ID, idp.ClientID(given.ClientID))
	}
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return idp.Client{}, fmt.Errorf("find client: %w", err)
	}
	known := err == nil && slices.Contains(found.Metadata.AuthMethods, method)
	proven := proves(found.Secrets, given.ClientSecret)
	if method == idp.AuthNone {
		proven = true // by what it redeems: PKCE, a refresh token
	}
	if !known || !proven {
		return idp.Client{}, invalidClient("client authentication failed")
	}
	return found, nil
}

// proves compares with each of the secrets, and with as many where there are none.
func proves(secrets []idp.Digest, given string) bool {
	presented := idp.DigestOf([]byte(given))
	proven := false
	for _, secret := range secrets {
		proven = secret.Equal(presented) || proven
	}
	if len(secrets) == 0 {
		_ = decoy.Equal(presented)
	}
	return proven
}
