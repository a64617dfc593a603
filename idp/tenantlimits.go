package idp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TenantLimits are a tenant's own figures of what is counted; an empty one is
// the instance's. What guards a mailbox over all tenants is nobody's to tune.
type TenantLimits struct {
	// Mailbox: mails to one mailbox.
	Mailbox []Rule `json:"mailbox,omitempty"`
	// Known: mails to one mailbox, asked for by a browser that has signed in with it.
	Known []Rule `json:"known,omitempty"`
	// Sending: requests for a mail by one network address.
	Sending []Rule `json:"sending,omitempty"`
	// Attempt: POSTs that may complete a login, by one network address; one rule.
	Attempt []Rule `json:"attempt,omitempty"`
	// Tenant: requests for a mail in the whole tenant.
	Tenant []Rule `json:"tenant,omitempty"`
}

// limitBounds is how far a tenant may go.
type limitBounds struct {
	rules         int
	most          int64
	least, period time.Duration
}

const (
	shortestPeriod = time.Second
	longestPeriod  = 7 * 24 * time.Hour
)

// Mails to one mailbox stay within what is remembered one by one, so that the
// page can name the moment of the next.
var (
	mailboxBounds = limitBounds{4, exactRule, 10 * time.Second, longestPeriod}
	peerBounds    = limitBounds{4, 100_000, shortestPeriod, longestPeriod}
	attemptBounds = limitBounds{1, 100_000, 10 * time.Second, time.Hour}
	tenantBounds  = limitBounds{4, 10_000_000, shortestPeriod, longestPeriod}
)

// named gives a limit and its bounds by the name it is set under.
func (l *TenantLimits) named(name string) (*[]Rule, limitBounds, bool) {
	switch name {
	case "mailbox":
		return &l.Mailbox, mailboxBounds, true
	case "known":
		return &l.Known, mailboxBounds, true
	case "sending":
		return &l.Sending, peerBounds, true
	case "attempt":
		return &l.Attempt, attemptBounds, true
	case "tenant":
		return &l.Tenant, tenantBounds, true
	default:
		return nil, limitBounds{}, false
	}
}

// LimitNames are the limits that a tenant may tune.
func LimitNames() []string { return []string{"mailbox", "known", "sending", "attempt", "tenant"} }

// Set changes the limit of a name to rules such as "1/60s,3/15m,30/24h"; an
// empty text is the instance's again.
func (l *TenantLimits) Set(name, text string) error {
	rules, bounds, ok := l.named(name)
	if !ok {
		return fmt.Errorf("there is no limit %q; %s", name, strings.Join(LimitNames(), ", "))
	}
	parsed, err := ParseRules(text)
	if err != nil {
		return err
	}
	if err := bounds.check(parsed); err != nil {
		return err
	}
	*rules = parsed
	return nil
}

// Texts gives what Set was told, by name.
func (l TenantLimits) Texts() map[string]string {
	texts := map[string]string{}
	for _, name := range LimitNames() {
		if rules, _, _ := l.named(name); len(*rules) > 0 {
			texts[name] = FormatRules(*rules)
		}
	}
	return texts
}

func (l TenantLimits) validate() error {
	for _, name := range LimitNames() {
		rules, bounds, _ := l.named(name)
		if err := bounds.check(*rules); err != nil {
			return fmt.Errorf("limit.%s: %w", name, err)
		}
	}
	return nil
}

func (b limitBounds) check(rules []Rule) error {
	if len(rules) > b.rules {
		return fmt.Errorf("%d rules, at most %d", len(rules), b.rules)
	}
	for i, r := range rules {
		switch {
		case r.Limit < 1 || r.Limit > b.most:
			return fmt.Errorf("%d in %s: 1 to %d", r.Limit, r.Period, b.most)
		case r.Period < b.least || r.Period > b.period:
			return fmt.Errorf("%d in %s: within %s to %s", r.Limit, r.Period, b.least, b.period)
		case i > 0 && r.Period <= rules[i-1].Period:
			return fmt.Errorf("%d in %s: two rules for one period", r.Limit, r.Period)
		}
	}
	return nil
}

// ParseRules reads rules such as "1/60s,3/15m,30/24h", in any order.
func ParseRules(text string) ([]Rule, error) {
	var rules []Rule
	for entry := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(text) == "" {
			return nil, nil
		}
		limit, period, ok := strings.Cut(strings.TrimSpace(entry), "/")
		n, err := strconv.ParseInt(limit, 10, 64)
		d, periodErr := time.ParseDuration(period)
		if !ok || err != nil || periodErr != nil {
			return nil, fmt.Errorf("%q: how many in which time, such as 3/15m", entry)
		}
		rules = append(rules, Rule{Limit: n, Period: d})
	}
	slices.SortFunc(rules, func(a, b Rule) int { return int(min(max(a.Period-b.Period, -1), 1)) })
	return rules, nil
}

// FormatRules writes what ParseRules reads.
func FormatRules(rules []Rule) string {
	texts := make([]string, len(rules))
	for i, r := range rules {
		texts[i] = fmt.Sprintf("%d/%s", r.Limit, r.Period)
	}
	return strings.Join(texts, ",")
}
