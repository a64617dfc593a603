package idp_test

import (
	"testing"
	"time"

	"postern/idp"
)

func TestWhatIsToldOfAMail(t *testing.T) {
	t.Parallel()
	asked := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	entry := func(state idp.OutboxState, withheld bool) idp.OutboxEntry {
		return idp.OutboxEntry{ID: "mail", State: state, Withheld: withheld, CreatedAt: asked}
	}
	again := entry(idp.OutboxSending, false)
	again.Attempt = 2
	for name, c := range map[string]struct {
		entry idp.OutboxEntry
		after time.Duration
		want  idp.Delivery
	}{
		"there is none":    {idp.OutboxEntry{}, time.Hour, idp.DeliveryUntold},
		"just asked for":   {entry(idp.OutboxQueued, false), 9 * time.Second, idp.DeliveryUntold},
		"being sent":       {entry(idp.OutboxSending, false), 9 * time.Second, idp.DeliveryUntold},
		"queued for long":  {entry(idp.OutboxQueued, false), 10 * time.Second, idp.DeliveryDelayed},
		"claimed for long": {entry(idp.OutboxClaimed, false), 10 * time.Second, idp.DeliveryDelayed},
		"a server that takes long, or a process that died": {entry(idp.OutboxSending, false), 10 * time.Second, idp.DeliveryUntold},
		"being tried again":                 {again, 10 * time.Second, idp.DeliveryDelayed},
		"sent":                              {entry(idp.OutboxSent, false), time.Minute, idp.DeliveryUntold},
		"nobody knows whether it was taken": {entry(idp.OutboxUnknown, false), time.Minute, idp.DeliveryUntold},
		"dropped by policy":                 {entry(idp.OutboxDropped, false), time.Minute, idp.DeliveryUntold},
		"withheld by a limit":               {entry(idp.OutboxQueued, true), time.Minute, idp.DeliveryUntold},
		"refused, at once":                  {entry(idp.OutboxRefused, false), 0, idp.DeliveryRefused},
		"failed":                            {entry(idp.OutboxFailed, false), time.Minute, idp.DeliveryFailed},
	} {
		if got := c.entry.Delivery(asked.Add(c.after)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The last attempt is never after what a person was told.
func TestUntilWhenAMailIsTried(t *testing.T) {
	t.Parallel()
	asked := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		state   idp.OutboxState
		attempt int
		due     time.Duration
		want    time.Duration
	}{
		"before the first attempt":  {idp.OutboxQueued, 0, 0, 246 * time.Second}, // 205 s and a fifth
		"within the first":          {idp.OutboxSending, 1, 0, 246 * time.Second},
		"before the third":          {idp.OutboxQueued, 2, 30 * time.Second, 30*time.Second + 216*time.Second},
		"before the last":           {idp.OutboxQueued, 4, 4 * time.Minute, 4 * time.Minute},
		"within the last":           {idp.OutboxSending, 5, 4 * time.Minute, 4 * time.Minute},
		"as long as a link has use": {idp.OutboxQueued, 1, 11 * time.Minute, 14 * time.Minute},
	} {
		e := idp.OutboxEntry{
			ID: "mail", State: c.state, Attempt: c.attempt, Due: asked.Add(c.due), Expires: asked.Add(15 * time.Minute), CreatedAt: asked,
		}
		if got := e.TriedUntil().Sub(asked); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// What a mail's fate must not tell, it does not tell: wherever one address may be
// mailed and another not, nothing is told of any.
func TestWhoMailsEveryone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings idp.TenantSettings
		want     bool
	}{
		"open sign-up":          {idp.TenantSettings{}, true},
		"by invitation":         {idp.TenantSettings{SignUp: idp.SignUpInvited}, false},
		"domains that may":      {idp.TenantSettings{AllowedDomains: idp.Domains{"acme.example"}}, false},
		"domains that may not":  {idp.TenantSettings{BlockedDomains: idp.Domains{"evil.example"}}, false},
		"both lists":            {idp.TenantSettings{AllowedDomains: idp.Domains{"acme.example"}, BlockedDomains: idp.Domains{"evil.example"}}, false},
		"invitation and a list": {idp.TenantSettings{SignUp: idp.SignUpInvited, BlockedDomains: idp.Domains{"evil.example"}}, false},
	} {
		if got := c.settings.MailsEveryone(); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
		for _, user := range []idp.ClaimedMail{{}, {UserKnown: true}, {UserDisabled: true}} {
			user.Tenant.Settings, user.Flow = c.settings, idp.Flow{State: idp.FlowAsked, Address: "ann@acme.example"}
			other := user
			other.Flow.Address = "ann@evil.example"
			if c.want && (!user.Deliverable() || !other.Deliverable()) {
				t.Errorf("%s mails everyone, but not %+v", name, user)
			}
		}
	}
}
