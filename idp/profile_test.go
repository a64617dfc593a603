package idp_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

func namesOf(t *testing.T, p idp.Profile) map[string]bool {
	t.Helper()
	encoded, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &members); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for name := range members {
		names[name] = true
	}
	return names
}

func TestDemoProfileHasEveryStandardClaim(t *testing.T) {
	p := idp.DemoProfile("ada@example.com", time.Unix(1_700_000_000, 0))
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, name := range idp.ProfileClaims() {
		want[name] = true
	}
	if diff := cmp.Diff(want, namesOf(t, p)); diff != "" {
		t.Error(diff)
	}
}

func TestAScopeGivesItsOwnClaimsOnly(t *testing.T) {
	p := idp.DemoProfile("ada@example.com", time.Unix(1_700_000_000, 0))
	for name, c := range map[string]struct {
		scope []string
		want  int
	}{
		"none":        {[]string{"openid", "email"}, 0},
		"profile":     {[]string{"openid", "profile"}, 14},
		"address":     {[]string{"address"}, 1},
		"phone":       {[]string{"phone"}, 2},
		"all of them": {[]string{"phone", "address", "profile"}, 17},
	} {
		names := idp.ClaimsOfScope(c.scope)
		got := namesOf(t, p.Only(names))
		if len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
		for _, n := range names {
			if !got[n] {
				t.Errorf("%s: %s is missing", name, n)
			}
		}
	}
}

func TestOperatorSetsClaims(t *testing.T) {
	var p idp.Profile
	for _, set := range [][2]string{
		{"name", "Ada Lovelace"},
		{"phone_number", "+44 20 7946 0000"},
		{"phone_number_verified", "true"},
		{"address.locality", "London"},
		{"nickname", "gone soon"},
		{"nickname", ""},
	} {
		var err error
		if p, err = p.Set(set[0], set[1]); err != nil {
			t.Fatalf("%s: %v", set[0], err)
		}
	}
	verified := true
	want := idp.Profile{
		Name: "Ada Lovelace", PhoneNumber: "+44 20 7946 0000", PhoneNumberVerified: &verified,
		Address: &idp.PostalAddress{Locality: "London"},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	p, err := p.Set("phone_number", "+44 20 7946 0001")
	if err != nil || p.PhoneNumberVerified != nil {
		t.Errorf("another number is still verified: %v", err)
	}
	if p, err = p.Set("address.locality", ""); err != nil || p.Address != nil {
		t.Errorf("an empty address stays: %v", err)
	}
}

func TestClaimsThatAreRefused(t *testing.T) {
	for name, set := range map[string][2]string{
		"no claim":                 {"shoe_size", "9"},
		"the address by its email": {"email", "eve@evil.example"},
		"the time of change":       {"updated_at", "1"},
		"an address in one":        {"address", "London"},
		"no part of an address":    {"address.planet", "Earth"},
		"a script for a page":      {"website", "javascript:alert(1)"},
		"a date in words":          {"birthdate", "in May"},
		"a number in words":        {"phone_number", "call me"},
		"a verdict in words":       {"phone_number_verified", "yes"},
		"too long":                 {"name", strings.Repeat("x", 1025)},
		"a control character":      {"name", "a\x00b"},
	} {
		if _, err := (idp.Profile{}).Set(set[0], set[1]); err == nil {
			t.Errorf("%s: %s=%q is taken", name, set[0], set[1])
		}
	}
}
