package login_test

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"postern/idp"
	"postern/login"
)

// limits says what a test wants it to, by default that a mail can be sent, and
// another one a minute later.
type limits struct {
	mu      sync.Mutex
	mail    func(to idp.Address, known string, now time.Time) (idp.MailDecision, error)
	verdict *idp.Verdict
	busy    bool     // there is much asking
	asked   []string // what Mail was asked: address and known browser
	counted int      // attempts
	back    []idp.Taken
}

func (l *limits) GiveBack(_ context.Context, taken []idp.Taken) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back = append(l.back, taken...)
}

func (l *limits) Mail(_ context.Context, t idp.Tenant, r idp.MailRequest, now time.Time) (idp.MailDecision, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, string(r.To)+" "+r.Known)
	if _, share := t.Settings.Work.Share(); l.busy && share && !r.Worked {
		return idp.MailDecision{Refused: idp.RefusedIdle}, nil
	}
	if l.mail != nil {
		return l.mail(r.To, r.Known, now)
	}
	return idp.MailDecision{Send: true, NextMail: now.Add(time.Minute)}, nil
}

func (l *limits) Attempt(context.Context, idp.Tenant, netip.Addr, time.Time) (idp.Verdict, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counted++
	if l.verdict != nil {
		return *l.verdict, nil
	}
	return idp.Verdict{Allowed: true}, nil
}

func (l *limits) MayAttempt(idp.Tenant, netip.Addr, time.Time) idp.Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.verdict != nil {
		return *l.verdict
	}
	return idp.Verdict{Allowed: true}
}

// outbox remembers which entries the worker was woken for, and what was sent by
// the hands that it has free.
type outbox struct {
	mu   sync.Mutex
	refs []idp.MailRef
	free int
	sent []idp.ClaimedMail
}

func (o *outbox) Hold(t idp.Tenant, f idp.Flow, now time.Time) *idp.Dispatch {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.free == 0 {
		return nil
	}
	o.free--
	credential := idp.NewCredential(idp.NewID(now))
	return &idp.Dispatch{Credential: credential, Lease: time.Minute, Link: idp.Link{
		TenantID: t.ID, ID: credential.ID, FlowID: f.ID, ClientID: f.Request.ClientID,
		Verifier: credential.Secret.Digest(), SentAt: now, Expires: now.Add(t.LinkLife()),
	}}
}

func (o *outbox) Send(m idp.ClaimedMail, _ *idp.Dispatch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = append(o.sent, m)
}

func (o *outbox) Release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.free++
}

func (o *outbox) Wake(ref idp.MailRef) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refs = append(o.refs, ref)
}

func (o *outbox) take(tb testing.TB) idp.MailRef {
	tb.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.refs) == 0 {
		tb.Fatal("no mail was asked for")
	}
	ref := o.refs[0]
	o.refs = o.refs[1:]
	return ref
}

func (o *outbox) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.refs)
}

// responder answers by query, as the provider does.
type responder struct{}

func (responder) Code(w http.ResponseWriter, _ *http.Request, req idp.AuthRequest, code string) error {
	return answer(w, req, url.Values{"code": {code}})
}

func (responder) Error(w http.ResponseWriter, _ *http.Request, req idp.AuthRequest, code, _ string) error {
	return answer(w, req, url.Values{"error": {code}})
}

func answer(w http.ResponseWriter, req idp.AuthRequest, values url.Values) error {
	values.Set("state", req.State)
	w.Header().Set("Location", req.RedirectURI+"?"+values.Encode())
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// spy notes the calls to the store, and fails them where a test says so.
type spy struct {
	login.Store
	mu    sync.Mutex
	calls []string
	fail  func(method string) error
	// before runs ahead of a call, outside the lock.
	before func(method string)
}

func (s *spy) note(method string) error {
	if s.before != nil {
		s.before(method)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, method)
	if s.fail != nil {
		return s.fail(method)
	}
	return nil
}

// drain gives the calls since the last time.
func (s *spy) drain() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *spy) FindClient(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error) {
	if err := s.note("FindClient"); err != nil {
		return idp.Client{}, err
	}
	return s.Store.FindClient(ctx, t, id)
}

func (s *spy) FindRequest(ctx context.Context, t idp.TenantID, id string) (idp.StoredRequest, error) {
	if err := s.note("FindRequest"); err != nil {
		return idp.StoredRequest{}, err
	}
	return s.Store.FindRequest(ctx, t, id)
}

func (s *spy) SaveRequest(ctx context.Context, r idp.StoredRequest) error {
	if err := s.note("SaveRequest"); err != nil {
		return err
	}
	return s.Store.SaveRequest(ctx, r)
}

func (s *spy) StartFlow(ctx context.Context, n idp.NewFlow) (idp.Started, error) {
	if err := s.note("StartFlow"); err != nil {
		return idp.Started{}, err
	}
	return s.Store.StartFlow(ctx, n)
}

func (s *spy) FindFlow(ctx context.Context, t idp.TenantID, id idp.FlowID) (idp.Flow, error) {
	if err := s.note("FindFlow"); err != nil {
		return idp.Flow{}, err
	}
	return s.Store.FindFlow(ctx, t, id)
}

func (s *spy) FindFlowMail(ctx context.Context, t idp.TenantID, id idp.FlowID) (idp.Flow, idp.OutboxEntry, error) {
	if err := s.note("FindFlowMail"); err != nil {
		return idp.Flow{}, idp.OutboxEntry{}, err
	}
	return s.Store.FindFlowMail(ctx, t, id)
}

func (s *spy) FindLink(ctx context.Context, t idp.TenantID, id string) (idp.Link, idp.Flow, error) {
	if err := s.note("FindLink"); err != nil {
		return idp.Link{}, idp.Flow{}, err
	}
	return s.Store.FindLink(ctx, t, id)
}

func (s *spy) Resend(ctx context.Context, r idp.Resend) error {
	if err := s.note("Resend"); err != nil {
		return err
	}
	return s.Store.Resend(ctx, r)
}

func (s *spy) CountAttempt(ctx context.Context, t idp.TenantID, id idp.FlowID, now time.Time) ([]idp.Link, error) {
	if err := s.note("CountAttempt"); err != nil {
		return nil, err
	}
	return s.Store.CountAttempt(ctx, t, id, now)
}

func (s *spy) LockFlow(ctx context.Context, t idp.TenantID, id idp.FlowID, now time.Time) error {
	if err := s.note("LockFlow"); err != nil {
		return err
	}
	return s.Store.LockFlow(ctx, t, id, now)
}

func (s *spy) CompleteFlow(ctx context.Context, c idp.Completion) (idp.Completed, error) {
	if err := s.note("CompleteFlow"); err != nil {
		return idp.Completed{}, err
	}
	return s.Store.CompleteFlow(ctx, c)
}

func (s *spy) FinishFlow(ctx context.Context, t idp.TenantID, id idp.FlowID, g idp.Grant, now time.Time) (idp.Completed, error) {
	if err := s.note("FinishFlow"); err != nil {
		return idp.Completed{}, err
	}
	return s.Store.FinishFlow(ctx, t, id, g, now)
}

func (s *spy) FindSession(ctx context.Context, t idp.TenantID, id idp.SessionID) (idp.Session, idp.User, error) {
	if err := s.note("FindSession"); err != nil {
		return idp.Session{}, idp.User{}, err
	}
	return s.Store.FindSession(ctx, t, id)
}

func (s *spy) RevokeSession(ctx context.Context, t idp.TenantID, id idp.SessionID, now time.Time) error {
	if err := s.note("RevokeSession"); err != nil {
		return err
	}
	return s.Store.RevokeSession(ctx, t, id, now)
}

func (s *spy) Agree(ctx context.Context, c idp.Consent, g idp.Grant) error {
	if err := s.note("Agree"); err != nil {
		return err
	}
	return s.Store.Agree(ctx, c, g)
}

func (s *spy) ListAccess(ctx context.Context, t idp.TenantID, u idp.UserID, now time.Time, most int) ([]idp.Access, error) {
	if err := s.note("ListAccess"); err != nil {
		return nil, err
	}
	return s.Store.ListAccess(ctx, t, u, now, most)
}

func (s *spy) EndSession(ctx context.Context, t idp.TenantID, id idp.SessionID, now time.Time) error {
	if err := s.note("EndSession"); err != nil {
		return err
	}
	return s.Store.EndSession(ctx, t, id, now)
}

func (s *spy) SignOutUser(ctx context.Context, t idp.TenantID, id idp.UserID, now time.Time) error {
	if err := s.note("SignOutUser"); err != nil {
		return err
	}
	return s.Store.SignOutUser(ctx, t, id, now)
}

func (s *spy) EndAccess(ctx context.Context, t idp.TenantID, u idp.UserID, c idp.ClientID, now time.Time) error {
	if err := s.note("EndAccess"); err != nil {
		return err
	}
	return s.Store.EndAccess(ctx, t, u, c, now)
}
