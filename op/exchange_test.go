package op_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

const (
	billing     = "https://billing.example"
	tokenAccess = "urn:ietf:params:oauth:token-type:access_token"
)

// withExchange lets a service, "orders", that is called by tokens for
// https://api.example get tokens for what is behind it.
func withExchange(t *testing.T, changes ...func(*idp.ClientMetadata)) *world {
	t.Helper()
	w := newWorld(t)
	w.settings = func(s *idp.TenantSettings) {
		s.APIs = append(s.APIs, idp.API{Resource: billing, Scopes: []string{"read", "bill"}})
	}
	w.letExchange("orders", changes...)
	w.letExchange("ledger", func(m *idp.ClientMetadata) { m.From, m.For = []string{billing}, []string{"urn:example:opaque"} })
	return w
}

func (w *world) letExchange(id idp.ClientID, changes ...func(*idp.ClientMetadata)) {
	w.t.Helper()
	c := w.store.clients["tenant-a"]["machine"]
	c.ID = id
	c.Metadata.GrantTypes = []string{idp.GrantTokenExchange, idp.GrantClientCredentials}
	c.Metadata.Scopes = nil
	c.Metadata.ExchangePolicy = idp.ExchangePolicy{From: []string{"https://api.example"}, For: []string{billing, "https://strict.example"}}
	for _, change := range changes {
		change(&c.Metadata)
	}
	if err := c.Validate(); err != nil {
		w.t.Fatal(err)
	}
	w.store.clients["tenant-a"][id] = c
}

// called is a token by which the app "web" calls the API of "orders".
func (w *world) called(changes ...string) string {
	w.t.Helper()
	return fmt.Sprint(w.tokens("web", append([]string{"resource", "https://api.example", "scope", "openid email read offline_access"}, changes...)...)["access_token"])
}

// exchanging is a good exchange of a client, with changes; an empty value takes
// a parameter out.
func exchanging(client, token string, changes ...string) url.Values {
	form := with(secretOf(client), "grant_type", idp.GrantTokenExchange, "subject_token", token, "subject_token_type", tokenAccess,
		"resource", billing)
	for i := 0; i < len(changes); i += 2 {
		if form.Set(changes[i], changes[i+1]); changes[i+1] == "" {
			form.Del(changes[i])
		}
	}
	return form
}

func TestAServiceExchangesWhatItWasCalledByForATokenBehindIt(t *testing.T) {
	w := withExchange(t)
	token := w.called()
	w.move(20 * time.Minute)
	res := w.token(exchanging("orders", token))
	got := res.json(t)
	if res.StatusCode != http.StatusOK || got["issued_token_type"] != tokenAccess || got["token_type"] != "Bearer" ||
		got["refresh_token"] != nil || got["id_token"] != nil || got["expires_in"] != 2400.0 || got["scope"] != "read" {
		t.Fatalf("%d %v", res.StatusCode, got)
	}
	before, claims := w.claimsOf(token, "at+jwt", jose.ES256), w.claimsOf(got["access_token"], "at+jwt", jose.ES256)
	want := map[string]any{
		"sub": "subject-1", "aud": billing, "client_id": "orders", "scope": "read", "exp": before["exp"], "act": map[string]any{"sub": "orders"},
		"acr": before["acr"], "auth_time": before["auth_time"], "sid": before["sid"], "iss": issuer,
	}
	for name, value := range want {
		if diff := cmp.Diff(value, claims[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if strings.Contains(fmt.Sprint(claims), "web") {
		t.Errorf("the token tells who was given the first: %v", claims)
	}
	told := w.introspected(got["access_token"])
	if diff := cmp.Diff(map[string]any{"sub": "orders"}, told["act"]); diff != "" || told["active"] != true || told["client_id"] != "orders" {
		t.Errorf("introspection: %v", told)
	}
	wantError(t, w.userinfo(got["access_token"]), http.StatusForbidden, "insufficient_scope")
	if e := w.store.exchanges; len(e) != 1 || e[0].ClientID != "orders" || e[0].Detail != "a token of web, for "+billing {
		t.Errorf("audit: %+v", e)
	}
}

func TestWhoeverActsIsToldInOrder(t *testing.T) {
	w := withExchange(t)
	first := w.token(exchanging("orders", w.called())).json(t)
	got := w.token(exchanging("ledger", fmt.Sprint(first["access_token"]), "resource", "", "audience", "urn:example:opaque")).json(t)
	chain := map[string]any{"sub": "ledger", "act": map[string]any{"sub": "orders"}}
	if told := w.introspected(got["access_token"]); told["active"] != true || !cmp.Equal(told["act"], any(chain)) || told["sub"] != "subject-1" {
		t.Fatalf("%v: %v", got, told)
	}
	w.letExchange("orders", func(m *idp.ClientMetadata) { m.Mode = idp.ExchangeImpersonation })
	got = w.token(exchanging("orders", w.called())).json(t)
	if claims := w.claimsOf(got["access_token"], "at+jwt", jose.ES256); claims["act"] != nil {
		t.Errorf("impersonation: %v", claims)
	}
	w.letExchange("ledger", func(m *idp.ClientMetadata) {
		m.From, m.For, m.Mode = []string{billing}, []string{"urn:example:opaque"}, idp.ExchangeImpersonation
	})
	got = w.token(exchanging("ledger", fmt.Sprint(first["access_token"]), "resource", "urn:example:opaque")).json(t)
	if told := w.introspected(got["access_token"]); !cmp.Equal(told["act"], any(map[string]any{"sub": "orders"})) {
		t.Errorf("who acted before an impersonation: %v", told)
	}
}

func TestAnActorTokenNamesWhoActs(t *testing.T) {
	w := withExchange(t, func(m *idp.ClientMetadata) {
		m.GrantTypes = append(m.GrantTypes, idp.GrantAuthorizationCode)
		m.RedirectURIs = []string{webReturn}
	})
	token := w.called()
	w.logIn("u2")
	agent := fmt.Sprint(w.tokens("orders", "scope", "openid")["access_token"])
	own := fmt.Sprint(w.token(with(secretOf("orders"), "grant_type", "client_credentials")).json(t)["access_token"])
	for sub, by := range map[string]string{"subject-2": agent, "orders": own} {
		got := w.token(exchanging("orders", token, "actor_token", by, "actor_token_type", tokenAccess)).json(t)
		if claims := w.claimsOf(got["access_token"], "at+jwt", jose.ES256); !cmp.Equal(claims["act"], any(map[string]any{"sub": sub})) || claims["sub"] != "subject-1" {
			t.Errorf("%v", claims)
		}
	}
	foreign := fmt.Sprint(w.tokens("web")["access_token"])
	for name, changes := range map[string][]string{
		"another client's token": {"actor_token", foreign, "actor_token_type", tokenAccess},
		"garbage":                {"actor_token", "garbage", "actor_token_type", tokenAccess},
		"no type":                {"actor_token", agent},
		"no token":               {"actor_token_type", tokenAccess},
		"another type":           {"actor_token", agent, "actor_token_type", "urn:ietf:params:oauth:token-type:id_token"},
	} {
		res := w.token(exchanging("orders", token, changes...))
		if wantError(t, res, http.StatusBadRequest, "invalid_request"); t.Failed() {
			t.Fatal(name)
		}
	}
	w.store.users["u2"] = idp.User{TenantID: "tenant-a", ID: "u2", Subject: "subject-2", Disabled: true}
	wantError(t, w.token(exchanging("orders", token, "actor_token", agent, "actor_token_type", tokenAccess)), http.StatusBadRequest, "invalid_request")
}

func TestATokenThatSaysWhoMayActIsHeldToIt(t *testing.T) {
	w := withExchange(t)
	claims := w.claimsOf(w.called(), "at+jwt", jose.ES256)
	for may, good := range map[string]bool{`{"sub":"orders"}`: true, `{"sub":"orders","iss":"` + issuer + `"}`: true, `{"sub":"orders","iss":"https://x.example"}`: false, `{"sub":"ledger"}`: false, `{}`: false} {
		claims["may_act"] = json.RawMessage(may)
		res := w.token(exchanging("orders", w.forge("tenant-a", idp.ES256, "at+jwt", claims)))
		if (res.StatusCode == http.StatusOK) != good {
			t.Errorf("%s: %d %s", may, res.StatusCode, res.body)
		}
		if good {
			if got := w.claimsOf(res.json(t)["access_token"], "at+jwt", jose.ES256); got["may_act"] == nil {
				t.Errorf("%s is lost on the way", may)
			}
		}
	}
}

func TestAnExchangeNarrowsAndNeverWidens(t *testing.T) {
	w := withExchange(t)
	for _, c := range []struct{ has, asked, want string }{
		{"openid email read", "", "read"},
		{"openid email read", "read", "read"},
		{"openid email read", "openid read", "openid read"},
		{"openid write", "", ""},
		{"openid read", "bill", "invalid_scope"},
		{"openid read", "read bill", "invalid_scope"},
		{"openid read", "email", "invalid_scope"},
		{"openid write", "write", "invalid_scope"},
		{"openid read offline_access", "offline_access", "invalid_scope"},
	} {
		got := w.token(exchanging("orders", w.called("scope", c.has), "scope", c.asked)).json(t)
		if said := fmt.Sprint(got["scope"]); got["error"] == nil && said != c.want || got["error"] != nil && got["error"] != c.want {
			t.Errorf("%q of %q: %v", c.asked, c.has, got)
		}
	}
	w.letExchange("orders", func(m *idp.ClientMetadata) { m.Scopes = []string{"bill"} })
	if got := w.token(exchanging("orders", w.called())).json(t); got["scope"] != "" {
		t.Errorf("scopes that are not the client's: %v", got)
	}
	w.letExchange("orders")
	if got := w.token(exchanging("orders", w.called(), "scope", "openid")).json(t); w.userinfo(got["access_token"]).StatusCode != http.StatusOK {
		t.Errorf("userinfo, where openid was asked for: %v", got)
	}
	token := w.called()
	if got := w.token(exchanging("orders", token, "resource", "https://strict.example")).json(t); got["expires_in"] != 300.0 {
		t.Errorf("an API's own life: %v", got["expires_in"])
	}
	w.move(idp.AccessTokenLife - time.Second)
	if got := w.token(exchanging("orders", token)).json(t); got["expires_in"] != 1.0 {
		t.Errorf("at the end of the subject token: %v", got)
	}
}

func TestExchangesThatAreRefused(t *testing.T) {
	w := withExchange(t)
	w.letExchange("closed", func(m *idp.ClientMetadata) { m.ExchangePolicy = idp.ExchangePolicy{} })
	w.letExchange("deaf", func(m *idp.ClientMetadata) { m.From = nil })
	tokens := w.tokens("web", "resource", "https://api.example")
	token, refresh, id := fmt.Sprint(tokens["access_token"]), fmt.Sprint(tokens["refresh_token"]), fmt.Sprint(tokens["id_token"])
	own := fmt.Sprint(w.token(machine("resource", "https://api.example")).json(t)["access_token"])
	expired := w.claimsOf(token, "at+jwt", jose.ES256)
	expired["exp"] = w.now().Unix()
	two := exchanging("orders", token)
	two["resource"] = []string{billing, "https://api.example/a"}
	mixed := exchanging("orders", token, "audience", "https://api.example/a")
	for name, c := range map[string]struct {
		form   url.Values
		status int
		code   string
	}{
		"a client without the grant":        {exchanging("web", token), 400, "unauthorized_client"},
		"a public client":                   {exchanging("spa", token, "client_secret", ""), 400, "unauthorized_client"},
		"a client without a policy":         {exchanging("closed", token), 400, "unauthorized_client"},
		"a wrong secret":                    {exchanging("orders", token, "client_secret", "x"), 401, "invalid_client"},
		"no subject token":                  {exchanging("orders", ""), 400, "invalid_request"},
		"no type":                           {exchanging("orders", token, "subject_token_type", ""), 400, "invalid_request"},
		"an ID token":                       {exchanging("orders", id, "subject_token_type", "urn:ietf:params:oauth:token-type:id_token"), 400, "invalid_request"},
		"an ID token as an access token":    {exchanging("orders", id), 400, "invalid_request"},
		"a refresh token":                   {exchanging("orders", refresh, "subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), 400, "invalid_request"},
		"a refresh token as an access one":  {exchanging("orders", refresh), 400, "invalid_request"},
		"a JWT of unsaid kind":              {exchanging("orders", token, "subject_token_type", "urn:ietf:params:oauth:token-type:jwt"), 400, "invalid_request"},
		"a refresh token is asked for":      {exchanging("orders", token, "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), 400, "invalid_request"},
		"an ID token is asked for":          {exchanging("orders", token, "requested_token_type", "urn:ietf:params:oauth:token-type:id_token"), 400, "invalid_request"},
		"garbage":                           {exchanging("orders", "garbage"), 400, "invalid_request"},
		"an expired token":                  {exchanging("orders", w.forge("tenant-a", idp.ES256, "at+jwt", expired)), 400, "invalid_request"},
		"a client's own token":              {exchanging("orders", own), 400, "invalid_request"},
		"a token for somebody else":         {exchanging("deaf", token), 400, "invalid_request"},
		"a token of the same app, for none": {exchanging("orders", fmt.Sprint(w.tokens("web")["access_token"])), 400, "invalid_request"},
		"another tenant's token":            {exchanging("orders", w.forge("tenant-b", idp.ES256, "at+jwt", w.claimsOf(token, "at+jwt", jose.ES256))), 400, "invalid_request"},
		"no target":                         {exchanging("orders", token, "resource", ""), 400, "invalid_target"},
		"a target that is not its own":      {exchanging("orders", token, "resource", "https://api.example/a"), 400, "invalid_target"},
		"one that is and one that is not":   {two, 400, "invalid_target"},
		"a resource and another's audience": {mixed, 400, "invalid_target"},
		"an unknown target":                 {exchanging("orders", token, "resource", "https://nowhere.example"), 400, "invalid_target"},
		"where it came from":                {exchanging("orders", token, "resource", "https://api.example"), 400, "invalid_target"},
	} {
		res := w.token(c.form)
		if wantError(t, res, c.status, c.code); t.Failed() {
			t.Fatal(name)
		}
	}
	if len(w.store.exchanges) != 0 {
		t.Errorf("what was refused is in the audit log: %+v", w.store.exchanges)
	}
	if res := w.token(exchanging("orders", token)); res.StatusCode != http.StatusOK {
		t.Errorf("and the good one: %d %s", res.StatusCode, res.body)
	}
}

func TestAnExchangedTokenCountsWhileWhatItStandsOnDoes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, subject string)
		good   bool
	}{
		"nothing changed":      {func(*world, string) {}, true},
		"a second before":      {func(w *world, _ string) { w.move(idp.AccessTokenLife - time.Second) }, true},
		"the subject's expiry": {func(w *world, _ string) { w.move(idp.AccessTokenLife) }, false},
		"its app revokes the subject token": {func(w *world, subject string) {
			w.do(http.MethodPost, "/t/a/revoke", with(secretOf("web"), "token", subject))
		}, false},
		"the person is disabled":   {func(w *world, _ string) { w.store.users["u1"] = idp.User{Subject: "subject-1", Disabled: true} }, false},
		"the person has gone":      {func(w *world, _ string) { w.store.ended[w.sessions.session.ID] = true }, false},
		"the service is gone":      {func(w *world, _ string) { delete(w.store.clients["tenant-a"], "orders") }, false},
		"the service may no more":  {func(w *world, _ string) { w.letExchange("orders", func(m *idp.ClientMetadata) { m.For = m.For[1:] }) }, false},
		"the grant type was taken": {func(w *world, _ string) { w.letExchange("orders", closeExchange) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := withExchange(t)
			subject := w.called("scope", "openid read")
			token := w.token(exchanging("orders", subject, "scope", "openid read")).json(t)["access_token"]
			c.change(w, subject)
			if got := w.introspected(token)["active"]; got != c.good {
				t.Errorf("introspection: %v", got)
			}
			if res := w.userinfo(token); (res.StatusCode == http.StatusOK) != c.good {
				t.Errorf("userinfo: %d %s", res.StatusCode, res.body)
			}
			again := w.token(exchanging("ledger", fmt.Sprint(token), "resource", "urn:example:opaque"))
			if (again.StatusCode == http.StatusOK) != c.good {
				t.Errorf("exchanged on: %d %s", again.StatusCode, again.body)
			}
		})
	}
}

func closeExchange(m *idp.ClientMetadata) {
	m.GrantTypes, m.ExchangePolicy = []string{idp.GrantClientCredentials}, idp.ExchangePolicy{}
}

func TestAnExchangedTokenEndsNoGrant(t *testing.T) {
	w := withExchange(t)
	subject := w.called()
	token := fmt.Sprint(w.token(exchanging("orders", subject)).json(t)["access_token"])
	wantError(t, w.do(http.MethodPost, "/t/a/revoke", with(secretOf("orders"), "token", token)), http.StatusBadRequest, "unsupported_token_type")
	if res := w.do(http.MethodPost, "/t/a/revoke", with(secretOf("web"), "token", token)); res.StatusCode != http.StatusOK {
		t.Errorf("of another: %d %s", res.StatusCode, res.body)
	}
	if w.introspected(subject)["active"] != true {
		t.Error("a service ended the grant of the app that called it")
	}
}

func TestBoundTokensAreExchangedByTheirKeyAlone(t *testing.T) {
	w := withExchange(t)
	h, thief := w.holder(), w.holder()
	token := fmt.Sprint(h.tokens("web", "resource", "https://api.example", "scope", "openid read")["access_token"])
	wantError(t, w.token(exchanging("orders", token)), http.StatusBadRequest, "invalid_request")
	wantError(t, thief.post("/token", exchanging("orders", token)), http.StatusBadRequest, "invalid_request")
	got := h.post("/token", exchanging("orders", token)).json(t)
	claims := w.claimsOf(got["access_token"], "at+jwt", jose.ES256)
	if got["token_type"] != "DPoP" || !cmp.Equal(claims["cnf"], any(map[string]any{"jkt": h.thumbprint()})) {
		t.Errorf("%v %v", got, claims)
	}
	free := w.called()
	if got := thief.post("/token", exchanging("orders", free)).json(t); got["token_type"] != "DPoP" {
		t.Errorf("a free token is bound to whoever proves a key: %v", got)
	}
	proof := h.prove(http.MethodPost, "/token", nil)
	for i, want := range []int{http.StatusOK, http.StatusBadRequest} {
		if res := w.token(exchanging("orders", token), "DPoP", proof); res.StatusCode != want {
			t.Errorf("proof, time %d: %d %s", i+1, res.StatusCode, res.body)
		}
	}
}

func TestAPairwiseServiceSeesItsOwnSubject(t *testing.T) {
	w := withExchange(t, func(m *idp.ClientMetadata) {
		m.SubjectType, m.SectorIdentifierURI = idp.SubjectPairwise, "https://orders.example/sector.json"
	})
	got := w.token(exchanging("orders", w.called())).json(t)
	claims := w.claimsOf(got["access_token"], "at+jwt", jose.ES256)
	if claims["sub"] == "subject-1" || w.introspected(got["access_token"])["sub"] != claims["sub"] {
		t.Errorf("%v", claims)
	}
}
