package idp

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// API is a resource server that a tenant's access tokens may be for (RFC 8707).
type API struct {
	// Resource is its name and the aud of its tokens: an absolute URI.
	Resource string   `json:"resource"`
	Scopes   []string `json:"scopes,omitempty"`
	// AccessTokenAlg is what its tokens are signed with; empty is the client's.
	AccessTokenAlg Alg `json:"access_token_signed_response_alg,omitempty"`
	// TokenLife is how long its tokens are good; zero is AccessTokenLife.
	TokenLife Duration `json:"token_life,omitempty"`
	// Opaque tokens can be read by introspection alone.
	Opaque bool `json:"opaque,omitempty"`
}

// MaxAccessTokenLife is the longest that an API may let its tokens live: keys
// that signed them are kept as long.
const MaxAccessTokenLife = 24 * time.Hour

// maxAPIs bounds a tenant's list, which is read with the tenant.
const maxAPIs = 200

// Life is how long the API's access tokens are good.
func (a API) Life() time.Duration {
	if a.TokenLife == 0 {
		return AccessTokenLife
	}
	return time.Duration(a.TokenLife)
}

// FindAPI gives the API of a resource URI, compared byte for byte.
func (t Tenant) FindAPI(resource string) (API, bool) {
	i := slices.IndexFunc(t.Settings.APIs, func(a API) bool { return a.Resource == resource })
	if i < 0 {
		return API{}, false
	}
	return t.Settings.APIs[i], true
}

// ReservedScopes mean something to the provider itself; no API can have them.
var ReservedScopes = []string{"openid", "profile", "email", "address", "phone", "offline_access"}

// Validate tells what is wrong with the API, in words for who adds it.
func (a API) Validate() error {
	u, err := url.Parse(a.Resource)
	if err != nil || !u.IsAbs() || u.Host == "" && u.Opaque == "" || strings.Contains(a.Resource, "#") || len(a.Resource) > 1024 {
		return fmt.Errorf("resource %q: an absolute URI without a fragment, such as https://api.example", a.Resource)
	}
	for _, scope := range a.Scopes {
		if err := validScope(scope); err != nil {
			return err
		}
	}
	if a.AccessTokenAlg != "" {
		if err := a.AccessTokenAlg.validate(); err != nil {
			return err
		}
	}
	if life := a.Life(); life < time.Minute || life > MaxAccessTokenLife {
		return fmt.Errorf("token life %s: 1 minute to %s", life, MaxAccessTokenLife)
	}
	return nil
}

// validScope holds a scope to RFC 6749 §3.3.
func validScope(scope string) error {
	if scope == "" || len(scope) > 128 || strings.ContainsFunc(scope, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	}) {
		return fmt.Errorf("scope %q: 1 to 128 printable ASCII characters, no space, quote or backslash", scope)
	}
	if slices.Contains(ReservedScopes, scope) {
		return fmt.Errorf("scope %q: the provider's own", scope)
	}
	return nil
}

func validAPIs(apis []API) error {
	if len(apis) > maxAPIs {
		return fmt.Errorf("at most %d APIs", maxAPIs)
	}
	for i, api := range apis {
		if err := api.Validate(); err != nil {
			return err
		}
		if slices.ContainsFunc(apis[:i], func(a API) bool { return a.Resource == api.Resource }) {
			return errors.New("resource " + api.Resource + " is there twice")
		}
	}
	return nil
}
