package op

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"postern/idp"
)

// LogoutStore keeps the logout tokens to send. Each method is one atomic step.
type LogoutStore interface {
	// DueLogouts finds logout tokens that ClaimLogout would give, oldest first.
	DueLogouts(ctx context.Context, now time.Time, most int) ([]idp.LogoutRef, error)
	// ClaimLogout takes the lease of one that is due and counts an attempt;
	// idp.ErrNotFound if it is someone else's, done, not due, or past its time.
	ClaimLogout(ctx context.Context, ref idp.LogoutRef, lease time.Duration, now time.Time) (idp.ClaimedLogout, error)
	// FinishLogout ends this attempt; idp.ErrUsed if the attempt is not this
	// one's any more. Giving up appends the audit event.
	FinishLogout(ctx context.Context, ref idp.LogoutRef, attempt int, end idp.LogoutEnd, due, now time.Time) error
}

// Poster sends a form to an address that a client has registered. It refuses
// private networks and redirects, and gives up on what is slow.
type Poster interface {
	Post(ctx context.Context, uri string, form url.Values) (status int, err error)
}

// LogoutSender brings logout tokens to the clients (OpenID Connect Back-Channel
// Logout §2.5). Any number of them may run, here and in other replicas. A client
// may get a token twice, where a process died after sending; it never misses one
// that it would have taken within the retries' time.
type LogoutSender struct {
	Provider *Provider
	Store    LogoutStore
	Poster   Poster
}

const (
	typeLogout  = "logout+jwt"
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	// logoutTokenLife is short: a token is made for each attempt (§2.4 asks for two minutes at most).
	logoutTokenLife = 2 * time.Minute

	logoutEvery  = time.Second
	logoutLease  = 30 * time.Second
	logoutAtOnce = 32
)

// logoutPauses are how long to wait after each attempt that failed; after the
// last one it is given up.
var logoutPauses = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 4 * time.Hour,
}

// logoutClaims are those of a logout token (§2.4). It has no nonce, so that it
// can never pass for an ID token.
type logoutClaims struct {
	Issuer   string                    `json:"iss"`
	Subject  string                    `json:"sub"`
	Audience audience                  `json:"aud"`
	IssuedAt int64                     `json:"iat"`
	Expires  int64                     `json:"exp"`
	ID       string                    `json:"jti"`
	Events   map[string]map[string]any `json:"events"`
	Session  idp.SessionID             `json:"sid"`
}

// Run sends what is due until ctx ends.
func (s *LogoutSender) Run(ctx context.Context) {
	ticker := time.NewTicker(logoutEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.sweep(ctx)
		}
	}
}

// sweep sends everything that is due now.
func (s *LogoutSender) sweep(ctx context.Context) {
	refs, err := s.Store.DueLogouts(ctx, s.Provider.clock(), logoutAtOnce)
	if err != nil {
		s.Provider.log.WarnContext(ctx, "logout tokens not looked for", "error", err)
		return
	}
	var sending sync.WaitGroup
	for _, ref := range refs {
		sending.Go(func() {
			if err := s.send(ctx, ref); err != nil && !errors.Is(err, idp.ErrNotFound) {
				s.Provider.log.WarnContext(ctx, "logout token not sent", "client", ref.ClientID, "error", err)
			}
		})
	}
	sending.Wait()
}

// send makes one attempt, if this worker gets the lease.
func (s *LogoutSender) send(ctx context.Context, ref idp.LogoutRef) error {
	claimed, err := s.Store.ClaimLogout(ctx, ref, logoutLease, s.Provider.clock())
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	sent := s.post(ctx, claimed)
	end, due, now := idp.LogoutTaken, time.Time{}, s.Provider.clock()
	switch {
	case sent == nil:
	case claimed.Attempt > len(logoutPauses):
		end = idp.LogoutGivenUp
	default:
		end, due = idp.LogoutRetry, now.Add(logoutPauses[claimed.Attempt-1])
	}
	// What was sent was sent, also where the process is told to end meanwhile.
	err = s.Store.FinishLogout(context.WithoutCancel(ctx), ref, claimed.Attempt, end, due, now)
	return errors.Join(sent, err)
}

// post delivers the token; 200 and 204 take it (§2.8), and so does any other
// success of the lenient.
func (s *LogoutSender) post(ctx context.Context, claimed idp.ClaimedLogout) error {
	uri := claimed.Client.Metadata.BackchannelLogoutURI
	if uri == "" {
		return nil // taken out meanwhile: nobody waits for it
	}
	token, err := s.Provider.logoutToken(ctx, claimed)
	if err != nil {
		return err
	}
	status, err := s.Poster.Post(ctx, uri, url.Values{"logout_token": {token}})
	if err != nil {
		return err
	}
	if status < 200 || status > 299 {
		return fmt.Errorf("client answered %d", status)
	}
	return nil
}

func (p *Provider) logoutToken(ctx context.Context, claimed idp.ClaimedLogout) (string, error) {
	tenant, client, now := claimed.Tenant, claimed.Client, p.clock()
	user := idp.User{TenantID: tenant.ID, Subject: claimed.Subject}
	reader, err := p.idTokenRecipient(ctx, client)
	if err != nil {
		return "", err
	}
	token, err := p.sign(ctx, tenant.ID, client.IDTokenAlg(), typeLogout, logoutClaims{
		Issuer: tenant.Issuer(p.publicURL), Subject: user.SubjectAt(client, p.sealer), Audience: audience{string(client.ID)},
		IssuedAt: now.Unix(), Expires: now.Add(logoutTokenLife).Unix(), ID: idp.NewID(now),
		Events: map[string]map[string]any{logoutEvent: {}}, Session: claimed.Ref.SID,
	})
	if err != nil {
		return "", err
	}
	return reader.seal(token)
}
