package mail_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"postern/idp"
)

var ref = idp.MailRef{TenantID: "tenant", ID: "0193a000-0000-7000-8000-00000000000a"}

// outbox is a Store of one entry, by the contract of mail.Store.
type outbox struct {
	mu         sync.Mutex
	claimed    idp.ClaimedMail
	lease      time.Time
	links      []idp.Link
	past       []string // what was done, and when
	began      time.Time
	failing    map[string]error // by method
	suppressed []idp.Suppression
}

func newOutbox() *outbox {
	now := time.Now()
	return &outbox{began: now, failing: map[string]error{}, claimed: idp.ClaimedMail{
		Entry: idp.OutboxEntry{
			TenantID: ref.TenantID, ID: ref.ID, FlowID: "flow", State: idp.OutboxQueued,
			Due: now, Expires: now.Add(15 * time.Minute), CreatedAt: now,
		},
		Tenant: idp.Tenant{ID: ref.TenantID, Slug: "acme", Name: "Acme Corp", Settings: idp.TenantSettings{MailSetup: "setup 1"}},
		Client: idp.Client{TenantID: ref.TenantID, ID: "app", Metadata: idp.ClientMetadata{Name: "Shop"}},
		Flow: idp.Flow{
			TenantID: ref.TenantID, ID: "flow", Request: idp.AuthRequest{ClientID: "app"}, Address: ann, State: idp.FlowAsked, Locale: "de",
			Expires: now.Add(15 * time.Minute), Asked: idp.Device{Browser: "Firefox on Linux", Network: "192.0.2.x"},
		},
		UserKnown: true,
	}}
}

// enter locks, takes down what is done, and fails where the test wants that.
func (o *outbox) enter(method, note string) (func(), error) {
	o.mu.Lock()
	if note != "" {
		o.past = append(o.past, fmt.Sprintf("%s at %s", note, time.Since(o.began).Truncate(time.Second)))
	}
	return o.mu.Unlock, o.failing[method]
}

func (o *outbox) due(now time.Time) bool {
	e := o.claimed.Entry
	return e.State == idp.OutboxQueued && !e.Due.After(now) || e.State == idp.OutboxClaimed && !o.lease.After(now)
}

func (o *outbox) ClaimMail(_ context.Context, r idp.MailRef, lease time.Duration, now time.Time) (idp.ClaimedMail, error) {
	leave, err := o.enter("ClaimMail", "")
	defer leave()
	if err != nil {
		return idp.ClaimedMail{}, err
	}
	if r != ref || !o.due(now) {
		return idp.ClaimedMail{}, idp.ErrNotFound
	}
	o.claimed.Entry.State, o.lease = idp.OutboxClaimed, now.Add(lease)
	o.claimed.Entry.Attempt++
	return o.claimed, nil
}

func (o *outbox) BeginSending(_ context.Context, id idp.OutboxID, attempt int, link idp.Link, lease time.Duration) error {
	leave, err := o.enter("BeginSending", "")
	defer leave()
	if err != nil {
		return err
	}
	if e := o.claimed.Entry; id != e.ID || attempt != e.Attempt || e.State != idp.OutboxClaimed {
		return idp.ErrUsed
	}
	o.claimed.Entry.State, o.lease = idp.OutboxSending, link.SentAt.Add(lease)
	o.links = append(o.links, link)
	return nil
}

func (o *outbox) FinishMails(_ context.Context, t idp.TenantID, results []idp.MailResult) (written int, err error) {
	states := make([]string, len(results))
	for i, r := range results {
		states[i] = string(r.State)
	}
	leave, err := o.enter("FinishMails", strings.Join(states, " and "))
	defer leave()
	if err != nil {
		return 0, err
	}
	e := &o.claimed.Entry
	for _, r := range results {
		if t == ref.TenantID && r.ID == e.ID && r.Attempt == e.Attempt && (e.State == idp.OutboxClaimed || e.State == idp.OutboxSending) {
			e.State, e.Due = r.State, r.Due
			written++
		}
	}
	return written, nil
}

func (o *outbox) Suppress(_ context.Context, s idp.Suppression) error {
	leave, err := o.enter("Suppress", "")
	defer leave()
	o.suppressed = append(o.suppressed, s)
	return err
}

func (o *outbox) DueMails(_ context.Context, now time.Time, _ int) (due, lapsed []idp.MailRef, err error) {
	leave, err := o.enter("DueMails", "")
	defer leave()
	switch e := &o.claimed.Entry; {
	case err != nil:
		return nil, nil, err
	case e.State == idp.OutboxSending && !now.Before(o.lease):
		e.State = idp.OutboxUnknown
		return nil, []idp.MailRef{ref}, nil
	case o.due(now):
		return []idp.MailRef{ref}, nil, nil
	default:
		return nil, nil, nil
	}
}

func (o *outbox) state() idp.OutboxState {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.claimed.Entry.State
}
