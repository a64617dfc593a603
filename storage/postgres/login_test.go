package postgres_test

import (
	"testing"
	"time"

	"postern/idp"
	"postern/storage/postgres"
)

// now is when these tests happen.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// shop is a tenant with a client, and the steps of a login there.
type shop struct {
	tb     testing.TB
	store  *postgres.Store
	tenant idp.Tenant
	// around runs every step of a login by its name; for counting.
	around func(name string, step func())
}

func newShop(tb testing.TB, store *postgres.Store) *shop {
	tb.Helper()
	s := &shop{tb: tb, store: store, around: func(_ string, step func()) { step() }}
	s.tenant = idp.Tenant{ID: idp.TenantID(idp.NewID(now)), Slug: "shop", Name: "Shop", CreatedAt: now}
	s.must(store.CreateTenant(tb.Context(), s.tenant))
	s.must(store.CreateClient(tb.Context(), idp.Client{
		TenantID: s.tenant.ID, ID: "app", Secrets: []idp.Digest{idp.NewSecret().Digest()}, CreatedAt: now,
	}))
	return s
}

func (s *shop) must(err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatal(err)
	}
}

// asked is a flow whose mail is out.
type asked struct {
	flow              idp.FlowID
	link              string
	browser, verifier idp.Secret
}

var mailRules = []idp.Rule{{Limit: 1, Period: time.Minute}, {Limit: 3, Period: 15 * time.Minute}, {Limit: 30, Period: 24 * time.Hour}}

func (s *shop) ask(address idp.Address) asked {
	s.tb.Helper()
	ctx := s.tb.Context()
	a := asked{flow: idp.FlowID(idp.NewID(now)), link: idp.NewID(now), browser: idp.NewSecret(), verifier: idp.NewSecret()}
	hits := []idp.Hit{
		{Key: idp.LimitKey{'m', a.flow[35]}, Rules: mailRules},
		{Key: idp.LimitKey{'p', a.flow[35]}, Rules: []idp.Rule{{Limit: 60, Period: 10 * time.Minute}, {Limit: 1000, Period: 24 * time.Hour}}},
		{Key: idp.LimitKey{'t'}, Rules: []idp.Rule{{Limit: 600, Period: time.Minute}}},
	}
	s.around("TakeHits", func() {
		_, err := s.store.TakeHits(ctx, hits, now)
		s.must(err)
	})
	flow := idp.Flow{
		TenantID: s.tenant.ID, ID: a.flow, Address: address, Browser: a.browser.Digest(), CreatedAt: now,
		Request: idp.AuthRequest{ClientID: "app", RedirectURI: "https://app.example/cb", Scope: []string{"openid", "offline_access"}},
		Expires: now.Add(15 * time.Minute), NextMail: now.Add(time.Minute),
		Taken: []idp.Taken{{Key: hits[0].Key, At: now, Rules: mailRules}, {Key: hits[1].Key, At: now}},
	}
	mail := idp.OutboxEntry{
		TenantID: s.tenant.ID, ID: idp.OutboxID(idp.NewID(now)), FlowID: a.flow, Due: now, Expires: flow.Expires, CreatedAt: now,
	}
	s.around("StartFlow", func() {
		_, err := s.store.StartFlow(ctx, idp.NewFlow{Flow: flow, Mail: mail})
		s.must(err)
	})
	s.send(a, idp.MailRef{TenantID: s.tenant.ID, ID: mail.ID})
	return a
}

func (s *shop) send(a asked, ref idp.MailRef) {
	s.tb.Helper()
	ctx := s.tb.Context()
	s.around("ClaimMail", func() {
		_, err := s.store.ClaimMail(ctx, ref, time.Minute, now)
		s.must(err)
	})
	link := idp.Link{
		TenantID: s.tenant.ID, ID: a.link, FlowID: a.flow, ClientID: "app", Verifier: a.verifier.Digest(),
		SentAt: now, Expires: now.Add(10 * time.Minute),
	}
	s.around("BeginSending", func() { s.must(s.store.BeginSending(ctx, ref.ID, 1, link, time.Minute)) })
	s.around("FinishMails", func() {
		_, err := s.store.FinishMails(ctx, ref.TenantID, []idp.MailResult{{ID: ref.ID, Attempt: 1, State: idp.OutboxSent, At: now}})
		s.must(err)
	})
}

// completion is an attempt at a flow that wins, if no other has.
func (s *shop) completion(a asked, grant *idp.Grant) idp.Completion {
	return idp.Completion{
		TenantID: s.tenant.ID, LinkID: a.link, Verifier: a.verifier.Digest(), Browser: a.browser.Digest(), By: idp.ByLink,
		User:    idp.User{ID: idp.UserID(idp.NewID(now)), Subject: idp.NewSubject()},
		Session: idp.Session{ID: idp.SessionID(idp.NewID(now)), Digest: idp.NewSecret().Digest(), AuthTime: now, Expires: now.Add(idp.SessionLife)},
		Grant:   grant, Now: now,
	}
}

// newGrant is one with a code, for CompleteFlow or FinishFlow to fill in.
func newGrant() (idp.Grant, idp.Secret) {
	code := idp.NewSecret()
	return idp.Grant{
		ID: idp.GrantID(idp.NewID(now)), Code: code.Digest(), CodeExpires: now.Add(idp.CodeLife), CreatedAt: now, Expires: now.Add(time.Hour),
	}, code
}

// login does all that a login and its tokens do.
func (s *shop) login(address idp.Address) {
	s.tb.Helper()
	ctx, a := s.tb.Context(), s.ask(address)
	s.around("FindLink", func() {
		_, _, err := s.store.FindLink(ctx, s.tenant.ID, a.link)
		s.must(err)
	})
	s.around("FindFlow", func() {
		_, err := s.store.FindFlow(ctx, s.tenant.ID, a.flow)
		s.must(err)
	})
	s.around("FindFlowMail", func() {
		_, _, err := s.store.FindFlowMail(ctx, s.tenant.ID, a.flow)
		s.must(err)
	})
	var done idp.Completed
	s.around("CompleteFlow", func() {
		var err error
		done, err = s.store.CompleteFlow(ctx, s.completion(a, nil))
		s.must(err)
	})
	grant, code := newGrant()
	s.around("FinishFlow", func() {
		_, err := s.store.FinishFlow(ctx, s.tenant.ID, a.flow, grant, now)
		s.must(err)
	})
	s.around("FindSession", func() {
		_, _, err := s.store.FindSession(ctx, s.tenant.ID, done.Session.ID)
		s.must(err)
	})
	refresh := idp.NewSecret()
	s.around("RedeemCode", func() {
		_, _, err := s.store.RedeemCode(ctx, idp.Redemption{
			TenantID: s.tenant.ID, GrantID: grant.ID, Code: code.Digest(), ClientID: "app",
			RedirectURI: "https://app.example/cb", Refresh: refresh.Digest(), RefreshExpires: now.Add(idp.RefreshTokenLife), Now: now,
		})
		s.must(err)
	})
	s.around("RotateRefresh", func() {
		_, err := s.store.RotateRefresh(ctx, idp.Rotation{
			TenantID: s.tenant.ID, GrantID: grant.ID, ClientID: "app", Presented: refresh, Issued: true, Salt: idp.NewSecret(), Life: idp.DefaultRefreshLife, Now: now,
		})
		s.must(err)
	})
	s.around("FindGrant", func() {
		_, _, err := s.store.FindGrant(ctx, s.tenant.ID, grant.ID, now)
		s.must(err)
	})
}

var steps = []string{
	"TakeHits", "StartFlow", "ClaimMail", "BeginSending", "FinishMails", "FindLink", "FindFlow", "FindFlowMail", "CompleteFlow", "FinishFlow",
	"FindSession", "RedeemCode", "RotateRefresh", "FindGrant",
}
