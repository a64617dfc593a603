package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// mailsPerConnection is when a connection is renewed; servers set limits of their own.
const mailsPerConnection = 100

// SMTP is a transport over a few connections that it keeps open. It is safe for
// concurrent use.
type SMTP struct {
	server *server
	slots  chan struct{}
	idle   time.Duration

	mu     sync.Mutex
	kept   []*keptSession // the last used at the end
	closed bool
}

type keptSession struct {
	*session
	expiry *time.Timer
}

// SMTPConfig says how to use an account.
type SMTPConfig struct {
	Account Account
	// Helo is the name to greet with: the sender's domain, never this machine's.
	Helo string
	// TLS, if not nil, is taken for its roots; name and lowest version are set here.
	TLS *tls.Config
	// Timeout bounds connecting, and then each mail. Zero is 30 seconds.
	Timeout time.Duration
	// Connections bounds how many mails go out at once. Zero is 8.
	Connections int
	// Idle is how long a connection is kept open for the next mail. Zero is 30 seconds.
	Idle time.Duration
	// Trace sees the steps.
	Trace Trace
}

// NewSMTP checks the configuration; it does not connect yet.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	if err := c.Account.Validate(); err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	if c.Helo == "" {
		return nil, errors.New("mail server: no name to greet with")
	}
	setDefault(&c.Timeout, 30*time.Second)
	setDefault(&c.Connections, 8)
	setDefault(&c.Idle, 30*time.Second)
	s := &server{account: c.Account, helo: c.Helo, timeout: c.Timeout, tls: &tls.Config{}, trace: c.Trace}
	if c.TLS != nil {
		s.tls = c.TLS.Clone()
	}
	s.tls.ServerName, s.tls.MinVersion = c.Account.Host, tls.VersionTLS12
	if c.Account.OAuth != nil {
		s.tokens.config = *c.Account.OAuth
	}
	return &SMTP{server: s, slots: make(chan struct{}, c.Connections), idle: c.Idle}, nil
}

// Send hands the message over, on a kept connection if there is one. If that
// turns out to be dead before the server heard of a recipient, a fresh one is
// used; never later.
func (t *SMTP) Send(ctx context.Context, m Message) error {
	data, err := m.Bytes()
	if err != nil {
		return err
	}
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrTemporary, ctx.Err())
	}
	for {
		kept := t.take()
		if kept == nil {
			break
		}
		v := kept.send(ctx, m, data)
		t.put(kept, v)
		if !v.stale || ctx.Err() != nil {
			return v.err
		}
	}
	fresh, err := t.server.dial(ctx)
	if err != nil {
		return err
	}
	v := fresh.send(ctx, m, data)
	t.put(fresh, v)
	return v.err
}

// Close ends the kept connections. Mails on their way go on; their connections
// are not kept.
func (t *SMTP) Close() {
	t.mu.Lock()
	kept := t.kept
	t.kept, t.closed = nil, true
	t.mu.Unlock()
	for _, k := range kept {
		if k.expiry.Stop() {
			k.quit()
		}
	}
}

func (t *SMTP) take() *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.kept) > 0 {
		last := t.kept[len(t.kept)-1]
		t.kept = t.kept[:len(t.kept)-1]
		if last.expiry.Stop() {
			return last.session
		}
	}
	return nil
}

func (t *SMTP) put(s *session, v verdict) {
	if !v.reusable {
		s.abort()
		return
	}
	t.mu.Lock()
	keep := !t.closed && s.mails < mailsPerConnection
	if keep {
		kept := &keptSession{session: s}
		kept.expiry = time.AfterFunc(t.idle, func() { t.expire(kept) })
		t.kept = append(t.kept, kept)
	}
	t.mu.Unlock()
	if !keep {
		s.quit()
	}
}

func (t *SMTP) expire(k *keptSession) {
	t.mu.Lock()
	t.kept = slices.DeleteFunc(t.kept, func(other *keptSession) bool { return other == k })
	t.mu.Unlock()
	k.quit()
}
