package e2e_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// An unmodified relying party: discovery, code with PKCE, ID token verified by
// JWKS, refresh, userinfo, logout.
func TestUnmodifiedClientLogsInRefreshesAndLogsOut(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"confidential": {"--post-logout-redirect-uri", "https://app.example/bye", "--pkce", "required"},
		"public":       {"--public", "--post-logout-redirect-uri", "https://app.example/bye"},
		"EdDSA, pairwise, signed userinfo": {
			"--post-logout-redirect-uri", "https://app.example/bye",
			"--id-token-alg", "EdDSA", "--access-token-alg", "PS256", "--userinfo-alg", "ES256", "--pairwise",
		},
		"PS256, opaque tokens": {"--post-logout-redirect-uri", "https://app.example/bye", "--id-token-alg", "PS256", "--opaque"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, shared, args...)
			ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Timeout: 20 * time.Second})
			provider, err := oidc.NewProvider(ctx, shared.Issuer)
			if err != nil {
				t.Fatal(err)
			}
			conf := &oauth2.Config{
				ClientID: c.ID, ClientSecret: c.Secret, Endpoint: provider.Endpoint(), RedirectURL: callback,
				Scopes: []string{oidc.ScopeOpenID, "email", oidc.ScopeOfflineAccess},
			}
			state, nonce, verifier, address := rand.Text(), rand.Text(), oauth2.GenerateVerifier(), newAddress()
			browser := newBrowser(t)
			page := browser.Get(conf.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
			l := &login{t: t, client: c, browser: browser, request: request{state: state}, address: address}
			l.waiting = postAddress(t, browser, page, address)
			token, err := conf.Exchange(ctx, l.code(l.openLink(l.mail().Link)), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			first := verified(ctx, t, provider, c.ID, token)
			if first.Nonce != nonce {
				t.Errorf("nonce %q", first.Nonce)
			}
			info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
			if err != nil || info.Subject != first.Subject || info.Email != address || !info.EmailVerified {
				t.Errorf("userinfo: %+v, %v", info, err)
			}
			renewed := renew(ctx, t, conf, token)
			if got := verified(ctx, t, provider, c.ID, renewed); got.Subject != first.Subject {
				t.Errorf("the refreshed ID token names %q", got.Subject)
			}
			logOut(t, l, provider, renewed.Extra("id_token").(string))
		})
	}
}

func verified(ctx context.Context, t *testing.T, p *oidc.Provider, clientID string, token *oauth2.Token) *oidc.IDToken {
	t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := p.VerifierContext(ctx, &oidc.Config{ClientID: clientID}).Verify(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			t.Error(err)
		}
	}
	return id
}

func renew(ctx context.Context, t *testing.T, conf *oauth2.Config, token *oauth2.Token) *oauth2.Token {
	t.Helper()
	renewed, err := conf.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil {
		t.Fatal(err)
	}
	if renewed.RefreshToken == token.RefreshToken || renewed.RefreshToken == "" || renewed.AccessToken == token.AccessToken {
		t.Error("the refresh did not rotate")
	}
	return renewed
}

func logOut(t *testing.T, l *login, p *oidc.Provider, idToken string) {
	t.Helper()
	var m struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := p.Claims(&m); err != nil {
		t.Fatal(err)
	}
	q := url.Values{"id_token_hint": {idToken}, "post_logout_redirect_uri": {"https://app.example/bye"}, "state": {"s"}}
	l.browser.StopAt("https://app.example/")
	page := l.browser.Get(m.EndSession + "?" + q.Encode())
	if got := page.URL.String(); got != "https://app.example/bye?state=s" {
		t.Errorf("logout ends with status %d at %s:\n%s", page.Status, got, page.Body)
	}
	silent := l.browser.Get(l.client.request("prompt", "none").url)
	if got := silent.URL.Query().Get("error"); got != "login_required" {
		t.Errorf("after logout, prompt=none is answered %q", silent.URL.Redacted())
	}
}

func TestLogoutWithoutAHintAsksFirst(t *testing.T) {
	t.Parallel()
	c := newClient(t, shared)
	l := begin(t, c, newBrowser(t), newAddress())
	l.finish(l.openLink(l.mail().Link))
	end := metadata(t, shared)["end_session_endpoint"].(string)
	page := l.browser.Get(end)
	if page.Status != http.StatusOK || len(page.Forms()) != 1 {
		t.Fatalf("status %d, %d forms:\n%s", page.Status, len(page.Forms()), page.Body)
	}
	if p := l.browser.Get(c.request("prompt", "none").url); p.URL.Query().Get("code") == "" {
		t.Error("asking signed out already")
	}
	form := page.Forms()[0]
	l.browser.Submit(page, form, submitter(form), nil)
	if p := l.browser.Get(c.request("prompt", "none").url); p.URL.Query().Get("error") != "login_required" {
		t.Error("agreeing did not sign out")
	}
}

func TestRefreshTokenStolenAndReplayedEndsTheFamily(t *testing.T) {
	t.Parallel()
	c := newClient(t, shared)
	l := begin(t, c, newBrowser(t), newAddress())
	tokens := l.finish(l.openLink(l.mail().Link))
	use := func(token any) (int, map[string]any) {
		return c.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.(string)}})
	}
	_, second := use(tokens["refresh_token"])
	_, third := use(second["refresh_token"])
	if third["refresh_token"] == nil {
		t.Fatalf("no third refresh token: %v", third)
	}
	if status, answer := use(tokens["refresh_token"]); status != http.StatusBadRequest || answer["error"] != "invalid_grant" {
		t.Errorf("a token two rotations old: %d %v", status, answer)
	}
	if status, answer := use(third["refresh_token"]); status != http.StatusBadRequest {
		t.Errorf("the family lives on: %d %v", status, answer)
	}
}

func TestAuthorizationCodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t, shared)
	l := begin(t, c, newBrowser(t), newAddress())
	code := l.code(l.openLink(l.mail().Link))
	_, tokens := c.redeem(code, l.request)
	if status, answer := c.redeem(code, l.request); status != http.StatusBadRequest || answer["error"] != "invalid_grant" {
		t.Errorf("second redemption: %d %v", status, answer)
	}
	userinfo := metadata(t, shared)["userinfo_endpoint"].(string)
	access, _ := tokens["access_token"].(string)
	answer, _ := ask(t, http.MethodGet, userinfo, nil, "Authorization", "Bearer "+access)
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("reuse left the tokens alive: userinfo %d", answer.StatusCode)
	}
}

func TestAccessTokenIsRFC9068(t *testing.T) {
	t.Parallel()
	c := newClient(t, shared)
	l := begin(t, c, newBrowser(t), newAddress())
	token, _ := l.finish(l.openLink(l.mail().Link))["access_token"].(string)
	var header, claims map[string]any
	for i, part := range []*map[string]any{&header, &claims} {
		if err := json.Unmarshal(decodePart(t, token, i), part); err != nil {
			t.Fatal(err)
		}
	}
	if header["typ"] != "at+jwt" || claims["iss"] != shared.Issuer || claims["client_id"] != c.ID {
		t.Errorf("access token: %v %v", header, claims)
	}
	if scope, _ := claims["scope"].(string); !strings.Contains(scope, "openid") {
		t.Errorf("scope %q", scope)
	}
}
