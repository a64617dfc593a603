package op_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"postern/idp"
	"postern/op"
)

// logoutOutbox is an op.LogoutStore with one token in it.
type logoutOutbox struct {
	mu      sync.Mutex
	claimed idp.ClaimedLogout
	due     time.Time
	ended   []idp.LogoutEnd
}

func (o *logoutOutbox) DueLogouts(_ context.Context, now time.Time, _ int) ([]idp.LogoutRef, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.due.IsZero() || o.due.After(now) {
		return nil, nil
	}
	return []idp.LogoutRef{o.claimed.Ref}, nil
}

func (o *logoutOutbox) ClaimLogout(_ context.Context, _ idp.LogoutRef, lease time.Duration, now time.Time) (idp.ClaimedLogout, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.due.After(now) {
		return idp.ClaimedLogout{}, idp.ErrNotFound
	}
	o.claimed.Attempt++
	o.due = now.Add(lease)
	return o.claimed, nil
}

func (o *logoutOutbox) FinishLogout(_ context.Context, _ idp.LogoutRef, _ int, end idp.LogoutEnd, due, _ time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = append(o.ended, end)
	o.due = due
	return nil
}

// client answers as often as told, and keeps what it was sent.
type clientAnswer struct {
	status int
	err    error
}

type loggedOutClient struct {
	mu      sync.Mutex
	answers []clientAnswer
	uris    []string
	tokens  []string
}

func (c *loggedOutClient) Post(_ context.Context, uri string, form url.Values) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uris, c.tokens = append(c.uris, uri), append(c.tokens, form.Get("logout_token"))
	a := c.answers[0]
	if len(c.answers) > 1 {
		c.answers = c.answers[1:]
	}
	return a.status, a.err
}

// deliver runs a sender for so long and gives what came of it.
func deliver(t *testing.T, w *world, change func(*idp.Client), life time.Duration, answers ...clientAnswer) (*logoutOutbox, *loggedOutClient) {
	t.Helper()
	client := w.store.clients["tenant-a"]["web"]
	client.Metadata.BackchannelLogoutURI = "https://web.example/back"
	change(&client)
	outbox := &logoutOutbox{due: time.Now(), claimed: idp.ClaimedLogout{
		Ref:    idp.LogoutRef{TenantID: "tenant-a", ClientID: "web", SID: "the-session"},
		Tenant: idp.Tenant{ID: "tenant-a", Slug: "a"}, Client: client, Subject: "subject-1",
	}}
	app := &loggedOutClient{answers: answers}
	ctx, stop := context.WithTimeout(t.Context(), life)
	defer stop()
	(&op.LogoutSender{Provider: w.provider, Store: outbox, Poster: app}).Run(ctx)
	return outbox, app
}

func same(*idp.Client) {}

func TestALogoutTokenTellsWhoseSessionEnded(t *testing.T) {
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		w.realTime()
		outbox, app := deliver(t, w, same, time.Minute, clientAnswer{status: http.StatusNoContent})
		if diff := cmp.Diff([]string{"https://web.example/back"}, app.uris); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff([]idp.LogoutEnd{idp.LogoutTaken}, outbox.ended); diff != "" {
			t.Error(diff)
		}
		claims := w.claimsOf(app.tokens[0], "logout+jwt", jose.RS256)
		if id, ok := claims["jti"].(string); !ok || id == "" {
			t.Error("no jti")
		}
		if claims["exp"].(float64)-claims["iat"].(float64) != 120 {
			t.Errorf("lives from %v to %v", claims["iat"], claims["exp"])
		}
		for _, name := range []string{"jti", "iat", "exp"} {
			delete(claims, name)
		}
		want := map[string]any{
			"iss": issuer, "aud": "web", "sub": "subject-1", "sid": "the-session",
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
		if diff := cmp.Diff(want, claims); diff != "" {
			t.Error(diff)
		}
	})
}

func TestALogoutTokenIsEncryptedWhereIDTokensAre(t *testing.T) {
	w, with := newWorld(t), idp.Encryption{Alg: "ECDH-ES", Enc: idp.DefaultEnc}
	r := newReader(t, with.Alg, "reads")
	set := json.RawMessage(setOf(t, r))
	synctest.Test(t, func(t *testing.T) {
		w.realTime()
		_, app := deliver(t, w, func(c *idp.Client) { c.Metadata.IDTokenKeyAlg, c.Metadata.JWKS = with.Alg, set }, time.Minute,
			clientAnswer{status: http.StatusOK})
		w.claimsOf(r.open(t, app.tokens[0], with), "logout+jwt", jose.RS256)
	})
}

func TestALogoutTokenIsAsTheClientKnowsThings(t *testing.T) {
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		w.realTime()
		_, app := deliver(t, w, func(c *idp.Client) {
			c.Metadata.IDTokenAlg, c.Metadata.SubjectType = idp.ES256, idp.SubjectPairwise
		}, time.Minute, clientAnswer{status: http.StatusOK})
		if sub := w.claimsOf(app.tokens[0], "logout+jwt", jose.ES256)["sub"]; sub == "subject-1" || sub == "" {
			t.Errorf("sub %v", sub)
		}
	})
}

func TestAClientThatDoesNotAnswerIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		w.realTime()
		outbox, app := deliver(t, w, same, time.Hour,
			clientAnswer{err: errors.New("no route")}, clientAnswer{status: http.StatusBadRequest},
			clientAnswer{status: http.StatusFound}, clientAnswer{status: http.StatusOK})
		want := []idp.LogoutEnd{idp.LogoutRetry, idp.LogoutRetry, idp.LogoutRetry, idp.LogoutTaken}
		if diff := cmp.Diff(want, outbox.ended); diff != "" {
			t.Error(diff)
		}
		if app.tokens[0] == app.tokens[1] {
			t.Error("an attempt sends a token that may have expired")
		}
	})
}

func TestAClientThatNeverAnswersIsGivenUp(t *testing.T) {
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		w.realTime()
		outbox, _ := deliver(t, w, same, idp.LogoutLife, clientAnswer{status: http.StatusInternalServerError})
		if n := len(outbox.ended); n != 7 || outbox.ended[n-1] != idp.LogoutGivenUp {
			t.Errorf("%v", outbox.ended)
		}
	})
}

// A logout token is no ID token: it says nothing of who may be let in.
func TestALogoutTokenIsNoHint(t *testing.T) {
	w := newWorld(t)
	var token string
	synctest.Test(t, func(t *testing.T) {
		w.realTime()
		_, app := deliver(t, w, same, time.Minute, clientAnswer{status: http.StatusOK})
		token = app.tokens[0]
	})
	if res := w.do(http.MethodGet, "/t/a/end_session?id_token_hint="+token, nil); res.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d as a hint", res.StatusCode)
	}
	if res := w.userinfo(token); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d as an access token", res.StatusCode)
	}
}

func TestSignedOutPageLoadsTheClientsFrames(t *testing.T) {
	w := newWorld(t)
	for id, required := range map[idp.ClientID]bool{"web": true, "short": false} {
		c := w.store.clients["tenant-a"][id]
		c.Metadata.FrontchannelLogoutURI = "https://" + string(id) + ".example/out?x=1"
		c.Metadata.FrontchannelLogoutSessionRequired = required
		w.store.clients["tenant-a"][id] = c
	}
	tokens := w.tokens("web")
	w.tokens("short", "scope", "openid")
	sid := string(w.sessions.session.ID)
	res := w.do(http.MethodGet, "/t/a/end_session?"+url.Values{
		"id_token_hint": {tokens["id_token"].(string)}, "state": {"s&t"},
		"post_logout_redirect_uri": {"https://web.example/bye"},
	}.Encode(), nil)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d", res.StatusCode)
	}
	for _, want := range []string{
		`src="https://web.example/out?x=1&amp;iss=` + url.QueryEscape(issuer) + `&amp;sid=` + sid + `"`,
		`src="https://short.example/out?x=1"`,
		`http-equiv="refresh" content="3; url=https://web.example/bye?state=s%26t"`,
		`href="https://web.example/bye?state=s%26t"`,
	} {
		if !strings.Contains(res.body, want) {
			t.Errorf("no %s in\n%s", want, res.body)
		}
	}
	policy := res.Header.Get("Content-Security-Policy")
	_, sources, _ := strings.Cut(policy, "frame-src ")
	got := strings.Fields(strings.Split(sources, ";")[0])
	if len(got) != 2 || !strings.Contains(policy, "https://web.example") || !strings.Contains(policy, "https://short.example") {
		t.Errorf("policy %q", policy)
	}
	if !w.store.ended[idp.SessionID(sid)] {
		t.Error("the session is alive")
	}
}
