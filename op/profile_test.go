package op_test

import (
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

// profiled is a world in which the person has every standard claim.
func profiled(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	u := w.store.users["u1"]
	u.Profile = idp.DemoProfile(u.Address, w.now())
	w.store.users["u1"] = u
	return w
}

func jsonOf(t *testing.T, p idp.Profile) map[string]any {
	t.Helper()
	encoded, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(encoded, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUserinfoTellsWhatTheScopesAskFor(t *testing.T) {
	w := profiled(t)
	for name, scope := range map[string][]string{
		"none of them": {"openid"},
		"profile":      {"openid", "profile"},
		"address":      {"openid", "address"},
		"phone":        {"openid", "phone"},
		"all":          {"openid", "profile", "address", "phone"},
	} {
		want := jsonOf(t, w.store.users["u1"].Profile.Only(idp.ClaimsOfScope(scope)))
		want["sub"] = "subject-1"
		asked := ""
		for _, s := range scope {
			asked += s + " "
		}
		tokens := w.tokens("web", "scope", asked)
		if diff := cmp.Diff(want, w.userinfo(tokens["access_token"]).json(t)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		idToken := w.claimsOf(tokens["id_token"], "JWT", jose.RS256)
		for _, claim := range idp.ProfileClaims() {
			if idToken[claim] != nil {
				t.Errorf("%s: %s is in the ID token, where no scope asks for it", name, claim)
			}
		}
	}
}

func TestTheClaimsParameterNamesClaimsByPlace(t *testing.T) {
	w := profiled(t)
	tokens := w.tokens("web", "scope", "openid", "claims",
		`{"id_token":{"nickname":null,"address":{"essential":true}},"userinfo":{"name":{"essential":true},"shoe_size":null}}`)
	idToken := w.claimsOf(tokens["id_token"], "JWT", jose.RS256)
	if idToken["nickname"] != "ada" || idToken["address"] == nil || idToken["name"] != nil {
		t.Errorf("ID token: %v", idToken)
	}
	want := map[string]any{"sub": "subject-1", "name": "Ada Example"}
	if diff := cmp.Diff(want, w.userinfo(tokens["access_token"]).json(t)); diff != "" {
		t.Error(diff)
	}
}
