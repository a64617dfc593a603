package idp_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

func TestATenantsLimitsAreReadAndBounded(t *testing.T) {
	var l idp.TenantLimits
	if err := l.Set("mailbox", "30/24h, 2/60s"); err != nil {
		t.Fatal(err)
	}
	want := []idp.Rule{{Limit: 2, Period: time.Minute}, {Limit: 30, Period: 24 * time.Hour}}
	if diff := cmp.Diff(want, l.Mailbox); diff != "" {
		t.Error(diff)
	}
	again, err := idp.ParseRules(idp.FormatRules(l.Mailbox))
	if err != nil || !cmp.Equal(again, want) {
		t.Errorf("%v, %v", again, err)
	}
	for name, c := range map[string]struct{ limit, text string }{
		"no such limit":                    {"everywhere", "1/1m"},
		"nothing at all":                   {"mailbox", "0/1m"},
		"less than nothing":                {"mailbox", "-1/1m"},
		"more mails than a mailbox stands": {"mailbox", "65/1h"},
		"a period too short":               {"mailbox", "1/1s"},
		"a period too long":                {"sending", "1/200h"},
		"no period":                        {"sending", "5"},
		"a word":                           {"sending", "many/1m"},
		"two rules for one period":         {"sending", "5/60s,6/1m"},
		"five rules":                       {"sending", "1/1m,2/2m,3/3m,4/4m,5/5m"},
		"two rules of attempts":            {"attempt", "10/1m,100/1h"},
		"an empty rule":                    {"tenant", "5/1m,"},
		"more than can be counted":         {"tenant", "99999999999999999999/1m"},
	} {
		if err := l.Set(c.limit, c.text); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if !cmp.Equal(l.Mailbox, want) {
		t.Error("a refused figure was set")
	}
	if err := l.Set("mailbox", ""); err != nil || l.Mailbox != nil {
		t.Errorf("back to the instance's: %v, %v", l.Mailbox, err)
	}
}
