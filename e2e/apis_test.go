package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// A service with no person behind it gets a token for an API, which checks it
// by the published keys or by asking.
func TestAServiceGetsATokenForAnAPI(t *testing.T) {
	t.Parallel()
	const readable, sealed = "https://orders.example", "https://ledger.example"
	shared.Run(t, "api", "create", "--tenant", "demo", readable, "--scope", "orders:read", "--scope", "orders:write", "--alg", "EdDSA", "--token-life", "5m")
	shared.Run(t, "api", "create", "--tenant", "demo", sealed, "--scope", "look", "--opaque")
	var service struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	out := shared.Run(t, "client", "create", "--tenant", "demo", "--name", "Service", "--grant", "client_credentials", "--scope", "orders:read", "--scope", "look")
	if err := json.Unmarshal(out, &service); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Timeout: 20 * time.Second})
	provider, err := oidc.NewProvider(ctx, shared.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // within which what a command changes counts
	token := func(resource string, scopes ...string) (*oauth2.Token, error) {
		conf := clientcredentials.Config{
			ClientID: service.ID, ClientSecret: service.Secret, TokenURL: provider.Endpoint().TokenURL, Scopes: scopes,
			EndpointParams: url.Values{"resource": {resource}},
		}
		return conf.Token(ctx)
	}
	got, err := token(readable, "orders:read")
	if err != nil {
		t.Fatal(err)
	}
	checked, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: readable}).Verify(ctx, got.AccessToken)
	if err != nil || checked.Subject != service.ID || !slices.Equal(checked.Audience, []string{readable}) || time.Until(checked.Expiry) > 5*time.Minute {
		t.Errorf("%+v, %v", checked, err)
	}
	if _, err := token(readable, "orders:write"); err == nil || !strings.Contains(err.Error(), "invalid_scope") {
		t.Errorf("a scope that is not the service's: %v", err)
	}
	if _, err := token("https://elsewhere.example"); err == nil || !strings.Contains(err.Error(), "invalid_target") {
		t.Errorf("an API that is not there: %v", err)
	}
	if got, err = token(sealed, "look"); err != nil || strings.Contains(got.AccessToken, ".") {
		t.Fatalf("%v", err)
	}
	told := introspect(ctx, t, provider, service.ID, service.Secret, got.AccessToken)
	if told["active"] != true || told["aud"] != sealed || told["scope"] != "look" || told["sub"] != service.ID {
		t.Errorf("%v", told)
	}
}

func introspect(ctx context.Context, t *testing.T, p *oidc.Provider, id, secret, token string) map[string]any {
	t.Helper()
	var metadata struct {
		Endpoint string `json:"introspection_endpoint"`
	}
	if err := p.Claims(&metadata); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, metadata.Endpoint, strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, secret)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var told map[string]any
	if err := json.NewDecoder(res.Body).Decode(&told); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	return told
}
