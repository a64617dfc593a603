package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// relyingParty is the web app's side of OpenID Connect, as any app written with
// go-oidc and oauth2 has it.
type relyingParty struct {
	cfg    Config
	client *http.Client
	mu     sync.Mutex
	known  *discovered
}

type discovered struct {
	provider   *oidc.Provider
	endSession string
}

// account is who is signed in to the web app, and on what.
type account struct {
	IDToken      idToken
	UserInfo     string // pretty JSON
	Email        string
	refreshToken string
	Refreshed    int
	Rotated      bool // the last refresh brought a new refresh token
}

// CanRefresh tells whether there is a refresh token.
func (a account) CanRefresh() bool { return a.refreshToken != "" }

// discover reads the provider's metadata once.
func (rp *relyingParty) discover(ctx context.Context) (*discovered, error) {
	rp.mu.Lock()
	defer rp.mu.Unlock()
	if rp.known != nil {
		return rp.known, nil
	}
	// The provider keeps this context for later fetches of keys, so the request's
	// end must not cancel it.
	provider, err := oidc.NewProvider(rp.with(context.WithoutCancel(ctx)), rp.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	rp.known = &discovered{provider: provider, endSession: metadata.EndSession}
	return rp.known, nil
}

func (rp *relyingParty) with(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, rp.client)
}

func (rp *relyingParty) oauth(d *discovered) *oauth2.Config {
	return &oauth2.Config{
		ClientID:     rp.cfg.WebClientID,
		ClientSecret: rp.cfg.WebClientSecret,
		Endpoint:     d.provider.Endpoint(),
		RedirectURL:  rp.cfg.PublicURL + "/dev/app/callback",
		Scopes:       []string{oidc.ScopeOpenID, "email", "profile", oidc.ScopeOfflineAccess},
	}
}

// redeem turns an authorization code into an account.
func (rp *relyingParty) redeem(ctx context.Context, code string, p pending) (account, error) {
	d, err := rp.discover(ctx)
	if err != nil {
		return account{}, err
	}
	token, err := rp.oauth(d).Exchange(rp.with(ctx), code, oauth2.VerifierOption(p.verifier))
	if err != nil {
		return account{}, fmt.Errorf("token endpoint: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return account{}, errors.New("token endpoint: no id_token in the answer")
	}
	return rp.account(ctx, d, token, raw, p.nonce)
}

// renew uses the refresh token. Where the answer has no ID token, the last one stays.
func (rp *relyingParty) renew(ctx context.Context, a account) (account, error) {
	d, err := rp.discover(ctx)
	if err != nil {
		return account{}, err
	}
	spent := &oauth2.Token{RefreshToken: a.refreshToken, Expiry: time.Unix(1, 0)}
	token, err := rp.oauth(d).TokenSource(rp.with(ctx), spent).Token()
	if err != nil {
		return account{}, fmt.Errorf("token endpoint: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		raw = a.IDToken.raw
	}
	renewed, err := rp.account(ctx, d, token, raw, "")
	if err != nil {
		return account{}, err
	}
	if renewed.IDToken.subject != a.IDToken.subject { // OpenID Connect Core §12.2
		return account{}, errors.New("the refreshed ID token names someone else")
	}
	renewed.Refreshed = a.Refreshed + 1
	renewed.Rotated = renewed.refreshToken != a.refreshToken
	return renewed, nil
}

func (rp *relyingParty) account(ctx context.Context, d *discovered, token *oauth2.Token, raw, nonce string) (account, error) {
	checked, err := rp.verify(ctx, d, raw, nonce, token.AccessToken)
	if err != nil {
		return account{}, fmt.Errorf("ID token: %w", err)
	}
	info, err := d.provider.UserInfo(rp.with(ctx), oauth2.StaticTokenSource(token))
	if err != nil {
		return account{}, fmt.Errorf("userinfo: %w", err)
	}
	if info.Subject != checked.subject { // OpenID Connect Core §5.3.2
		return account{}, errors.New("userinfo names someone else than the ID token")
	}
	var claims json.RawMessage
	if err := info.Claims(&claims); err != nil {
		return account{}, fmt.Errorf("userinfo: %w", err)
	}
	return account{
		IDToken: checked, UserInfo: pretty(claims), Email: info.Email, refreshToken: token.RefreshToken,
	}, nil
}

// signOutURL starts RP-initiated logout (OpenID Connect RP-Initiated Logout §2).
func (rp *relyingParty) signOutURL(ctx context.Context, a account) (string, error) {
	d, err := rp.discover(ctx)
	if err != nil {
		return "", err
	}
	if d.endSession == "" {
		return "", errors.New("discovery: no end_session_endpoint")
	}
	u, err := url.Parse(d.endSession)
	if err != nil {
		return "", fmt.Errorf("end_session_endpoint: %w", err)
	}
	q := u.Query()
	q.Set("id_token_hint", a.IDToken.raw)
	q.Set("client_id", rp.cfg.WebClientID)
	q.Set("post_logout_redirect_uri", rp.cfg.PublicURL+"/dev/app")
	q.Set("state", signedOutState)
	u.RawQuery = q.Encode()
	return u.String(), nil
}
