package mail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// tokenTimeout bounds one request for an access token.
const tokenTimeout = 10 * time.Second

// tokenSource gives an account's access token, and keeps it until it expires.
type tokenSource struct {
	config OAuth

	mu     sync.Mutex
	source oauth2.TokenSource // nil: none yet, or the last one's token was refused
}

// token gives a token that is good for a while. It wraps ErrLogin where the
// token endpoint refuses the account.
func (t *tokenSource) token(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.source == nil {
		// The source outlives this mail, so it is not bound to its context.
		t.source = t.config.source(context.WithoutCancel(ctx))
	}
	token, err := t.source.Token()
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode/100 == 4 &&
		refused.Response.StatusCode != http.StatusTooManyRequests:
		return "", &refusal{class: ErrLogin, at: "the token endpoint", code: refused.Response.StatusCode, status: refused.ErrorCode, words: refused.ErrorDescription}
	case err != nil:
		return "", fmt.Errorf("%w: no access token", ErrTemporary) // the error may quote what was sent
	}
	return token.AccessToken, nil
}

// forget makes the next mail ask for a new token: the server refused this one.
func (t *tokenSource) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.source = nil
}

func (o OAuth) source(ctx context.Context) oauth2.TokenSource {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Timeout: tokenTimeout, CheckRedirect: noRedirect})
	var scopes []string
	if o.Scope != "" {
		scopes = []string{o.Scope}
	}
	if o.RefreshToken != "" {
		c := oauth2.Config{
			ClientID: o.ClientID, ClientSecret: string(o.ClientSecret), Scopes: scopes,
			Endpoint: oauth2.Endpoint{TokenURL: o.TokenURL, AuthStyle: oauth2.AuthStyleInParams},
		}
		return c.TokenSource(ctx, &oauth2.Token{RefreshToken: string(o.RefreshToken)})
	}
	c := clientcredentials.Config{
		ClientID: o.ClientID, ClientSecret: string(o.ClientSecret), TokenURL: o.TokenURL, Scopes: scopes,
		AuthStyle: oauth2.AuthStyleInParams,
	}
	return c.TokenSource(ctx)
}

// noRedirect keeps credentials at the endpoint that was named.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
