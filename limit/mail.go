package limit

import (
	"context"
	"net/netip"
	"time"

	"postern/idp"
)

// counted is one key of a request for a mail, with what became of it.
type counted struct {
	hit idp.Hit
	idp.Verdict
}

// mailHits are all keys that one request for a mail counts on.
type mailHits struct {
	peer, tenant, mailbox, everywhere counted
	// known is nil unless the browser has signed in with the address before.
	known *counted
}

func (m *mailHits) all() []*counted {
	all := []*counted{&m.peer, &m.tenant, &m.mailbox, &m.everywhere}
	if m.known != nil {
		all = append(all, m.known)
	}
	return all
}

// Mail counts a request for a mail by peer to an address; known names a browser
// that has signed in with this address before, or is empty.
//
// A known browser has a bucket of its own, and a mail goes out if that or both
// buckets of the mailbox allow it. It counts on all of them: while nobody else
// asks, they fill alike and the known browser gets no more mail than any other;
// when somebody has used up the mailbox's, here or in other tenants, its own is
// still there, and nobody but this browser can fill that one.
//
// What is refused leaves no count behind: not with the mailbox where no mail
// goes out (or asking in vain in one tenant would use up the limit of all), and
// nowhere where the peer or the tenant is over its own limit.
func (l *Limiter) Mail(ctx context.Context, t idp.Tenant, to idp.Address, peer netip.Addr, known string, now time.Time) (idp.MailDecision, error) {
	m := l.mailHits(t, to, peer, known)
	if retryAt, refused := l.front.Refused(m.peer.hit.Key, now); refused {
		return idp.MailDecision{Refused: idp.RefusedPeer, RetryAt: retryAt}, nil
	}
	if retryAt, refused := l.front.Refused(m.tenant.hit.Key, now); refused {
		return idp.MailDecision{Refused: idp.RefusedTenant, RetryAt: retryAt}, nil
	}
	all := m.all()
	hits := make([]idp.Hit, len(all))
	for i, c := range all {
		hits[i] = c.hit
	}
	verdicts, err := l.take(ctx, hits, now)
	if err != nil {
		return idp.MailDecision{}, err
	}
	for i, c := range all {
		c.Verdict = verdicts[i]
	}
	return l.decide(ctx, t, m, now), nil
}

func (l *Limiter) mailHits(t idp.Tenant, to idp.Address, peer netip.Addr, known string) *mailHits {
	mailbox := to.Mailbox()
	m := &mailHits{
		peer:       counted{hit: idp.Hit{Key: l.keys.sending(peer), Rules: copied(l.rules.Sending)}},
		tenant:     counted{hit: idp.Hit{Key: l.keys.tenant(t.ID), Rules: copied(l.rules.Tenant)}},
		mailbox:    counted{hit: idp.Hit{Key: l.keys.mailbox(t.ID, mailbox), Rules: copied(l.rules.Mailbox)}},
		everywhere: counted{hit: idp.Hit{Key: l.keys.everywhere(mailbox), Rules: copied(l.rules.Everywhere)}},
	}
	if known != "" {
		m.known = &counted{hit: idp.Hit{Key: l.keys.known(t.ID, mailbox, known), Rules: copied(l.rules.Known)}}
	}
	return m
}

func (l *Limiter) decide(ctx context.Context, t idp.Tenant, m *mailHits, now time.Time) idp.MailDecision {
	switch {
	case !m.peer.Allowed:
		l.front.Refuse(m.peer.hit.Key, m.peer.RetryAt, now)
		l.giveBack(ctx, taken(now, m.all()...))
		return idp.MailDecision{Refused: idp.RefusedPeer, RetryAt: m.peer.RetryAt}
	case !m.tenant.Allowed:
		l.front.Refuse(m.tenant.hit.Key, m.tenant.RetryAt, now)
		l.log.ErrorContext(ctx, "a tenant is over its limit of mails", "tenant_id", t.ID, "retry_at", m.tenant.RetryAt)
		l.giveBack(ctx, taken(now, m.all()...))
		return idp.MailDecision{Refused: idp.RefusedTenant, RetryAt: m.tenant.RetryAt}
	}
	decision := idp.MailDecision{Send: m.mayBeSent(), NextMail: m.next()}
	mailboxes := []*counted{&m.mailbox, &m.everywhere}
	if m.known != nil {
		mailboxes = append(mailboxes, m.known)
	}
	if !decision.Send {
		l.giveBack(ctx, taken(now, mailboxes...))
		mailboxes = nil
	}
	decision.Taken = taken(now, append(mailboxes, &m.peer)...)
	return decision
}

func (m *mailHits) mayBeSent() bool {
	return m.mailbox.Allowed && m.everywhere.Allowed || m.known != nil && m.known.Allowed
}

// next is when the same browser can get the next mail.
func (m *mailHits) next() time.Time {
	next := m.mailbox.RetryAt
	if m.everywhere.RetryAt.After(next) {
		next = m.everywhere.RetryAt
	}
	if m.known != nil && m.known.RetryAt.Before(next) {
		next = m.known.RetryAt
	}
	return next
}

// taken lists what was counted.
func taken(at time.Time, all ...*counted) []idp.Taken {
	var list []idp.Taken
	for _, c := range all {
		if c.Allowed {
			list = append(list, idp.Taken{Key: c.hit.Key, At: at, Rules: c.hit.Rules})
		}
	}
	return list
}
