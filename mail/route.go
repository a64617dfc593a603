package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// line is one of the ways that a mail may take.
type line struct {
	name      string
	transport Transport
	account   Account // the zero one for a transport that is none of an account's
	breaker   breaker
}

// newLine opens nothing yet. Helo is the domain to greet with where the account
// has no sender of its own.
func newLine(a Account, helo string, roots *tls.Config) (*line, error) {
	if a.From != "" {
		helo = a.From.Domain()
	}
	smtp, err := NewSMTP(SMTPConfig{Account: a, Helo: helo, TLS: roots})
	if err != nil {
		return nil, err
	}
	return &line{name: a.Name, transport: smtp, account: a}, nil
}

func (l *line) close() {
	if smtp, ok := l.transport.(*SMTP); ok {
		smtp.Close()
	}
}

// addressed is the message as it goes out this way: from the account's sender,
// with what its provider wants to be told, signed by the keys of the sender's domain.
func (l *line) addressed(m Message, signers [][]*Signer) Message {
	p := l.account.provider()
	if l.account.From != "" {
		m.From.Address = l.account.From
	}
	domain := m.From.Address.Domain()
	local, _, _ := strings.Cut(m.MessageID, "@")
	m.MessageID = local + "@" + domain
	m.Headers = append(m.Headers[:len(m.Headers):len(m.Headers)], p.Headers...)
	m.Signers = signersOf(domain, signers, p.Rewrites)
	return m
}

// signersOf gives the keys of the first owner who has any of the domain.
func signersOf(domain string, owners [][]*Signer, rewritten []string) (signers []*Signer) {
	for _, owner := range owners {
		for _, s := range owner {
			if s.covers(domain) {
				signers = append(signers, s.sparing(rewritten))
			}
		}
		if signers != nil {
			break
		}
	}
	return signers
}

// route is the order in which a mail's ways are tried.
type route struct {
	lines   []*line
	signers [][]*Signer // the tenant's, the instance's
	clock   func() time.Time
	log     *slog.Logger
}

// send tries one way after the other, until one takes the mail, one may have, or
// there is no mailbox. Each gets its share of the time that is left.
func (r route) send(ctx context.Context, m Message) error {
	var failures []error
	order := r.order()
	for i, l := range order {
		err := r.try(ctx, l, m, len(order)-i)
		if err == nil || errors.Is(err, ErrUnknown) || errors.Is(err, ErrNoMailbox) {
			return err
		}
		failures = append(failures, fmt.Errorf("%s: %w", l.name, err))
		if i < len(order)-1 {
			r.log.WarnContext(ctx, "mail goes another way", "tenant_id", m.TenantID, "transport", l.name, "error", err)
		}
	}
	return worst(failures)
}

// order puts those behind that could not be reached a moment ago.
func (r route) order() []*line {
	now := r.clock()
	var ready, late []*line
	for _, l := range r.lines {
		if l.breaker.isLate(now) {
			late = append(late, l)
		} else {
			ready = append(ready, l)
		}
	}
	return append(ready, late...)
}

func (r route) try(ctx context.Context, l *line, m Message, left int) error {
	now := r.clock()
	if err := l.breaker.allow(now); err != nil {
		return err
	}
	if deadline, bounded := ctx.Deadline(); bounded {
		var cancel context.CancelFunc
		// A context's deadline is by the system's clock, not by ours.
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	err := l.transport.Send(ctx, l.addressed(m, r.signers))
	if l.breaker.result(err, r.clock()) {
		r.log.ErrorContext(ctx, "mail login refused: see `postern mail test`", "tenant_id", m.TenantID, "transport", l.name, "error", err)
	}
	return err
}

// worst makes one error of several: a mail that any of them may take later is
// tried again.
func worst(failures []error) error {
	if len(failures) == 0 {
		return fmt.Errorf("%w: no transport", ErrTemporary)
	}
	return errors.Join(failures...)
}
