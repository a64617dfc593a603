package main

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-chi/chi/v5"

	"postern/edge"
	"postern/idp"
	"postern/login"
	"postern/observe"
	"postern/storage"
)

// countedStore counts logins and mails by what their steps come to.
type countedStore struct {
	storage.Store
	metrics *observe.Metrics
}

// StartFlow implements storage.Store.
func (s countedStore) StartFlow(ctx context.Context, n idp.NewFlow) (idp.Started, error) {
	started, err := s.Store.StartFlow(ctx, n)
	if err == nil {
		s.metrics.LoginStarted()
	}
	return started, err
}

// CompleteFlow implements storage.Store.
func (s countedStore) CompleteFlow(ctx context.Context, c idp.Completion) (idp.Completed, error) {
	done, err := s.Store.CompleteFlow(ctx, c)
	if err == nil {
		s.metrics.LoginCompleted(completedBy[c.By])
	}
	return done, err
}

var completedBy = map[idp.CompletedBy]string{idp.ByLink: observe.ByLink, idp.ByRelay: observe.ByCode}

// FinishMails implements storage.Store.
func (s countedStore) FinishMails(ctx context.Context, t idp.TenantID, results []idp.MailResult) (int, error) {
	written, err := s.Store.FinishMails(ctx, t, results)
	if err == nil {
		for _, r := range results {
			s.metrics.Mail(mailOutcome[r.State])
		}
	}
	return written, err
}

// DueMails implements storage.Store.
func (s countedStore) DueMails(ctx context.Context, now time.Time, most int) (due, lapsed []idp.MailRef, err error) {
	due, lapsed, err = s.Store.DueMails(ctx, now, most)
	for range lapsed {
		s.metrics.Mail(observe.MailUnknown)
	}
	return due, lapsed, err
}

var mailOutcome = map[idp.OutboxState]string{
	idp.OutboxSent: observe.MailSent, idp.OutboxRefused: observe.MailRefused, idp.OutboxFailed: observe.MailFailed, idp.OutboxUnknown: observe.MailUnknown,
	idp.OutboxDropped: observe.MailDropped, idp.OutboxQueued: observe.MailRetried,
}

// countedLimits counts who is over a limit.
type countedLimits struct {
	login.Limits
	metrics *observe.Metrics
}

// Mail implements login.Limits.
func (l countedLimits) Mail(ctx context.Context, t idp.Tenant, r idp.MailRequest, now time.Time) (idp.MailDecision, error) {
	d, err := l.Limits.Mail(ctx, t, r, now)
	switch {
	case err != nil, d.Refused == idp.RefusedIdle:
	case d.Refused == idp.RefusedPeer:
		l.metrics.LimitHit(observe.LimitSending)
	case d.Refused == idp.RefusedTenant:
		l.metrics.LimitHit(observe.LimitTenant)
	case !d.Send:
		l.metrics.LimitHit(observe.LimitMailbox)
	}
	return d, err
}

// Attempt implements login.Limits.
func (l countedLimits) Attempt(ctx context.Context, t idp.Tenant, peer netip.Addr, now time.Time) (idp.Verdict, error) {
	return l.seen(l.Limits.Attempt(ctx, t, peer, now))
}

// MayAttempt implements login.Limits.
func (l countedLimits) MayAttempt(t idp.Tenant, peer netip.Addr, now time.Time) idp.Verdict {
	v, _ := l.seen(l.Limits.MayAttempt(t, peer, now), nil)
	return v
}

func (l countedLimits) seen(v idp.Verdict, err error) (idp.Verdict, error) {
	if err == nil && !v.Allowed {
		l.metrics.LimitHit(observe.LimitAttempt)
	}
	return v, err
}

// counted are the limits, with who is over one counted if that is asked for.
func (a *app) counted(limits login.Limits) login.Limits {
	if a.metrics == nil {
		return limits
	}
	return countedLimits{limits, a.metrics}
}

// recorder hangs metrics and traces on what the edge tells of requests.
func (a *app) recorder() *edge.Recorder {
	rc := &edge.Recorder{Log: a.term.log, Clock: a.term.clock, Pages: a.pages}
	if a.metrics == nil && a.tracer == nil {
		return rc
	}
	rc.Done = func(r *http.Request, status int, took time.Duration) {
		route := routeOf(r)
		a.metrics.Request(route, r.Method, status, took)
		if end, traced := r.Context().Value(spanKey{}).(func(observe.Route, int)); traced {
			end(route, status)
		}
	}
	return rc
}

type spanKey struct{}

// trace begins the span of each request; the recorder ends it.
func (a *app) trace(next http.Handler) http.Handler {
	if a.tracer == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, end := a.tracer.Request(r, edge.Proxies(a.proxies).Trusts(r))
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, spanKey{}, end))) //nolint:contextcheck // the request's own, with its span
	})
}

// routeOf gives the patterns that the router matched, once it has served.
func routeOf(r *http.Request) observe.Route {
	if matched := chi.RouteContext(r.Context()); matched != nil {
		return observe.RouteOf(matched.RoutePatterns)
	}
	return observe.Route{}
}

// vitals reads how the instance does, for a scrape.
func (a *app) vitals(ctx context.Context) observe.Reading {
	connections := a.store.Connections()
	reading := observe.Reading{
		Ready: a.notReady(ctx) == "",
		Busy:  connections.Busy, Open: connections.Open, Most: connections.Most, Waits: connections.Waits,
	}
	now := a.term.clock()
	if a.certificate != nil {
		reading.HasCertificate, reading.CertificateLeft = true, a.certificate.until().Sub(now)
	}
	v, err := a.store.Vitals(ctx, now)
	if err != nil {
		a.term.log.WarnContext(ctx, "vitals not read", "error", err)
		return reading
	}
	reading.Fresh, reading.MailsWaiting = true, v.MailsWaiting
	if !v.OldestMail.IsZero() {
		reading.MailWaits = now.Sub(v.OldestMail)
	}
	if !v.OldestKey.IsZero() {
		reading.KeyAge = now.Sub(v.OldestKey)
	}
	return reading
}
