package idp_test

import (
	"slices"
	"strings"
	"testing"

	"postern/idp"
)

func TestAClientExchangesWhatItsPolicySaysAndNothingElse(t *testing.T) {
	c := idp.Client{ID: "orders", Metadata: idp.ClientMetadata{GrantTypes: []string{idp.GrantTokenExchange}}}
	if c.MayExchange([]string{"https://billing.example"}) || c.MayExchange(nil) || c.MayPresent("web", []string{"web", "https://api.example"}) {
		t.Error("without a policy something is allowed")
	}
	c.Metadata.ExchangePolicy = idp.ExchangePolicy{From: []string{"https://api.example"}, For: []string{"https://billing.example"}}
	for _, one := range []struct {
		resources []string
		good      bool
	}{
		{[]string{"https://billing.example"}, true},
		{nil, false},
		{[]string{"https://billing.example/"}, false},
		{[]string{"https://billing.example", "https://other.example"}, false},
	} {
		if got := c.MayExchange(one.resources); got != one.good {
			t.Errorf("for %v: %v", one.resources, got)
		}
	}
	if !c.MayPresent("orders", nil) || !c.MayPresent("web", []string{"x", "https://api.example"}) || c.MayPresent("web", []string{"orders"}) {
		t.Error("what it may present is not what its policy says")
	}
	c.Metadata.GrantTypes = nil
	if c.MayExchange([]string{"https://billing.example"}) {
		t.Error("without the grant type")
	}
}

func TestAnExchangePolicyThatDoesNothingIsRefused(t *testing.T) {
	long := slices.Repeat([]string{"x"}, 51)
	for name, c := range map[string]struct {
		policy idp.ExchangePolicy
		grants []string
		says   string
	}{
		"without the grant type":  {idp.ExchangePolicy{For: []string{"x"}}, []string{idp.GrantClientCredentials}, "grant type"},
		"for nothing":             {idp.ExchangePolicy{From: []string{"x"}}, []string{idp.GrantTokenExchange}, "name the resources"},
		"a mode alone":            {idp.ExchangePolicy{Mode: idp.ExchangeImpersonation}, []string{idp.GrantTokenExchange}, "name the resources"},
		"a mode that is not one":  {idp.ExchangePolicy{For: []string{"x"}, Mode: "theft"}, []string{idp.GrantTokenExchange}, "delegation"},
		"too long a list":         {idp.ExchangePolicy{For: long}, []string{idp.GrantTokenExchange}, "at most"},
		"none, which is no fault": {idp.ExchangePolicy{}, []string{idp.GrantTokenExchange}, ""},
		"one that is good":        {idp.ExchangePolicy{From: []string{"x"}, For: []string{"y"}, Mode: "impersonation"}, []string{idp.GrantTokenExchange}, ""},
	} {
		client := idp.Client{ID: "c", Secrets: []idp.Digest{idp.DigestOf([]byte("x"))}, Metadata: idp.ClientMetadata{
			Name: "C", AuthMethods: []idp.AuthMethod{idp.AuthBasic}, GrantTypes: c.grants, ExchangePolicy: c.policy,
		}}
		err := client.Validate()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
