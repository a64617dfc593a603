// Command cli is a program for the terminal whose person signs in with a browser
// on any device (RFC 8628), and which stays signed in by a refresh token.
// README.md beside it says how to run it. It reads from the environment:
//
//   - ISSUER, CLIENT_ID: the tenant and the client that it is there
//   - API: the API that it calls, by the URL that is also its name in the tenant
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string) error {
	commands := map[string]func(*tool, context.Context) error{
		"sign-in": (*tool).signIn, "hello": (*tool).hello, "sign-out": (*tool).signOut,
	}
	if len(args) != 1 || commands[args[0]] == nil {
		return errors.New("usage: cli sign-in | hello | sign-out")
	}
	t, err := newTool(ctx)
	if err != nil {
		return err
	}
	return commands[args[0]](t, ctx)
}

// tool is what the commands have in common.
type tool struct {
	provider *oidc.Provider
	config   oauth2.Config
	api      string
	tokens   store
}

func newTool(ctx context.Context) (*tool, error) {
	provider, err := oidc.NewProvider(ctx, os.Getenv("ISSUER"))
	if err != nil {
		return nil, err
	}
	tokens, err := newStore()
	if err != nil {
		return nil, err
	}
	scopes := []string{oidc.ScopeOpenID, "email", oidc.ScopeOfflineAccess, "greet"}
	config := oauth2.Config{ClientID: os.Getenv("CLIENT_ID"), Endpoint: provider.Endpoint(), Scopes: scopes}
	return &tool{provider: provider, config: config, api: os.Getenv("API"), tokens: tokens}, nil
}

// signIn shows a code, waits until the person has signed in with it, and keeps
// the tokens.
func (t *tool) signIn(ctx context.Context) error {
	device, err := t.config.DeviceAuth(ctx, oauth2.SetAuthURLParam("resource", t.api))
	if err != nil {
		return err
	}
	fmt.Printf("Open %s on any device\nand type the code %s\n", device.VerificationURI, device.UserCode)
	fmt.Printf("or open %s\n", device.VerificationURIComplete)
	// It asks again and again, as often as the provider lets it.
	token, err := t.config.DeviceAccessToken(ctx, device)
	if err != nil {
		return err
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return errors.New("no ID token")
	}
	id, err := t.provider.Verifier(&oidc.Config{ClientID: t.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return err
	}
	var claims struct {
		Email string `json:"email"`
	}
	if err := id.Claims(&claims); err != nil {
		return err
	}
	if err := t.tokens.save(token); err != nil {
		return err
	}
	fmt.Printf("Signed in as %s\n", claims.Email)
	return nil
}

// hello calls the API, after a refresh if the access token has ended.
func (t *tool) hello(ctx context.Context) error {
	old, err := t.tokens.load()
	if err != nil {
		return err
	}
	token, err := t.config.TokenSource(ctx, old).Token()
	if err != nil {
		return fmt.Errorf("%w; sign-in starts anew", err)
	}
	if token.RefreshToken != old.RefreshToken {
		if err := t.tokens.save(token); err != nil { // the old one is good no more
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.api+"/hello", nil)
	if err != nil {
		return err
	}
	token.SetAuthHeader(r)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the API answers %s", answer.Status)
	}
	fmt.Printf("The API says %s", body)
	return nil
}

// signOut revokes the refresh token (RFC 7009) and forgets all tokens.
func (t *tool) signOut(ctx context.Context) error {
	token, err := t.tokens.load()
	if err != nil {
		return err
	}
	if err := t.revoke(ctx, token.RefreshToken); err != nil {
		return err
	}
	if err := t.tokens.remove(); err != nil {
		return err
	}
	fmt.Println("Signed out")
	return nil
}
