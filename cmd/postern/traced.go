package main

import (
	"context"
	"errors"
	"time"

	"postern/idp"
	"postern/mail"
	"postern/observe"
	"postern/storage"
)

// tracedStore makes a span of each step that a login or a token waits for.
type tracedStore struct {
	storage.Store
	tracer *observe.Tracer
}

// traced runs a step within a span.
func traced[T any](ctx context.Context, t *observe.Tracer, name string, step func(context.Context) (T, error)) (T, error) {
	ctx, span := t.Step(ctx, name)
	got, err := step(ctx)
	span.End(isFault(err))
	return got, err
}

// isFault tells a step that failed from one whose answer is no.
func isFault(err error) bool {
	for _, answer := range []error{
		idp.ErrNotFound, idp.ErrConflict, idp.ErrExpired, idp.ErrUsed, idp.ErrReplayed, idp.ErrMismatch, idp.ErrExhausted, idp.ErrNotAllowed,
	} {
		if errors.Is(err, answer) {
			return false
		}
	}
	return err != nil
}

// tracedTransport makes a span of each mail that is handed over.
type tracedTransport struct {
	mail.Transport
	tracer *observe.Tracer
}

// Send implements mail.Transport.
func (t tracedTransport) Send(ctx context.Context, m mail.Message) error {
	ctx, span := t.tracer.Step(ctx, "mail.Send")
	err := t.Transport.Send(ctx, m)
	span.End(err != nil)
	return err
}

// FindTenantBySlug implements storage.Store.
func (s tracedStore) FindTenantBySlug(ctx context.Context, slug string) (idp.Tenant, error) {
	return traced(ctx, s.tracer, "store.FindTenantBySlug", func(ctx context.Context) (idp.Tenant, error) {
		return s.Store.FindTenantBySlug(ctx, slug)
	})
}

// FindTenantByHost implements storage.Store.
func (s tracedStore) FindTenantByHost(ctx context.Context, host string) (idp.Tenant, error) {
	return traced(ctx, s.tracer, "store.FindTenantByHost", func(ctx context.Context) (idp.Tenant, error) {
		return s.Store.FindTenantByHost(ctx, host)
	})
}

// FindClient implements storage.Store.
func (s tracedStore) FindClient(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error) {
	return traced(ctx, s.tracer, "store.FindClient", func(ctx context.Context) (idp.Client, error) {
		return s.Store.FindClient(ctx, t, id)
	})
}

// SaveRequest implements storage.Store.
func (s tracedStore) SaveRequest(ctx context.Context, r idp.StoredRequest) error {
	return s.step(ctx, "store.SaveRequest", func(ctx context.Context) error { return s.Store.SaveRequest(ctx, r) })
}

// FindRequest implements storage.Store.
func (s tracedStore) FindRequest(ctx context.Context, t idp.TenantID, id string) (idp.StoredRequest, error) {
	return traced(ctx, s.tracer, "store.FindRequest", func(ctx context.Context) (idp.StoredRequest, error) {
		return s.Store.FindRequest(ctx, t, id)
	})
}

// StartFlow implements storage.Store.
func (s tracedStore) StartFlow(ctx context.Context, n idp.NewFlow) (idp.Started, error) {
	return traced(ctx, s.tracer, "store.StartFlow", func(ctx context.Context) (idp.Started, error) {
		return s.Store.StartFlow(ctx, n)
	})
}

// FindFlow implements storage.Store.
func (s tracedStore) FindFlow(ctx context.Context, t idp.TenantID, id idp.FlowID) (idp.Flow, error) {
	return traced(ctx, s.tracer, "store.FindFlow", func(ctx context.Context) (idp.Flow, error) {
		return s.Store.FindFlow(ctx, t, id)
	})
}

// FindFlowMail implements storage.Store.
func (s tracedStore) FindFlowMail(ctx context.Context, t idp.TenantID, id idp.FlowID) (f idp.Flow, m idp.OutboxEntry, err error) {
	err = s.step(ctx, "store.FindFlowMail", func(ctx context.Context) (err error) {
		f, m, err = s.Store.FindFlowMail(ctx, t, id)
		return err
	})
	return f, m, err
}

// Resend implements storage.Store.
func (s tracedStore) Resend(ctx context.Context, r idp.Resend) error {
	return s.step(ctx, "store.Resend", func(ctx context.Context) error { return s.Store.Resend(ctx, r) })
}

// CountAttempt implements storage.Store.
func (s tracedStore) CountAttempt(ctx context.Context, t idp.TenantID, id idp.FlowID, now time.Time) ([]idp.Link, error) {
	return traced(ctx, s.tracer, "store.CountAttempt", func(ctx context.Context) ([]idp.Link, error) {
		return s.Store.CountAttempt(ctx, t, id, now)
	})
}

// CompleteFlow implements storage.Store.
func (s tracedStore) CompleteFlow(ctx context.Context, c idp.Completion) (idp.Completed, error) {
	return traced(ctx, s.tracer, "store.CompleteFlow", func(ctx context.Context) (idp.Completed, error) {
		return s.Store.CompleteFlow(ctx, c)
	})
}

// FinishFlow implements storage.Store.
func (s tracedStore) FinishFlow(ctx context.Context, t idp.TenantID, id idp.FlowID, g idp.Grant, now time.Time) (idp.Completed, error) {
	return traced(ctx, s.tracer, "store.FinishFlow", func(ctx context.Context) (idp.Completed, error) {
		return s.Store.FinishFlow(ctx, t, id, g, now)
	})
}

// CreateGrant implements storage.Store.
func (s tracedStore) CreateGrant(ctx context.Context, g idp.Grant) error {
	return s.step(ctx, "store.CreateGrant", func(ctx context.Context) error { return s.Store.CreateGrant(ctx, g) })
}

// SigningKeys implements storage.Store.
func (s tracedStore) SigningKeys(ctx context.Context, t idp.TenantID, now time.Time) ([]idp.SigningKey, error) {
	return traced(ctx, s.tracer, "store.SigningKeys", func(ctx context.Context) ([]idp.SigningKey, error) {
		return s.Store.SigningKeys(ctx, t, now)
	})
}

// TakeHits implements storage.Store.
func (s tracedStore) TakeHits(ctx context.Context, hits []idp.Hit, now time.Time) ([]idp.Verdict, error) {
	return traced(ctx, s.tracer, "store.TakeHits", func(ctx context.Context) ([]idp.Verdict, error) {
		return s.Store.TakeHits(ctx, hits, now)
	})
}

// ClaimMail implements storage.Store.
func (s tracedStore) ClaimMail(ctx context.Context, ref idp.MailRef, lease time.Duration, now time.Time) (idp.ClaimedMail, error) {
	return traced(ctx, s.tracer, "store.ClaimMail", func(ctx context.Context) (idp.ClaimedMail, error) {
		return s.Store.ClaimMail(ctx, ref, lease, now)
	})
}

// BeginSending implements storage.Store.
func (s tracedStore) BeginSending(ctx context.Context, id idp.OutboxID, attempt int, link idp.Link, lease time.Duration) error {
	return s.step(ctx, "store.BeginSending", func(ctx context.Context) error { return s.Store.BeginSending(ctx, id, attempt, link, lease) })
}

// FinishMails implements storage.Store.
func (s tracedStore) FinishMails(ctx context.Context, t idp.TenantID, results []idp.MailResult) (int, error) {
	return traced(ctx, s.tracer, "store.FinishMails", func(ctx context.Context) (int, error) {
		return s.Store.FinishMails(ctx, t, results)
	})
}

// FindLink implements storage.Store.
func (s tracedStore) FindLink(ctx context.Context, t idp.TenantID, id string) (a idp.Link, b idp.Flow, err error) {
	err = s.step(ctx, "store.FindLink", func(ctx context.Context) error {
		a, b, err = s.Store.FindLink(ctx, t, id)
		return err
	})
	return a, b, err
}

// FindSession implements storage.Store.
func (s tracedStore) FindSession(ctx context.Context, t idp.TenantID, id idp.SessionID) (a idp.Session, b idp.User, err error) {
	err = s.step(ctx, "store.FindSession", func(ctx context.Context) error {
		a, b, err = s.Store.FindSession(ctx, t, id)
		return err
	})
	return a, b, err
}

// RedeemCode implements storage.Store.
func (s tracedStore) RedeemCode(ctx context.Context, r idp.Redemption) (a idp.Grant, b idp.User, err error) {
	err = s.step(ctx, "store.RedeemCode", func(ctx context.Context) error {
		a, b, err = s.Store.RedeemCode(ctx, r)
		return err
	})
	return a, b, err
}

// FindGrant implements storage.Store.
func (s tracedStore) FindGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, now time.Time) (a idp.Grant, b idp.User, err error) {
	err = s.step(ctx, "store.FindGrant", func(ctx context.Context) error {
		a, b, err = s.Store.FindGrant(ctx, t, id, now)
		return err
	})
	return a, b, err
}

// RotateRefresh implements storage.Store.
func (s tracedStore) RotateRefresh(ctx context.Context, r idp.Rotation) (idp.Rotated, error) {
	return traced(ctx, s.tracer, "store.RotateRefresh", func(ctx context.Context) (idp.Rotated, error) {
		return s.Store.RotateRefresh(ctx, r)
	})
}

func (s tracedStore) step(ctx context.Context, name string, do func(context.Context) error) error {
	_, err := traced(ctx, s.tracer, name, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}
