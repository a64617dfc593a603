package storagetest

import (
	"time"

	"postern/idp"
)

// side is one of the twins: a tenant with a client, a person, a login that is
// asked, and one that is finished with a session and a grant. Ids are the
// twin's too; secrets are its own.
type side struct {
	w      *world
	id     idp.TenantID
	tenant idp.Tenant
	client idp.Client
	user   idp.User
	key    idp.SigningKey
	stored idp.StoredRequest

	asked   login
	done    login
	session idp.Session
	grant   idp.Grant
	code    idp.Secret
}

// login is a flow with the secrets of its browser and its first link.
type login struct {
	flow     idp.Flow
	link     idp.Link
	browser  idp.Secret
	verifier idp.Secret
	mail     idp.MailRef
}

const person = idp.Address("person@example.org")

func newSide(w *world, slug string) *side {
	s := &side{w: w, id: idp.TenantID(idp.NewID(w.now))}
	s.tenant = idp.Tenant{
		ID: s.id, Slug: slug, Name: "Tenant " + slug, Host: slug + ".example:8443", CreatedAt: w.now,
		Settings: idp.TenantSettings{LinkLife: idp.Duration(7 * time.Minute), Mail: idp.MailFrom{Name: "Post"}},
	}
	w.ok(w.store.CreateTenant(w.ctx, s.tenant), "create tenant")
	s.client = s.newClient("app")
	w.ok(w.store.CreateClient(w.ctx, s.client), "create client")
	s.user = s.newUser("user", person)
	w.ok(w.store.InviteUser(w.ctx, s.user), "invite user")
	s.user.Verified = true // by the finished login below
	s.key = s.newKey("key", idp.ES256, 1)
	w.ok(w.store.AddSigningKey(w.ctx, s.key, time.Time{}), "add key")
	s.stored = idp.StoredRequest{TenantID: s.id, ID: w.id("request"), Sealed: []byte("sealed " + slug), Expires: w.now.Add(idp.RequestLife)}
	w.ok(w.store.SaveRequest(w.ctx, s.stored), "save request")
	s.asked = s.send("asked")
	s.done = s.send("done")
	s.finishDone()
	return s
}

func (s *side) newClient(id idp.ClientID) idp.Client {
	return idp.Client{
		TenantID: s.id, ID: id, CreatedAt: s.w.now,
		Secrets: []idp.Digest{idp.NewSecret().Digest(), idp.NewSecret().Digest()},
		Metadata: idp.ClientMetadata{
			Name: "App of " + s.tenant.Slug, AuthMethods: []idp.AuthMethod{idp.AuthBasic},
			GrantTypes:   []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken},
			RedirectURIs: []string{"https://app." + s.tenant.Slug + ".example/callback"},
		},
	}
}

func (s *side) newUser(name string, address idp.Address) idp.User {
	return idp.User{
		TenantID: s.id, ID: idp.UserID(s.w.id(name)), Subject: idp.NewSubject(),
		Address: address, Locale: "de", CreatedAt: s.w.now,
	}
}

func (s *side) newKey(name string, alg idp.Alg, generation int) idp.SigningKey {
	return idp.SigningKey{
		TenantID: s.id, KID: s.w.id(name), Alg: alg, Generation: generation,
		Sealed: []byte("sealed " + s.tenant.Slug), PublicJWK: []byte(`{"kty":"EC"}`),
		CreatedAt: s.w.now.Add(time.Duration(generation) * time.Second), ActiveFrom: s.w.now.Add(time.Hour),
	}
}

func (s *side) newFlow(name string, browser idp.Secret) idp.NewFlow {
	w := s.w
	flow := idp.Flow{
		TenantID: s.id, ID: idp.FlowID(w.id("flow " + name)), Address: person, Browser: browser.Digest(),
		Request: idp.AuthRequest{
			ClientID: "app", RedirectURI: s.client.Metadata.RedirectURIs[0], State: "state of " + s.tenant.Slug,
			Scope: []string{"openid", "email"}, CodeChallenge: "challenge", ReceivedAt: w.now,
		},
		Asked: idp.Device{Browser: "Firefox on Linux", Network: "192.0.2.x"}, Locale: "de",
		State: idp.FlowAsked, CreatedAt: w.now, Expires: w.now.Add(15 * time.Minute), NextMail: w.now.Add(time.Minute),
	}
	return idp.NewFlow{Flow: flow, Mail: s.newMail(name, flow)}
}

func (s *side) newMail(name string, f idp.Flow) idp.OutboxEntry {
	return idp.OutboxEntry{
		TenantID: s.id, ID: idp.OutboxID(s.w.id("mail " + name)), FlowID: f.ID, State: idp.OutboxQueued,
		Due: s.w.now, Expires: f.Expires, CreatedAt: s.w.now,
	}
}

// start writes a flow with its mail.
func (s *side) start(name string) (login, error) { return s.startAs(name, func(*idp.NewFlow) {}) }

func (s *side) startAs(name string, change func(*idp.NewFlow)) (login, error) {
	l := login{browser: idp.NewSecret(), verifier: idp.NewSecret()}
	n := s.newFlow(name, l.browser)
	change(&n)
	l.flow, l.mail = n.Flow, idp.MailRef{TenantID: s.id, ID: n.Mail.ID}
	_, err := s.w.store.StartFlow(s.w.ctx, n)
	return l, err
}

// send starts a flow and brings its mail out.
func (s *side) send(name string) login { return s.sendAs(name, func(*idp.NewFlow) {}) }

func (s *side) sendAs(name string, change func(*idp.NewFlow)) login {
	s.w.t.Helper()
	l, err := s.startAs(name, change)
	s.w.ok(err, "start flow")
	l.link = s.newLink(name, l)
	s.deliver(l.mail, l.link)
	return l
}

func (s *side) newLink(name string, l login) idp.Link {
	return idp.Link{
		TenantID: s.id, ID: s.w.id("link " + name), FlowID: l.flow.ID, ClientID: "app",
		Verifier: l.verifier.Digest(), SentAt: s.w.now, Expires: s.w.now.Add(10 * time.Minute),
	}
}

func (s *side) deliver(ref idp.MailRef, link idp.Link) {
	s.w.t.Helper()
	w := s.w
	claimed, err := w.store.ClaimMail(w.ctx, ref, time.Minute, w.now)
	w.ok(err, "claim mail")
	attempt := claimed.Entry.Attempt
	w.ok(w.store.BeginSending(w.ctx, ref.ID, attempt, link, time.Minute), "begin sending")
	w.ok(w.finish(ref, attempt, idp.OutboxSent, time.Time{}), "finish mail")
}

// completion is an attempt that wins.
func (s *side) completion(l login) idp.Completion {
	w := s.w
	return idp.Completion{
		TenantID: s.id, LinkID: l.link.ID, Verifier: l.verifier.Digest(), Browser: l.browser.Digest(), By: idp.ByLink,
		User: idp.User{ID: idp.UserID(idp.NewID(w.now)), Subject: idp.NewSubject(), Locale: "de"},
		Session: idp.Session{
			TenantID: s.id, ID: idp.SessionID(idp.NewID(w.now)), Digest: idp.NewSecret().Digest(), AuthTime: w.now,
			ACR: idp.ACRLink, AMR: []string{"email"}, Expires: w.now.Add(idp.SessionLife),
		},
		Now: w.now,
	}
}

// newGrant is what a handler hands in; the store fills in the rest.
func (s *side) newGrant(name string, code idp.Secret) idp.Grant {
	w := s.w
	return idp.Grant{
		TenantID: s.id, ID: idp.GrantID(w.id("grant " + name)), Code: code.Digest(),
		CodeExpires: w.now.Add(idp.CodeLife), CreatedAt: w.now, Expires: w.now.Add(idp.AccessTokenLife),
	}
}

// finishDone completes the second login, with a session and a grant.
func (s *side) finishDone() {
	s.w.t.Helper()
	w := s.w
	s.code = idp.NewSecret()
	grant := s.newGrant("done", s.code)
	c := s.completion(s.done)
	c.Session.ID = idp.SessionID(w.id("session"))
	c.Grant = &grant
	completed, err := w.store.CompleteFlow(w.ctx, c)
	w.ok(err, "complete flow")
	s.done.flow, s.session = completed.Flow, completed.Session
	s.grant, _, err = w.store.FindGrant(w.ctx, s.id, grant.ID, w.now)
	w.ok(err, "find grant")
}

// grantFor writes a grant of its own on the side's session.
func (s *side) grantFor(name string, change func(*idp.Grant)) (idp.Grant, idp.Secret) {
	s.w.t.Helper()
	code := idp.NewSecret()
	g := s.grant
	g.ID, g.Code = idp.GrantID(s.w.id("grant "+name)), code.Digest()
	change(&g)
	s.w.ok(s.w.store.CreateGrant(s.w.ctx, g), "create grant")
	return g, code
}

func offline(g *idp.Grant) { g.Request.Scope = []string{"openid", "offline_access"} }
