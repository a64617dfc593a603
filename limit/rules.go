package limit

import (
	"slices"
	"time"

	"postern/idp"
)

// Rules are the figures of what is counted.
type Rules struct {
	// Mailbox: mails to one mailbox in one tenant.
	Mailbox []idp.Rule
	// Known: mails to one mailbox in one tenant, asked for by one browser that
	// has signed in with that address before.
	Known []idp.Rule
	// Everywhere: mails to one mailbox over all tenants.
	Everywhere []idp.Rule
	// Sending: requests for a mail by one network address, over all tenants.
	Sending []idp.Rule
	// Attempt: POSTs that may complete a login, by one network address.
	Attempt idp.Rule
	// Tenant: requests for a mail in one tenant. The daily quota is a guard
	// against a runaway, far above what an app of this rate needs in a day.
	Tenant []idp.Rule
}

const day = 24 * time.Hour

// Default gives the figures that hold unless something else is set.
func Default() Rules {
	return Rules{
		Mailbox:    []idp.Rule{{Limit: 1, Period: time.Minute}, {Limit: 3, Period: 15 * time.Minute}, {Limit: 30, Period: day}},
		Known:      []idp.Rule{{Limit: 1, Period: time.Minute}, {Limit: 3, Period: 15 * time.Minute}, {Limit: 30, Period: day}},
		Everywhere: []idp.Rule{{Limit: 10, Period: time.Hour}, {Limit: 60, Period: day}},
		Sending:    []idp.Rule{{Limit: 60, Period: 10 * time.Minute}, {Limit: 1000, Period: day}},
		Attempt:    idp.Rule{Limit: 300, Period: time.Minute},
		Tenant:     []idp.Rule{{Limit: 600, Period: time.Minute}, {Limit: 100_000, Period: day}},
	}
}

// Relaxed gives every default figure ten thousandfold, for development and
// end-to-end tests, which sign one person in again and again.
func Relaxed() Rules {
	const times = 10_000
	r := Default()
	for _, rules := range [][]idp.Rule{r.Mailbox, r.Known, r.Everywhere, r.Sending, r.Tenant} {
		for i := range rules {
			rules[i].Limit *= times
		}
	}
	r.Attempt.Limit *= times
	return r
}

// siteTimes is how much more often than one of its networks a whole IPv6 /48 may
// ask: it may be one customer, or a street of them.
const siteTimes = 50

func widened(rules []idp.Rule) []idp.Rule {
	wide := slices.Clone(rules)
	for i := range wide {
		wide[i].Limit *= siteTimes
	}
	return wide
}
