package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// revoke ends a refresh token at the provider, and all that came of it.
func (t *tool) revoke(ctx context.Context, token string) error {
	var metadata struct {
		Revocation string `json:"revocation_endpoint"`
	}
	if err := t.provider.Claims(&metadata); err != nil {
		return err
	}
	form := url.Values{"token": {token}, "client_id": {t.config.ClientID}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, metadata.Revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("revocation: %s", answer.Status)
	}
	return nil
}
