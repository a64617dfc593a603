package limit

import (
	"context"
	"slices"
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
	// site is the wider network of an IPv6 peer, and nil for any other.
	site *counted
}

func (m *mailHits) all() []*counted {
	all := []*counted{&m.peer, &m.tenant, &m.mailbox, &m.everywhere}
	if m.known != nil {
		all = append(all, m.known)
	}
	if m.site != nil {
		all = append(all, m.site)
	}
	return all
}

// peers are what stands for the network that asks.
func (m *mailHits) peers() []*counted {
	if m.site != nil {
		return []*counted{&m.peer, m.site}
	}
	return []*counted{&m.peer}
}

// Mail counts a request for a mail.
//
// A known browser has a bucket of its own, and a mail goes out if that or both
// buckets of the mailbox allow it. It counts on all of them: while nobody else
// asks, they fill alike and the known browser gets no more mail than any other;
// when somebody has used up the mailbox's, here or in other tenants, its own is
// still there, and nobody but this browser can fill that one.
//
// What is refused leaves no count behind: not with the mailbox where no mail
// goes out (or asking in vain in one tenant would use up the limit of all), and
// nowhere where the peer or the tenant is over its own limit. Who is asked to do
// some work first, as the tenant wants it of all but known browsers once there is
// much asking, counts as a peer and nowhere else: so what never works uses up
// nobody's limit but its own.
func (l *Limiter) Mail(ctx context.Context, t idp.Tenant, r idp.MailRequest, now time.Time) (idp.MailDecision, error) {
	m := l.mailHits(t, r)
	if decision, refused := l.justRefused(m, now); refused {
		return decision, nil
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
	if decision, refused := l.refused(ctx, t, m, now); refused {
		return decision, nil
	}
	if !r.Worked && r.Known == "" && m.busy(t.Settings.Work) {
		l.GiveBack(ctx, taken(now, &m.tenant, &m.mailbox, &m.everywhere))
		return idp.MailDecision{Refused: idp.RefusedIdle}, nil
	}
	return l.decide(ctx, m, now), nil
}

// justRefused repeats what the store has said a moment ago.
func (l *Limiter) justRefused(m *mailHits, now time.Time) (idp.MailDecision, bool) {
	for _, p := range m.peers() {
		if retryAt, refused := l.front.Refused(p.hit.Key, now); refused {
			return idp.MailDecision{Refused: idp.RefusedPeer, RetryAt: retryAt}, true
		}
	}
	if retryAt, refused := l.front.Refused(m.tenant.hit.Key, now); refused {
		return idp.MailDecision{Refused: idp.RefusedTenant, RetryAt: retryAt}, true
	}
	return idp.MailDecision{}, false
}

func (l *Limiter) mailHits(t idp.Tenant, r idp.MailRequest) *mailHits {
	mailbox, own := r.To.Mailbox(), t.Settings.Limits
	counter, sending := everyone, l.rules.Sending
	if len(own.Sending) > 0 {
		counter, sending = t.ID, own.Sending
	}
	m := &mailHits{
		peer:       count(l.keys.sending(counter, r.Peer), sending),
		tenant:     count(l.keys.tenant(t.ID), ownOr(own.Tenant, l.rules.Tenant)),
		mailbox:    count(l.keys.mailbox(t.ID, mailbox), ownOr(own.Mailbox, l.rules.Mailbox)),
		everywhere: count(l.keys.everywhere(mailbox), l.rules.Everywhere),
	}
	if r.Known != "" {
		c := count(l.keys.known(t.ID, mailbox, r.Known), ownOr(own.Known, l.rules.Known))
		m.known = &c
	}
	if key, wide := l.keys.site(counter, r.Peer); wide {
		c := count(key, widened(sending))
		m.site = &c
	}
	return m
}

func count(key idp.LimitKey, rules []idp.Rule) counted {
	return counted{hit: idp.Hit{Key: key, Rules: slices.Clone(rules)}}
}

func ownOr(own, instances []idp.Rule) []idp.Rule {
	if len(own) > 0 {
		return own
	}
	return instances
}

// refused tells who is over a limit of requests, and leaves no count behind.
func (l *Limiter) refused(ctx context.Context, t idp.Tenant, m *mailHits, now time.Time) (idp.MailDecision, bool) {
	for _, p := range m.peers() {
		if !p.Allowed {
			l.front.Refuse(p.hit.Key, p.RetryAt, now)
			l.GiveBack(ctx, taken(now, m.all()...))
			return idp.MailDecision{Refused: idp.RefusedPeer, RetryAt: p.RetryAt}, true
		}
	}
	if !m.tenant.Allowed {
		l.front.Refuse(m.tenant.hit.Key, m.tenant.RetryAt, now)
		l.log.ErrorContext(ctx, "a tenant is over its limit of mails", "tenant_id", t.ID, "retry_at", m.tenant.RetryAt)
		l.GiveBack(ctx, taken(now, m.all()...))
		return idp.MailDecision{Refused: idp.RefusedTenant, RetryAt: m.tenant.RetryAt}, true
	}
	return idp.MailDecision{}, false
}

// busy tells that the share of a limit is used from which on work is asked for,
// of the network that asks or of the whole tenant.
func (m *mailHits) busy(work idp.Work) bool {
	percent, ok := work.Share()
	return ok && slices.ContainsFunc(append(m.peers(), &m.tenant), func(c *counted) bool {
		return 100*c.Remaining < (100-percent)*smallest(c.hit.Rules)
	})
}

func (l *Limiter) decide(ctx context.Context, m *mailHits, now time.Time) idp.MailDecision {
	decision := idp.MailDecision{Send: m.mayBeSent(), NextMail: m.next()}
	mailboxes := []*counted{&m.mailbox, &m.everywhere}
	if m.known != nil {
		mailboxes = append(mailboxes, m.known)
	}
	if !decision.Send {
		l.GiveBack(ctx, taken(now, mailboxes...))
		mailboxes = nil
	}
	decision.Taken = slices.DeleteFunc(taken(now, append(mailboxes, m.peers()...)...), isLarge)
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

// isLarge tells a count of a limit so large that a completed login need not
// give it back.
func isLarge(t idp.Taken) bool { return aheadOf(t.Rules) > 1 }

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
