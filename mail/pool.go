package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// mailsPerConnection is when a connection is renewed; servers set limits of their own.
const mailsPerConnection = 100

// SMTP is a transport over a few connections that it keeps open. It is safe for
// concurrent use.
type SMTP struct {
	server server
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

// NewSMTP reads the configuration; it does not connect yet.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Connections <= 0 {
		c.Connections = 8
	}
	if c.Idle <= 0 {
		c.Idle = 30 * time.Second
	}
	if c.Helo == "" {
		return nil, errors.New("mail server: no name to greet with")
	}
	s, err := parseServer(c)
	if err != nil {
		return nil, err
	}
	return &SMTP{server: s, slots: make(chan struct{}, c.Connections), idle: c.Idle}, nil
}

// Server names host and port, for the log.
func (t *SMTP) Server() string {
	return net.JoinHostPort(t.server.host, strconv.Itoa(t.server.port))
}

// Send hands the message over, on a kept connection if there is one. If that
// turns out to be dead before the server heard of a recipient, a fresh one is
// used; never later.
func (t *SMTP) Send(ctx context.Context, m Message) error {
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
		v, err := kept.send(ctx, m)
		t.put(kept, v)
		if !v.stale || ctx.Err() != nil {
			return err
		}
	}
	fresh, err := t.server.dial(ctx)
	if err != nil {
		return err
	}
	v, err := fresh.send(ctx, m)
	t.put(fresh, v)
	return err
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
