package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificateCheck is how often the files of a certificate are looked at.
const certificateCheck = 5 * time.Second

// certificate is the server's own, which whoever renews it replaces in its files.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]
	pem               []byte // of both files; only watch changes it
}

// loadCertificate reads a certificate and its key; without files there is none.
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	if certFile == "" {
		return nil, nil //nolint:nilnil // no certificate is a way to serve
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	_, err := c.read()
	return c, err
}

// read takes what is in the files if it is something new and good.
func (c *certificate) read() (changed bool, err error) {
	cert, err := readPEM("--tls-cert", c.certFile)
	if err != nil {
		return false, err
	}
	key, err := readPEM("--tls-key", c.keyFile)
	if err != nil {
		return false, err
	}
	both := bytes.Join([][]byte{cert, key}, nil)
	if bytes.Equal(both, c.pem) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("--tls-cert %s and --tls-key %s: %w: name a certificate in PEM and the private key that it was made for", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	c.pem = both
	return true, nil
}

func readPEM(flag, path string) ([]byte, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names it
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: the user that runs postern may not read %s: let it", flag, path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w: name a file in PEM", flag, err)
	}
	return raw, nil
}

// watch looks at the files until ctx ends. While they are not good, the former
// certificate serves on.
func (c *certificate) watch(ctx context.Context) {
	if c == nil {
		return
	}
	ticker := time.NewTicker(certificateCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		switch changed, err := c.read(); {
		case err != nil:
			c.log.ErrorContext(ctx, "the certificate on disk is not good; the former one serves on", "error", err)
		case changed:
			c.log.InfoContext(ctx, "new certificate", "until", c.until().UTC())
		}
	}
}

// get implements tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

// until is when the certificate ends.
func (c *certificate) until() time.Time { return c.current.Load().Leaf.NotAfter }

// check tells the operator of a certificate that browsers will not take.
func (c *certificate) check(ctx context.Context, host string, now time.Time) {
	if c == nil {
		return
	}
	leaf := c.current.Load().Leaf
	if now.After(leaf.NotAfter) {
		c.log.ErrorContext(ctx, "the certificate has expired: renew it, it is read again by itself", "file", c.certFile, "expired", leaf.NotAfter.UTC())
	}
	if err := leaf.VerifyHostname(host); err != nil {
		c.log.ErrorContext(ctx, "the certificate is not for the host of --public-url: get one that is", "file", c.certFile, "error", err)
	}
}
