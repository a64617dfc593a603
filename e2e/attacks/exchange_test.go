package attacks_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// called is an API that the tests' apps call.
const called = "https://called.example"

// service makes an app with an API, the service that the API is, and what an
// app's person gave the app for it.
func (w *world) service(t *testing.T) (c, service client, tokens map[string]string) {
	t.Helper()
	c = w.apart(t)
	w.run(t, "api", "create", "--tenant", c.tenant.Slug, called, "--scope", "read")
	w.run(t, "api", "create", "--tenant", c.tenant.Slug, behind, "--scope", "read", "--scope", "pay")
	service = w.clientOf(t, c.tenant, "--grant", exchangeGrant, "--exchange-from", called, "--exchange-for", behind)
	l, code := c.signIn(t, "resource", called, "scope", "openid read offline_access")
	return c, service, redeem(t, c.tenant, code, l.request.verifier)
}

// active tells whether a token counts, at one process.
func (c client) active(t *testing.T, replica int, token string) bool {
	t.Helper()
	_, body := c.tenant.send(t, attempt{method: http.MethodPost, path: "/introspect", values: appValues(c.app, url.Values{"token": {token}}), header: at(replica)})
	return strings.Contains(body, `"active":true`)
}

// Threat 20: an access token in the hands of who was not meant to exchange it, or
// for more than it was given for.
func TestATokenIsExchangedByWhomThePolicyNamesForWhatItNames(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c, service, tokens := w.service(t)
		token := tokens["access_token"]
		stranger, _, _ := w.service(t)
		for name, one := range map[string]struct {
			by     client
			change url.Values
			want   string
		}{
			"an app without the grant":     {c, nil, "unauthorized_client"},
			"a client without a policy":    {w.clientOf(t, c.tenant, "--grant", exchangeGrant), nil, "unauthorized_client"},
			"one whose policy is another":  {w.clientOf(t, c.tenant, "--grant", exchangeGrant, "--exchange-for", behind), nil, "invalid_request"},
			"more scope":                   {service, url.Values{"scope": {"read pay"}}, "invalid_scope"},
			"another API":                  {service, url.Values{"resource": {called}}, "invalid_target"},
			"another API beside":           {service, url.Values{"audience": {called}}, "invalid_target"},
			"an ID token":                  {service, url.Values{"subject_token": {tokens["id_token"]}}, "invalid_request"},
			"a refresh token":              {service, url.Values{"subject_token": {tokens["refresh_token"]}}, "invalid_request"},
			"somebody else's as the actor": {service, url.Values{"actor_token": {token}, "actor_token_type": {accessType}}, "invalid_request"},
			"a service of another tenant":  {w.clientOf(t, stranger.tenant, "--grant", exchangeGrant, "--exchange-from", called, "--exchange-for", behind), nil, "invalid_request"},
		} {
			values := exchange(token)
			maps.Copy(values, one.change)
			if status, got := one.by.token(t, values); status != http.StatusBadRequest || got["error"] != one.want || got["access_token"] != "" {
				t.Errorf("%s: %d %v", name, status, got)
			}
		}
		status, got := service.token(t, exchange(token))
		if status != http.StatusOK || got["scope"] != "read" || !service.active(t, -1, got["access_token"]) {
			t.Errorf("the service itself: %d %v", status, got)
		}
		if n := w.count(t, "SELECT count(*) FROM audit_events WHERE kind = 'token.exchanged' AND client_id = '"+service.ID+"'"); n != 1 {
			t.Errorf("%d audit events of one exchange", n)
		}
	})
}

// Threat 21: what ends a family ends what came of it by exchange, by the next
// request and at every process.
func TestAStolenTokenExchangedInTimeEndsWithItsFamily(t *testing.T) {
	onBothWithClocks(t, func(t *testing.T, w *world) {
		c, service, tokens := w.service(t)
		_, got := service.tokenAt(t, 0, exchange(tokens["access_token"]))
		exchanged := got["access_token"]
		if exchanged == "" || !service.active(t, 1, exchanged) {
			t.Fatalf("no exchange: %v", got)
		}
		if status, _ := c.tokenAt(t, 0, renew(tokens["refresh_token"])); status != http.StatusOK {
			t.Fatalf("a refresh is answered %d", status)
		}
		status, got := c.tokenAt(t, 1, renew(tokens["refresh_token"])) // past the grace, there
		refused(t, "the reuse", status, got)
		for replica := range 2 {
			if service.active(t, replica, exchanged) {
				t.Errorf("at process %d the exchanged token counts after its family has ended", replica)
			}
			if status, got := service.tokenAt(t, replica, exchange(tokens["access_token"])); status != http.StatusBadRequest || got["error"] != "invalid_request" {
				t.Errorf("exchanged after the end: %d %v", status, got)
			}
		}
	}, "0s", "30s")
}

// Threat 29: one proof brings one exchange, whichever processes it is sent to.
func TestOneProofExchangesOnceOverTwoProcesses(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		_, service, tokens := w.service(t)
		p := newProver(t)
		header := map[string]string{"DPoP": p.prove(t, service.tenant, http.MethodPost, "/token", "")}
		statuses, mu := map[int]int{}, sync.Mutex{}
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				sent := at(i % 2)
				maps.Copy(sent, header)
				got, _ := service.tenant.send(t, attempt{method: http.MethodPost, path: "/token", values: appValues(service.app, exchange(tokens["access_token"])), header: sent})
				mu.Lock()
				defer mu.Unlock()
				statuses[got.Status]++
			})
		}
		all.Wait()
		if statuses[http.StatusOK] != 1 || statuses[http.StatusBadRequest] != 7 {
			t.Errorf("of eight: %v", statuses)
		}
	})
}

// Threat 26: a forged subject or actor token is refused, and at once.
func TestForgedTokensAreNotExchanged(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		_, service, tokens := w.service(t)
		for name, forged := range forgeries(t, tokens["access_token"], newSigner(t)) {
			began := time.Now()
			actor := exchange(tokens["access_token"])
			actor.Set("actor_token", forged)
			actor.Set("actor_token_type", accessType)
			for place, values := range map[string]url.Values{"subject": exchange(forged), "actor": actor} {
				got, _ := service.tenant.send(t, attempt{method: http.MethodPost, path: "/token", values: appValues(service.app, values)})
				if got.Status != http.StatusBadRequest && got.Status != http.StatusRequestEntityTooLarge {
					t.Errorf("%s as the %s token: %d", name, place, got.Status)
				}
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("%s took %s", name, took)
			}
		}
	})
}
