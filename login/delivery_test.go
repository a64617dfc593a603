package login_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/idp"
)

// attempted does what the mail worker does where the mail server does not take
// the newest mail.
func (w *world) attempted(state idp.OutboxState, due time.Duration) {
	w.t.Helper()
	now := w.clock.Now()
	claimed, err := w.db.ClaimMail(w.t.Context(), w.outbox.take(w.t), time.Minute, now)
	must(w.t, err)
	_, err = w.db.FinishMails(w.t.Context(), claimed.Tenant.ID, []idp.MailResult{
		{ID: claimed.Entry.ID, Attempt: claimed.Entry.Attempt, State: state, Due: now.Add(due), At: now},
	})
	must(w.t, err)
}

func stateOf(waiting string) string {
	return strings.Replace(waiting, "/auth/waiting?", "/auth/waiting/state?", 1)
}

// In a tenant that mails everyone, who waits is told what is the matter, by the
// page as by the poll, and by pages that say something else besides.
func TestWhoWaitsIsToldHowTheirMailFares(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state idp.OutboxState
		want  string
		words []string
	}{
		{idp.OutboxQueued, "delayed", []string{"Your mail is delayed", "at <time datetime=\"2026-11-22T12:00:00Z\">12:00 UTC</time>", "until <time datetime=\"2026-11-22T12:05:00Z\">12:05 UTC</time>"}},
		{idp.OutboxRefused, "refused", []string{"Mail to this address is refused", `<a class="primary" href="/t/acme/auth/login?request=`}},
		{idp.OutboxFailed, "failed", []string{"The mail could not be sent"}},
		{idp.OutboxSent, "asked", []string{"Check your mail"}},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.browser()
			waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
			first := b.get(waiting)
			w.attempted(c.state, 5*time.Second)
			w.clock.advance(10 * time.Second)
			w.store.drain()
			if p := b.get(stateOf(waiting)); p.status != http.StatusOK || p.body != `{"state":"`+c.want+`"}` {
				t.Errorf("poll: %d %s", p.status, p.body)
			}
			if calls := w.store.drain(); len(calls) != 1 {
				t.Errorf("a poll costs %q", calls)
			}
			soon := b.submit(first, "/auth/resend", nil)
			soon.want(t, http.StatusTooManyRequests)
			wrong := b.submit(first, "/auth/code", map[string][]string{"code": {"AAAA-AAAA"}})
			wrong.want(t, http.StatusUnprocessableEntity)
			for _, p := range []page{b.get(waiting), soon, wrong} {
				for _, words := range c.words {
					if !strings.Contains(p.body, words) {
						t.Errorf("no %q on the page:\n%s", words, p.body)
					}
				}
			}
		})
	}
}

// Wherever a mail's fate depends on who has an account, it is not even looked for.
func TestWhereNotEveryoneIsMailedNobodyIsTold(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]idp.TenantSettings{
		"by invitation":        {SignUp: idp.SignUpInvited},
		"domains that may":     {AllowedDomains: idp.Domains{"example.org"}},
		"domains that may not": {BlockedDomains: idp.Domains{"evil.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.acme.Settings = settings
			must(t, w.db.UpdateTenant(t.Context(), w.acme))
			b := w.browser()
			waiting := b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
			before := b.get(waiting).body
			for _, state := range []idp.OutboxState{idp.OutboxQueued, idp.OutboxRefused, idp.OutboxFailed} {
				w.attempted(state, 0)
				w.clock.advance(time.Minute)
				w.store.drain()
				if p := b.get(stateOf(waiting)); p.body != `{"state":"asked"}` {
					t.Errorf("%s: the poll tells %s", state, p.body)
				}
				if p := b.get(waiting); !strings.Contains(p.body, "Check your mail") || strings.Count(p.body, "<p") != strings.Count(before, "<p") {
					t.Errorf("%s: the page tells:\n%s", state, p.body)
				}
				for _, call := range w.store.drain() {
					if call == "FindFlowMail" {
						t.Errorf("%s: the mail was looked for", state)
					}
				}
				b.submit(b.get(waiting), "/auth/resend", nil)
			}
		})
	}
}

// A look by the page's script takes no login away from the tab that it belongs to.
func TestALookAtTheWaitingPageEndsNoLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("spa")), "ann@example.org")
	b.submit(b.get(w.send()), "/auth/verify", nil).want(t, http.StatusOK)
	b.get(waiting+"&look=1").want(t, http.StatusOK)
	b.get(waiting).answered(t, "spa")
}

// Who is disabled gets their mail where everyone does, and is told at its link.
func TestWhereEveryoneIsMailedADisabledPersonIsToldAtTheLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.db.InviteUser(t.Context(), idp.User{
		TenantID: w.acme.ID, ID: idp.UserID(idp.NewID(w.clock.Now())), Subject: idp.NewSubject(),
		Address: "ann@example.org", Disabled: true, CreatedAt: w.clock.Now(),
	}))
	b := w.browser()
	b.ask(w.loginPath(w.acme, w.request("web")), "ann@example.org")
	link := w.send()
	if link == "" {
		t.Fatal("no mail: what becomes of it tells them apart")
	}
	b.submit(b.get(link), "/auth/verify", nil).want(t, http.StatusForbidden)
	if w.logins(w.acme) != 0 {
		t.Error("signed in")
	}
}
