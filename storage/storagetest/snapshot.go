package storagetest

import (
	"errors"
	"time"

	"postern/idp"
)

// snapshot is all that can be read of a tenant's side.
type snapshot struct {
	Tenant  idp.Tenant
	Clients []idp.Client
	User    idp.User
	Session idp.Session
	Stored  idp.StoredRequest
	Flows   []idp.Flow
	Links   []idp.Link
	Grant   idp.Grant
	Gone    []string
	Keys    []idp.SigningKey
	Events  []idp.Event
}

// snapshot reads the side; a row that is gone is noted as such.
func (s *side) snapshot() snapshot {
	s.w.t.Helper()
	w := s.w
	var all snapshot
	note := func(what string, err error) {
		w.t.Helper()
		if errors.Is(err, idp.ErrNotFound) {
			all.Gone = append(all.Gone, what)
		} else if err != nil && !w.bMayChange {
			w.t.Fatalf("%s: %v", what, err)
		}
	}
	var err error
	all.Tenant, err = w.store.FindTenantBySlug(w.ctx, s.tenant.Slug)
	note("tenant", err)
	all.Clients, err = w.store.ListClients(w.ctx, s.id)
	note("clients", err)
	all.User, err = w.store.FindUser(w.ctx, s.id, person)
	note("user", err)
	all.Session, _, err = w.store.FindSession(w.ctx, s.id, s.session.ID)
	note("session", err)
	all.Stored, err = w.store.FindRequest(w.ctx, s.id, s.stored.ID)
	note("request", err)
	for _, l := range []login{s.asked, s.done} {
		link, flow, err := w.store.FindLink(w.ctx, s.id, l.link.ID)
		note("link", err)
		all.Links, all.Flows = append(all.Links, link), append(all.Flows, flow)
	}
	all.Grant, _, err = w.store.FindGrant(w.ctx, s.id, s.grant.ID, w.now)
	note("grant", err)
	all.Keys, err = w.store.SigningKeys(w.ctx, s.id, time.Time{})
	note("keys", err)
	all.Events, err = w.store.ListEvents(w.ctx, s.id, 1000)
	note("events", err)
	return all
}

// dueAt gives the side's mails that are due.
func (s *side) dueAt(now time.Time) []idp.OutboxID {
	s.w.t.Helper()
	refs, _, err := s.w.store.DueMails(s.w.ctx, now, 1000)
	s.w.ok(err, "due mails")
	var ids []idp.OutboxID
	for _, ref := range refs {
		if ref.TenantID == s.id {
			ids = append(ids, ref.ID)
		}
	}
	return ids
}
