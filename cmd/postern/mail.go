package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"postern/idp"
	"postern/mail"
)

// maxSecret is longer than any password, token or key.
const maxSecret = 16 << 10

// readSecret reads a secret of one line from the file that a mail account names.
func readSecret(file string) (mail.Secret, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return "", err
	}
	defer f.Close()
	return secretIn(f, file)
}

func secretIn(r io.Reader, name string) (mail.Secret, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	secret := strings.TrimRight(string(raw), "\r\n")
	if secret == "" || len(raw) > maxSecret || strings.ContainsAny(secret, "\r\n") {
		return "", fmt.Errorf("%s: one line with the secret is wanted", name)
	}
	return mail.Secret(secret), nil
}

// canMail refuses to serve where no login mail could go out.
func canMail(ctx context.Context, store mail.Setups, s settings) error {
	if len(s.accounts) > 0 {
		return nil
	}
	row, err := store.FindMailSetup(ctx, idp.Instance)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return err
	}
	if err == nil {
		setup, err := mail.OpenSetup(s.box, row)
		if err != nil {
			return err
		}
		if len(setup.Accounts) > 0 {
			return nil
		}
	}
	return errors.New("no way to send mail: name a server by --smtp, such as smtp://USER:PASSWORD@smtp.example.com:587, or keep one sealed by `postern mail set --instance URL`")
}
