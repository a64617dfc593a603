package op_test

import (
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// withProfile gives a world whose client "web" is one of a FAPI profile.
func withProfile(t *testing.T, profile idp.SecurityProfile, change func(*idp.ClientMetadata)) (*world, func(map[string]any) string) {
	t.Helper()
	w, key := withAssertions(t)
	w.register(func(m *idp.ClientMetadata) {
		m.Profile, m.RequirePushedRequests, m.DPoPBoundTokens = profile, true, true
		m.RequireSignedRequests = profile == idp.ProfileFAPI2Signed
		m.RedirectURIs = []string{webReturn}
		change(m)
	})
	if err := w.store.clients["tenant-a"]["web"].Validate(); err != nil {
		t.Fatal(err)
	}
	return w, func(claims map[string]any) string { return signedBy(t, key, jose.ES256, claims) }
}

func TestAFAPIClientIsServedByTheProfileAlone(t *testing.T) {
	w, sign := withProfile(t, idp.ProfileFAPI2, func(*idp.ClientMetadata) {})
	h := w.holder()
	proven := func(form url.Values, aud any) url.Values {
		return asserted(form, sign(w.claims(map[string]any{"aud": aud})))
	}
	for name, form := range map[string]url.Values{
		"no PKCE":        proven(request("web", "code_challenge", "", "code_challenge_method", ""), issuer),
		"a plain one":    proven(request("web", "code_challenge_method", "plain"), issuer),
		"no return":      proven(request("web", "redirect_uri", ""), issuer),
		"a token at all": proven(request("web", "response_type", "code id_token"), issuer),
	} {
		if res := w.push(form); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	for name, aud := range map[string]any{"the endpoint": issuer + "/par", "the token endpoint": issuer + "/token", "a list": []string{issuer}} {
		if res := w.push(proven(request("web"), aud)); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("an assertion for %s: %d %s", name, res.StatusCode, res.body)
		}
	}
	res := w.push(proven(request("web"), issuer))
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	_, values := w.authorize(named("web", res.json(t)["request_uri"].(string))).location(t)
	redeem := func() url.Values { return proven(redemption("web", values.Get("code")), issuer) }
	if res := w.token(redeem()); res.json(t)["error"] != "invalid_dpop_proof" {
		t.Errorf("without a proof: %d %s", res.StatusCode, res.body)
	}
	h.post("/token", url.Values{"client_id": {"web"}}) // for the nonce
	res = h.post("/token", redeem())
	if res.StatusCode != http.StatusOK || res.json(t)["token_type"] != "DPoP" {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	w.claimsOf(res.json(t)["id_token"], "JWT", jose.ES256) // never RS256
}

func TestAFAPIClientMayAskForAnAPIAlone(t *testing.T) {
	w, sign := withProfile(t, idp.ProfileFAPI2, func(*idp.ClientMetadata) {})
	h := w.holder()
	h.post("/token", url.Values{"client_id": {"web"}})
	proven := func(form url.Values) url.Values { return asserted(form, sign(w.claims(map[string]any{"aud": issuer}))) }
	res := w.push(proven(request("web", "scope", "profile")))
	_, values := w.authorize(named("web", res.json(t)["request_uri"].(string))).location(t)
	got := h.post("/token", proven(redemption("web", values.Get("code")))).json(t)
	if got["access_token"] == nil || got["id_token"] != nil || got["scope"] != "profile" {
		t.Errorf("%v", got)
	}
	if res := h.userinfo(got["access_token"], nil); res.StatusCode != http.StatusForbidden {
		t.Errorf("userinfo without openid: %d", res.StatusCode)
	}
}

func TestMessageSigningWantsWhatItsProfileSays(t *testing.T) {
	w, sign := withProfile(t, idp.ProfileFAPI2Signed, func(m *idp.ClientMetadata) { m.ResponseAlg = idp.ES256 })
	at := w.now()
	good := map[string]any{"iss": "web", "aud": issuer, "nbf": at.Unix(), "exp": at.Add(time.Minute).Unix(), "response_mode": "jwt"}
	for name, values := range request("web") {
		good[name] = values[0]
	}
	push := func(claims map[string]any) answer {
		form := asserted(url.Values{}, sign(w.claims(map[string]any{"aud": issuer})))
		form.Set("request", sign(claims))
		return w.push(form)
	}
	for name, changes := range map[string]map[string]any{
		"no end":              {"exp": nil},
		"no beginning":        {"nbf": nil},
		"no receiver":         {"aud": nil},
		"another receiver":    {"aud": "https://elsewhere.example"},
		"good for too long":   {"exp": at.Add(time.Hour + time.Minute).Unix()},
		"of long ago":         {"nbf": at.Add(-time.Hour - time.Minute).Unix()},
		"an answer unsigned":  {"response_mode": nil},
		"a form unsigned":     {"response_mode": "form_post"},
		"no PKCE":             {"code_challenge": nil, "code_challenge_method": nil},
		"no client":           {"client_id": nil},
		"another's client id": {"client_id": "spa"},
	} {
		claims := maps.Clone(good)
		maps.Copy(claims, changes)
		maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
		if res := push(claims); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	none := asserted(url.Values{"request": {unsignedObject(t, good)}}, sign(w.claims(map[string]any{"aud": issuer})))
	wantError(t, w.push(none), http.StatusBadRequest, "invalid_request_object")
	unsigned := w.push(asserted(request("web", "response_mode", "jwt"), sign(w.claims(map[string]any{"aud": issuer}))))
	wantError(t, unsigned, http.StatusBadRequest, "invalid_request")
	res := push(good)
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	_, values := w.authorize(named("web", res.json(t)["request_uri"].(string))).location(t)
	if claims := w.claimsOf(values.Get("response"), "oauth-authz-resp+jwt", jose.ES256); claims["code"] == nil {
		t.Error(claims)
	}
}
