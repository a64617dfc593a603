// Command cli is a program for the terminal whose person signs in with a browser
// on any device (RFC 8628), and which stays signed in by a refresh token.
//
//	postern client create --tenant demo --name Tool --public --grant refresh_token \
//	  --grant urn:ietf:params:oauth:grant-type:device_code
//	ISSUER=http://127.0.0.1:8080/t/demo CLIENT_ID=… go run ./examples/cli
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	provider, err := oidc.NewProvider(ctx, os.Getenv("ISSUER"))
	if err != nil {
		return err
	}
	config := oauth2.Config{
		ClientID: os.Getenv("CLIENT_ID"), Endpoint: provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "email", oidc.ScopeOfflineAccess},
	}
	device, err := config.DeviceAuth(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("Open %s on any device\nand type the code %s\n", device.VerificationURI, device.UserCode)
	fmt.Printf("or open %s\n", device.VerificationURIComplete)
	// It asks again and again, as often as the provider lets it.
	token, err := config.DeviceAccessToken(ctx, device)
	if err != nil {
		return err
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return errors.New("no ID token")
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return err
	}
	var claims struct {
		Email string `json:"email"`
	}
	if err := id.Claims(&claims); err != nil {
		return err
	}
	fmt.Printf("Hello %s\n", claims.Email)
	// A refreshed token shows that the tool stays signed in.
	token.Expiry = token.Expiry.AddDate(-1, 0, 0)
	if _, err := config.TokenSource(ctx, token).Token(); err != nil {
		return err
	}
	fmt.Println("Refreshed once")
	return nil
}
