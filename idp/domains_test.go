package idp_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

func TestDomainsAreReadInTheFormThatAddressesHave(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want idp.Domains
	}{
		"one":                             {"acme.example", idp.Domains{"acme.example"}},
		"commas, spaces, order":           {" b.example, a.example\tc.example ", idp.Domains{"a.example", "b.example", "c.example"}},
		"capitals":                        {"ACME.Example", idp.Domains{"acme.example"}},
		"IDNA and its ASCII form are one": {"bücher.example,xn--bcher-kva.example,BÜCHER.example", idp.Domains{"xn--bcher-kva.example"}},
		"full-width is the same name":     {"ａｃｍｅ.example", idp.Domains{"acme.example"}},
		"all below":                       {"*.bücher.example", idp.Domains{"*.xn--bcher-kva.example"}},
		"a top-level domain":              {"*.example", idp.Domains{"*.example"}},
		"nothing":                         {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := idp.ParseDomains(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	many := strings.Repeat("x", 3)
	for i := range 501 {
		many += "," + strings.Repeat("a", 1+i%50) + strings.Repeat("b", i/50) + ".example"
	}
	for _, wrong := range []string{"example", "a@acme.example", "*", "*.", "**.acme.example", "a.*.example", "192.0.2.1", "acme.example.", "-.example", "a＠b.example", many} {
		if got, err := idp.ParseDomains(wrong); err == nil {
			t.Errorf("%.40q is taken for %v", wrong, got)
		}
	}
}

func TestASubdomainIsCoveredByItsOwnEntryOnly(t *testing.T) {
	for name, c := range map[string]struct {
		list, address string
		want          bool
	}{
		"the domain itself":                      {"acme.example", "a@acme.example", true},
		"a subdomain of an entry":                {"acme.example", "a@mail.acme.example", false},
		"a domain that ends alike":               {"acme.example", "a@notacme.example", false},
		"a subdomain of a starred entry":         {"*.acme.example", "a@mail.acme.example", true},
		"far below a starred entry":              {"*.acme.example", "a@x.y.acme.example", true},
		"a starred entry is not its own":         {"*.acme.example", "a@acme.example", false},
		"both":                                   {"acme.example,*.acme.example", "a@acme.example", true},
		"an address in Unicode, a list in ASCII": {"xn--bcher-kva.example", "a@bücher.example", true},
		"an address in ASCII, a list in Unicode": {"bücher.example", "a@XN--BCHER-KVA.example", true},
		"a domain for an attacker's longer name": {"acme.example", "a@acme.example.evil.test", false},
		"an empty list covers nothing":           {"", "a@acme.example", false},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := idp.ParseDomains(c.list)
			if err != nil {
				t.Fatal(err)
			}
			address, err := idp.ParseAddress(c.address)
			if err != nil {
				t.Fatal(err)
			}
			if got := list.Covers(address); got != c.want {
				t.Errorf("%s covers %s: %t", c.list, c.address, got)
			}
		})
	}
}

func TestWhoMayGetAnAccount(t *testing.T) {
	acme, evil := idp.Domains{"acme.example"}, idp.Domains{"evil.example"}
	for name, c := range map[string]struct {
		settings idp.TenantSettings
		address  idp.Address
		want     idp.SignUp
	}{
		"open":                           {idp.TenantSettings{}, "a@acme.example", idp.SignUpOpen},
		"by invitation":                  {idp.TenantSettings{SignUp: idp.SignUpInvited}, "a@acme.example", idp.SignUpInvited},
		"an allowed domain":              {idp.TenantSettings{AllowedDomains: acme}, "a@acme.example", idp.SignUpOpen},
		"another than the allowed":       {idp.TenantSettings{AllowedDomains: acme}, "a@else.example", idp.SignUpInvited},
		"a blocked domain":               {idp.TenantSettings{BlockedDomains: evil}, "a@evil.example", idp.SignUpInvited},
		"another than the blocked":       {idp.TenantSettings{BlockedDomains: evil}, "a@acme.example", idp.SignUpOpen},
		"blocked goes before allowed":    {idp.TenantSettings{AllowedDomains: acme, BlockedDomains: acme}, "a@acme.example", idp.SignUpInvited},
		"not blocked, but by invitation": {idp.TenantSettings{SignUp: idp.SignUpInvited, BlockedDomains: evil}, "a@acme.example", idp.SignUpInvited},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.settings.SignUpOf(c.address); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			tenant := idp.Tenant{Slug: "acme", Name: "Acme", Settings: c.settings}
			for _, known := range []bool{true, false} {
				m := idp.ClaimedMail{Tenant: tenant, Flow: idp.Flow{Address: c.address, State: idp.FlowAsked}, UserKnown: known}
				if got := m.Deliverable(); got != (known || c.want == idp.SignUpOpen) {
					t.Errorf("known %t: a mail goes out: %t", known, got)
				}
			}
		})
	}
}
