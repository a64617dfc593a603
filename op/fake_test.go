package op_test

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"postern/idp"
)

// fakeStore is an op.Store with the contract of the real ones, in memory.
type fakeStore struct {
	mu      sync.Mutex
	clients map[idp.TenantID]map[idp.ClientID]idp.Client
	users   map[idp.UserID]idp.User
	grants  map[idp.GrantID]*fakeGrant
	ended   map[idp.SessionID]bool
	saved   map[string]idp.StoredRequest
	keys    []idp.SigningKey
	once    map[string]bool
	tokens  map[string]idp.RegistrationToken
	logos   map[idp.ClientID]idp.Logo
	devices map[string]*idp.DeviceLogin
	// exchanges are those that left an audit event.
	exchanges []idp.Exchange
	allowed   idp.GrantID
	polled    time.Time
	// consents are those that people have given.
	consents []idp.Consent
	// poison, if set, is what every call fails with.
	poison error
	// poisonKeys, if set, is what the signing keys alone fail with.
	poisonKeys error
}

type fakeGrant struct {
	idp.Grant
	previous  idp.Digest
	salt      idp.Secret
	rotatedAt time.Time
}

func (s *fakeStore) lock() error {
	s.mu.Lock()
	return s.poison
}

func (s *fakeStore) FindClient(_ context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error) {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return idp.Client{}, err
	}
	c, ok := s.clients[t][id]
	if !ok {
		return idp.Client{}, idp.ErrNotFound
	}
	return c, nil
}

func (s *fakeStore) UseOnce(_ context.Context, t idp.TenantID, kind string, d idp.Digest, _ time.Time) error {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return err
	}
	name := string(t) + kind
	d.MAC(func(sum []byte) { name += string(sum) })
	if s.once[name] {
		return idp.ErrUsed
	}
	if s.once == nil {
		s.once = map[string]bool{}
	}
	s.once[name] = true
	return nil
}

func (s *fakeStore) put(c idp.Client, there bool) error {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return err
	}
	if _, ok := s.clients[c.TenantID][c.ID]; ok != there {
		return idp.ErrNotFound
	}
	s.clients[c.TenantID][c.ID] = c
	return nil
}

func (s *fakeStore) CreateClient(_ context.Context, c idp.Client) error { return s.put(c, false) }
func (s *fakeStore) UpdateClient(_ context.Context, c idp.Client) error { return s.put(c, true) }

func (s *fakeStore) DeleteClient(_ context.Context, t idp.TenantID, id idp.ClientID, _ time.Time) error {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return err
	}
	delete(s.clients[t], id)
	return nil
}

func (s *fakeStore) SpendRegistrationToken(_ context.Context, t idp.TenantID, id string, d idp.Digest, _ time.Time) error {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return err
	}
	token, ok := s.tokens[id]
	switch {
	case !ok || token.TenantID != t || !token.Digest.Equal(d):
		return idp.ErrNotFound
	case token.Uses == 0:
		return idp.ErrExhausted
	}
	token.Uses--
	s.tokens[id] = token
	return nil
}

func (s *fakeStore) SaveLogo(_ context.Context, logo idp.Logo) error {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return err
	}
	if s.logos == nil {
		s.logos = map[idp.ClientID]idp.Logo{}
	}
	s.logos[logo.ClientID] = logo
	return nil
}

func (s *fakeStore) FindLogo(_ context.Context, t idp.TenantID, id idp.ClientID) (idp.Logo, error) {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return idp.Logo{}, err
	}
	logo, ok := s.logos[id]
	if !ok || logo.TenantID != t {
		return idp.Logo{}, idp.ErrNotFound
	}
	return logo, nil
}

func (s *fakeStore) OriginAllowed(_ context.Context, t idp.TenantID, origin string) (bool, error) {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return false, err
	}
	for _, c := range s.clients[t] {
		if c.AllowsOrigin(origin) {
			return true, nil
		}
	}
	return false, nil
}

func (s *fakeStore) SaveRequest(_ context.Context, r idp.StoredRequest) error {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return err
	}
	s.saved[r.ID] = r
	return nil
}

func (s *fakeStore) FindRequest(_ context.Context, t idp.TenantID, id string) (idp.StoredRequest, error) {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return idp.StoredRequest{}, err
	}
	r, ok := s.saved[id]
	if !ok || r.TenantID != t {
		return idp.StoredRequest{}, idp.ErrNotFound
	}
	return r, nil
}

// noteOnce is the contract's: the caller holds the lock.
func (s *fakeStore) noteOnce(t idp.TenantID, o idp.Once) error {
	if o.IsZero() {
		return nil
	}
	name := string(t) + o.Kind
	o.Digest.MAC(func(sum []byte) { name += string(sum) })
	if s.once[name] {
		return idp.ErrReplayed
	}
	if s.once == nil {
		s.once = map[string]bool{}
	}
	s.once[name] = true
	return nil
}

func (s *fakeStore) UseGrant(ctx context.Context, t idp.TenantID, id idp.GrantID, o idp.Once, now time.Time) (idp.Grant, idp.User, error) {
	s.mu.Lock()
	err := s.noteOnce(t, o)
	s.mu.Unlock()
	if err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	return s.FindGrant(ctx, t, id, now)
}

func (s *fakeStore) ExchangeGrant(ctx context.Context, e idp.Exchange) (idp.Grant, idp.User, error) {
	g, u, err := s.FindGrant(ctx, e.TenantID, e.GrantID, e.Now)
	if err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.noteOnce(e.TenantID, e.Once); err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	s.exchanges = append(s.exchanges, e)
	return g, u, nil
}

func (s *fakeStore) FindPushed(ctx context.Context, t idp.TenantID, id string) (idp.StoredRequest, error) {
	r, err := s.FindRequest(ctx, t, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	name := string(t) + idp.OncePushed
	idp.PushedDigest(id).MAC(func(sum []byte) { name += string(sum) })
	if err == nil && s.once[name] {
		return r, idp.ErrUsed
	}
	return r, err
}

func (s *fakeStore) StartDevice(_ context.Context, d idp.DeviceLogin) error {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return err
	}
	if s.devices == nil {
		s.devices = map[string]*idp.DeviceLogin{}
	}
	s.devices[d.ID] = &d
	return nil
}

// allowDevice is what the login room does once the person agrees.
func (s *fakeStore) allowDevice(id string, g idp.Grant) {
	s.devices[id].State = idp.DeviceAllowed
	s.grants[g.ID] = &fakeGrant{Grant: g}
	s.allowed = g.ID
}

func (s *fakeStore) PollDevice(_ context.Context, p idp.DevicePoll) (idp.Grant, idp.User, error) {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	d, ok := s.devices[p.ID]
	if !ok || d.TenantID != p.TenantID {
		return idp.Grant{}, idp.User{}, idp.ErrNotFound
	}
	if err := d.Refuses(p, s.polled); err != nil {
		s.polled = p.Now
		return idp.Grant{}, idp.User{}, err
	}
	if err := s.noteOnce(p.TenantID, p.Once); err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	d.State = idp.DeviceUsed
	g := s.grants[s.allowed]
	if g.Request.Offline() && !p.Refresh.IsZero() {
		g.Refresh, g.RefreshExpires, g.BoundTo = p.Refresh, p.RefreshExpires, p.BindTo
	}
	return g.Grant, s.users[g.UserID], nil
}

func (s *fakeStore) CreateGrant(_ context.Context, g idp.Grant) error {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return err
	}
	if err := s.noteOnce(g.TenantID, g.Spends()); err != nil {
		return err
	}
	s.grants[g.ID] = &fakeGrant{Grant: g}
	return nil
}

func (s *fakeStore) RedeemCode(_ context.Context, r idp.Redemption) (idp.Grant, idp.User, error) {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	g, ok := s.grants[r.GrantID]
	switch {
	case !ok || g.TenantID != r.TenantID || !g.Code.Equal(r.Code):
		return idp.Grant{}, idp.User{}, idp.ErrNotFound
	case g.ClientID != r.ClientID || g.Request.RedirectURI != r.RedirectURI || g.Request.CodeChallenge != r.Challenge,
		g.Request.DPoPKey != "" && g.Request.DPoPKey != r.DPoPKey:
		return idp.Grant{}, idp.User{}, idp.ErrMismatch
	case g.CodeUsed:
		g.Revoked = true
		return idp.Grant{}, idp.User{}, idp.ErrUsed
	case !r.Now.Before(g.CodeExpires):
		return idp.Grant{}, idp.User{}, idp.ErrExpired
	}
	if err := s.noteOnce(r.TenantID, r.Once); err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	g.CodeUsed = true
	if g.Request.Offline() && !r.Refresh.IsZero() {
		g.Refresh, g.RefreshExpires, g.BoundTo = r.Refresh, r.RefreshExpires, r.BindTo
	}
	return g.Grant, s.users[g.UserID], nil
}

func (s *fakeStore) RotateRefresh(_ context.Context, r idp.Rotation) (idp.Rotated, error) {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return idp.Rotated{}, err
	}
	g, ok := s.grants[r.GrantID]
	switch {
	case !ok || g.TenantID != r.TenantID || g.Revoked || g.Refresh.IsZero():
		return idp.Rotated{}, idp.ErrNotFound
	case g.ClientID != r.ClientID, g.BoundTo != "" && g.BoundTo != r.BoundTo:
		return idp.Rotated{}, idp.ErrMismatch
	case !r.Now.Before(g.RefreshExpires), !r.Now.Before(g.CreatedAt.Add(r.Life)):
		return idp.Rotated{}, idp.ErrExpired
	case g.Refresh.Equal(r.Presented.Digest()):
		if err := s.noteOnce(r.TenantID, r.Once); err != nil {
			return idp.Rotated{}, err
		}
		g.previous, g.salt, g.rotatedAt = g.Refresh, r.Salt, r.Now
		g.RefreshExpires = r.Now.Add(idp.RefreshTokenLife)
		if !r.Stay {
			g.Refresh = r.Presented.Successor(r.Salt).Digest()
		}
	case g.previous.Equal(r.Presented.Digest()) && r.Now.Sub(g.rotatedAt) <= idp.RefreshGrace:
		if err := s.noteOnce(r.TenantID, r.Once); err != nil {
			return idp.Rotated{}, err
		}
	case !r.Issued:
		return idp.Rotated{}, idp.ErrNotFound
	default:
		g.Revoked = true
		return idp.Rotated{}, idp.ErrUsed
	}
	return idp.Rotated{Grant: g.Grant, User: s.users[g.UserID], Salt: g.salt}, nil
}

func (s *fakeStore) FindGrant(_ context.Context, t idp.TenantID, id idp.GrantID, now time.Time) (idp.Grant, idp.User, error) {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	g, ok := s.grants[id]
	if !ok || g.TenantID != t || g.Revoked || !now.Before(g.Expires) || s.users[g.UserID].Disabled ||
		(s.ended[g.SessionID] && !g.Request.Offline()) {
		return idp.Grant{}, idp.User{}, idp.ErrNotFound
	}
	return g.Grant, s.users[g.UserID], nil
}

func (s *fakeStore) SessionClients(_ context.Context, t idp.TenantID, id idp.SessionID) ([]idp.SessionClient, error) {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return nil, err
	}
	known := map[idp.SessionClient]bool{}
	for _, g := range s.grants {
		c := s.clients[t][g.ClientID].Metadata
		if g.TenantID == t && g.SessionID == id && c.FrontchannelLogoutURI+c.BackchannelLogoutURI != "" {
			known[idp.SessionClient{ClientID: g.ClientID, SID: id}] = true
		}
	}
	return slices.Collect(maps.Keys(known)), nil
}

func (s *fakeStore) FindConsent(_ context.Context, t idp.TenantID, u idp.UserID, c idp.ClientID) (idp.Consent, error) {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return idp.Consent{}, err
	}
	for _, consent := range s.consents {
		if consent.TenantID == t && consent.UserID == u && consent.ClientID == c {
			return consent, nil
		}
	}
	return idp.Consent{}, idp.ErrNotFound
}

func (s *fakeStore) RevokeGrant(_ context.Context, t idp.TenantID, id idp.GrantID, c idp.ClientID, _ time.Time) error {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return err
	}
	if g, ok := s.grants[id]; ok && g.TenantID == t && g.ClientID == c {
		g.Revoked = true
	}
	return nil
}

func (s *fakeStore) SigningKeys(_ context.Context, t idp.TenantID, _ time.Time) ([]idp.SigningKey, error) {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return nil, err
	}
	if s.poisonKeys != nil {
		return nil, s.poisonKeys
	}
	var out []idp.SigningKey
	for _, k := range s.keys {
		if k.TenantID == t {
			out = append(out, k)
		}
	}
	return out, nil
}

func (s *fakeStore) AddSigningKey(_ context.Context, key idp.SigningKey, _ time.Time) error {
	defer s.mu.Unlock()
	if err := s.lock(); err != nil {
		return err
	}
	for _, k := range s.keys {
		if k.TenantID == key.TenantID && k.Alg == key.Alg && k.Generation == key.Generation {
			return idp.ErrConflict
		}
	}
	s.keys = append(s.keys, key)
	return nil
}

// Attempt allows as many as the test says.
type fakeLimits struct{ allowed bool }

func (l *fakeLimits) Attempt(_ context.Context, _ idp.Tenant, _ netip.Addr, now time.Time) (idp.Verdict, error) {
	return idp.Verdict{Allowed: l.allowed, RetryAt: now.Add(30 * time.Second)}, nil
}

// fakeSessions is one browser: what it has is what every request brings.
type fakeSessions struct {
	store   *fakeStore
	session *idp.Session
	poison  error
}

func (s *fakeSessions) Current(r *http.Request) (idp.Session, idp.User, error) {
	if s.poison != nil {
		return idp.Session{}, idp.User{}, s.poison
	}
	if s.session == nil || s.session.TenantID != idp.TenantOf(r.Context()).ID {
		return idp.Session{}, idp.User{}, idp.ErrNotFound
	}
	return *s.session, s.store.users[s.session.UserID], nil
}

func (s *fakeSessions) End(_ http.ResponseWriter, _ *http.Request, session idp.Session) error {
	s.store.ended[session.ID] = true
	s.session = nil
	return nil
}

func (s *fakeSessions) FormToken(_ http.ResponseWriter, _ *http.Request, action string) string {
	return "token of " + action
}

func (s *fakeSessions) FormTokenOK(_ *http.Request, action, token string) bool {
	return token == "token of "+action
}
