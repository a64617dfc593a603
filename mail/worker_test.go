package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
	"postern/mail"
	"postern/templates"
)

// words makes mails out of what they are given, so that tests can see it.
type words struct{ err error }

func (w words) Notice(_ string, m templates.NoticeMail) (templates.Composed, error) {
	return templates.Composed{Subject: "changed", Text: m.Tenant, HTML: m.Tenant}, w.err
}

func (w words) Mail(locale string, m templates.LoginMail) (templates.Composed, error) {
	return templates.Composed{
		Subject: "Sign in to " + m.Client,
		Text:    fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s", locale, m.Tenant, m.Host, m.Life, m.Browser, m.Network, m.Link),
		HTML:    "<a>" + m.Link + "</a>",
	}, w.err
}

// hand is a transport that answers as the test wants.
type hand struct {
	mu       sync.Mutex
	messages []mail.Message
	send     func(ctx context.Context, m mail.Message, n int) error
}

func (h *hand) Send(ctx context.Context, m mail.Message) error {
	h.mu.Lock()
	h.messages = append(h.messages, m)
	n := len(h.messages)
	h.mu.Unlock()
	return h.send(ctx, m, n)
}

// sent gives what was handed over until now, while more may follow.
func (h *hand) sent() []mail.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.messages)
}

func always(err error) *hand {
	return &hand{send: func(context.Context, mail.Message, int) error { return err }}
}

// desk is a worker with all that is around it.
type desk struct {
	*mail.Worker
	store *outbox
	hand  *hand
	log   bytes.Buffer
	shown []mail.Message
}

func newDesk(t *testing.T, h *hand, change ...func(*mail.Config)) *desk {
	t.Helper()
	d := &desk{store: newOutbox(), hand: h}
	c := mail.Config{
		Store: d.store, Transport: h, Templates: words{}, PublicURL: "https://id.example",
		From: idp.MailFrom{Address: "login@id.example", Name: "Postern"}, Clock: time.Now,
		Log:    slog.New(slog.NewTextHandler(&d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnSent: func(m mail.Message) { d.shown = append(d.shown, m) },
	}
	for _, f := range change {
		f(&c)
	}
	worker, err := mail.NewWorker(c)
	if err != nil {
		t.Fatal(err)
	}
	d.Worker = worker
	return d
}

// run lets the worker run for a while, and then waits for it.
func (d *desk) run(t *testing.T, long time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { d.Run(ctx); close(done) }()
	time.Sleep(long)
	cancel()
	<-done
}

func TestAnEntryIsSentWithALinkThatWasCommittedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, always(nil))
		d.hand.send = func(_ context.Context, m mail.Message, _ int) error {
			_, token, _ := strings.Cut(m.Link, "?token=")
			credential, err := idp.ParseCredential(token)
			if err != nil {
				t.Errorf("link %q: %v", m.Link, err)
			}
			link := d.store.links[0] // written by now
			if link.ID != credential.ID || !link.Verifier.Equal(credential.Secret.Digest()) {
				t.Error("the link in the mail is not the one in the store")
			}
			return nil
		}
		d.Wake(ref)
		d.run(t, 100*time.Millisecond)

		if state := d.store.state(); state != idp.OutboxSent || len(d.hand.messages) != 1 {
			t.Fatalf("%s, %d sent", state, len(d.hand.messages))
		}
		link := d.store.links[0]
		want := idp.Link{
			TenantID: ref.TenantID, ID: link.ID, FlowID: "flow", ClientID: "app", Verifier: link.Verifier,
			SentAt: d.store.began, Expires: d.store.began.Add(idp.DefaultLinkLife),
		}
		if diff := cmp.Diff(want, link, cmp.Comparer(idp.Digest.Equal)); diff != "" {
			t.Errorf("link:\n%s", diff)
		}
		m := d.hand.messages[0]
		wantMail := mail.Message{
			From: idp.MailFrom{Address: "login@id.example", Name: "Postern"}, To: ann,
			Subject: "Sign in to Shop", Text: "de|Acme Corp|id.example|10m0s|Firefox on Linux|192.0.2.x|" + m.Link,
			HTML:      "<a>" + m.Link + "</a>",
			Headers:   []mail.Header{{Name: "Auto-Submitted", Value: "auto-generated"}, {Name: "X-Auto-Response-Suppress", Value: "All"}},
			MessageID: string(ref.ID) + "@id.example", Date: d.store.began, Link: m.Link, TenantID: ref.TenantID, Setup: "setup 1",
		}
		if diff := cmp.Diff(wantMail, m); diff != "" {
			t.Errorf("mail:\n%s", diff)
		}
		if !strings.HasPrefix(m.Link, "https://id.example/t/acme/auth/verify?token=") {
			t.Errorf("link %s", m.Link)
		}
		if len(d.shown) != 1 || d.shown[0].Link != m.Link {
			t.Errorf("shown to the developer: %v", d.shown)
		}
		if _, token, _ := strings.Cut(m.Link, "="); strings.Contains(d.log.String(), token) || strings.Contains(d.log.String(), string(ann)) {
			t.Errorf("token or address in the log: %s", &d.log)
		}
	})
}

func TestHowAnAttemptEnds(t *testing.T) {
	fail := errors.New("fault")
	for _, c := range []struct {
		name   string
		hand   *hand
		change func(*outbox, *mail.Config)
		want   string // the store's past
		sent   int
	}{
		{"taken", always(nil), nil, "sent at 0s", 1},
		{"refused for good", always(fmt.Errorf("%w: 550", mail.ErrPermanent)), nil, "failed at 0s", 1},
		{"no mailbox", always(fmt.Errorf("%w: 550", mail.ErrNoMailbox)), nil, "refused at 0s", 1},
		{"no mailbox, and that is not written", always(mail.ErrNoMailbox), func(o *outbox, _ *mail.Config) { o.failing["Suppress"] = fail }, "refused at 0s", 1},
		{"not to this address", always(fmt.Errorf("%w: 554", mail.ErrRecipient)), nil, "refused at 0s", 1},
		{"suppressed", always(nil), func(o *outbox, _ *mail.Config) { o.claimed.Suppressed = true }, "refused at 0s", 0},
		{"suppressed, and withheld", always(nil), func(o *outbox, _ *mail.Config) { o.claimed.Suppressed, o.claimed.Entry.Withheld = true, true }, "dropped at 0s", 0},
		{"answer lost", always(fmt.Errorf("%w: eof", mail.ErrUnknown)), nil, "unknown at 0s", 1},
		{"a fault of the transport", always(fail), nil, "failed at 0s", 1},
		{"withheld by a limit", always(nil), func(o *outbox, _ *mail.Config) { o.claimed.Entry.Withheld = true }, "dropped at 0s", 0},
		{"user disabled, where everyone is mailed", always(nil), func(o *outbox, _ *mail.Config) { o.claimed.UserDisabled = true }, "sent at 0s", 1},
		{"user disabled, and not everyone is mailed", always(nil), func(o *outbox, _ *mail.Config) {
			o.claimed.UserDisabled, o.claimed.Tenant.Settings.BlockedDomains = true, idp.Domains{"evil.example"}
		}, "dropped at 0s", 0},
		{"stranger, and invitation only", always(nil), func(o *outbox, _ *mail.Config) {
			o.claimed.UserKnown, o.claimed.Tenant.Settings.SignUp = false, idp.SignUpInvited
		}, "dropped at 0s", 0},
		{"flow completed", always(nil), func(o *outbox, _ *mail.Config) { o.claimed.Flow.State = idp.FlowCompleted }, "dropped at 0s", 0},
		{"flow ended meanwhile", always(nil), func(o *outbox, _ *mail.Config) { o.failing["BeginSending"] = idp.ErrUsed }, "dropped at 0s", 0},
		{"too late to be of use", always(nil), func(o *outbox, _ *mail.Config) { o.claimed.Flow.Expires = o.began.Add(30 * time.Second) }, "failed at 0s", 0},
		{"entry over", always(nil), func(o *outbox, _ *mail.Config) { o.claimed.Entry.Expires = o.began.Add(-time.Second) }, "failed at 0s", 0},
		{"tried often enough", always(nil), func(o *outbox, _ *mail.Config) { o.claimed.Entry.Attempt = 5 }, "failed at 0s", 0},
		{"no words for it", always(nil), func(_ *outbox, c *mail.Config) { c.Templates = words{fail} }, "failed at 0s", 0},
		{"the claim fails", always(nil), func(o *outbox, _ *mail.Config) { o.failing["ClaimMail"] = fail }, "", 0},
		{"the link is not written", always(nil), func(o *outbox, _ *mail.Config) { o.failing["BeginSending"] = fail }, "queued at 0s", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var store *outbox
				d := newDesk(t, c.hand, func(config *mail.Config) {
					config.Sweep = time.Hour
					store = config.Store.(*outbox)
					if c.change != nil {
						c.change(store, config)
					}
				})
				d.run(t, 10*time.Minute)
				if got := strings.Join(store.past, ", "); got != c.want || len(c.hand.messages) != c.sent {
					t.Errorf("%q with %d sent, want %q with %d; log: %s", got, len(c.hand.messages), c.want, c.sent, &d.log)
				}
			})
		})
	}
}

func TestAnAddressWithoutAMailboxIsLeftAloneForADay(t *testing.T) {
	s := startServer(t, on("RCPT", "550 5.1.1 <ann@example.org> who? https://id.example/auth/verify?token=SECRET"))
	d := newDesk(t, always(nil))
	transport := dialTo(t, s)
	d.hand.send = func(ctx context.Context, m mail.Message, _ int) error { return transport.Send(ctx, m) }
	d.Wake(ref)
	d.run(t, 200*time.Millisecond)
	if len(d.store.suppressed) != 1 || d.store.state() != idp.OutboxRefused {
		t.Fatalf("%s, suppressed %v", d.store.state(), d.store.suppressed)
	}
	got := d.store.suppressed[0]
	want := idp.Suppression{
		TenantID: ref.TenantID, Address: ann, Reason: "550 5.1.1", CreatedAt: got.CreatedAt, Expires: got.CreatedAt.Add(24 * time.Hour),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(d.log.String(), "SECRET") || strings.Contains(d.log.String(), "example.org") {
		t.Errorf("a server's words are in the log: %s", &d.log)
	}
}

func TestOtherRefusalsSuppressNobody(t *testing.T) {
	for _, failure := range []error{mail.ErrPermanent, mail.ErrUnknown, mail.ErrTemporary, mail.ErrLogin} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, always(failure))
			d.run(t, time.Second)
			if len(d.store.suppressed) != 0 {
				t.Errorf("%v suppressed %v", failure, d.store.suppressed)
			}
		})
	}
}

func TestAMailIsTriedAgainWithinItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		h := &hand{}
		d := newDesk(t, h)
		h.send = func(_ context.Context, m mail.Message, n int) error {
			at = append(at, time.Since(d.store.began))
			if m.MessageID != h.messages[0].MessageID || n > 1 && m.Link == h.messages[0].Link {
				t.Error("attempts share the message id, and each has a link of its own")
			}
			return fmt.Errorf("%w: 451", mail.ErrTemporary)
		}
		d.run(t, 14*time.Minute)
		if state := d.store.state(); state != idp.OutboxFailed || len(at) != 5 {
			t.Fatalf("%s after %v", state, at)
		}
		for i, pause := range []time.Duration{5 * time.Second, 20 * time.Second, time.Minute, 2 * time.Minute} {
			got := at[i+1] - at[i]
			if got < pause || got > pause+pause/5+time.Second {
				t.Errorf("attempt %d came %s after the one before, want %s and up to a fifth, and a sweep", i+2, got, pause)
			}
		}
	})
}

func TestAMailIsSentByALaterAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hand{send: func(_ context.Context, _ mail.Message, n int) error {
			if n < 3 {
				return mail.ErrTemporary
			}
			return nil
		}}
		d := newDesk(t, h)
		d.run(t, 2*time.Minute)
		if state := d.store.state(); state != idp.OutboxSent || len(h.messages) != 3 {
			t.Errorf("%s after %d attempts", state, len(h.messages))
		}
	})
}

func TestNoAttemptIsMadeWhenALinkCouldHardlyBeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, always(mail.ErrTemporary))
		d.store.claimed.Flow.Expires = d.store.began.Add(90 * time.Second)
		d.run(t, 5*time.Minute)
		// At 0 and 5 s; 20 s later there is time enough; another minute later there is not.
		if state := d.store.state(); state != idp.OutboxFailed || len(d.hand.messages) != 3 {
			t.Errorf("%s after %d attempts", state, len(d.hand.messages))
		}
		if link := d.store.links[2]; !link.Expires.Equal(d.store.claimed.Flow.Expires) {
			t.Errorf("a link outlives its flow by %s", link.Expires.Sub(d.store.claimed.Flow.Expires))
		}
	})
}

func TestAClaimThatLapsedIsTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, always(nil))
		d.store.claimed.Entry.State, d.store.claimed.Entry.Attempt = idp.OutboxClaimed, 1
		d.store.lease = d.store.began.Add(6 * time.Second)
		d.run(t, time.Minute)
		if diff := cmp.Diff([]string{"sent at 6s"}, d.store.past); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnAttemptThatTheStoreBrokeOffIsMadeAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, always(nil))
		d.store.failing["BeginSending"] = idp.ErrUnavailable
		time.AfterFunc(500*time.Millisecond, func() {
			d.store.mu.Lock()
			defer d.store.mu.Unlock()
			delete(d.store.failing, "BeginSending")
		})
		d.run(t, 10*time.Second)
		if diff := cmp.Diff([]string{"queued at 0s", "sent at 1s"}, d.store.past); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAResultOutlastsAnOutage(t *testing.T) {
	for name, c := range map[string]struct {
		outage time.Duration
		want   idp.OutboxState
	}{
		"shorter than the lease": {10 * time.Second, idp.OutboxSent},
		"longer than the lease":  {time.Minute, idp.OutboxSending}, // to be found unknown
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, always(nil))
				d.store.failing["FinishMails"] = idp.ErrUnavailable
				time.AfterFunc(c.outage, func() {
					d.store.mu.Lock()
					defer d.store.mu.Unlock()
					delete(d.store.failing, "FinishMails")
				})
				d.run(t, 70*time.Second)
				if state := d.store.state(); state != c.want || len(d.hand.messages) != 1 {
					t.Errorf("%s, sent %d times", state, len(d.hand.messages))
				}
			})
		})
	}
}

func TestAResultIsWrittenThoughTheStoreFailsAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, always(nil))
		d.store.failing["FinishMails"] = errors.New("database is locked")
		time.AfterFunc(100*time.Millisecond, func() {
			d.store.mu.Lock()
			defer d.store.mu.Unlock()
			delete(d.store.failing, "FinishMails")
		})
		d.run(t, 3*time.Second)
		if state := d.store.state(); state != idp.OutboxSent || len(d.hand.messages) != 1 {
			t.Errorf("%s, sent %d times", state, len(d.hand.messages))
		}
	})
}

func TestTheSweepSurvivesAStoreThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, always(nil))
		d.store.failing["DueMails"] = errors.New("database is locked")
		time.AfterFunc(5*time.Second, func() {
			d.store.mu.Lock()
			defer d.store.mu.Unlock()
			delete(d.store.failing, "DueMails")
		})
		d.run(t, 10*time.Second)
		if state := d.store.state(); state != idp.OutboxSent {
			t.Error(state)
		}
	})
}

// Whose process ended within the sending is told of once, by whoever finds it.
func TestAMailThatNobodyIsSendingAnyMoreIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, always(nil))
		d.store.claimed.Entry.State, d.store.claimed.Entry.Attempt = idp.OutboxSending, 1
		d.store.lease = time.Now().Add(5 * time.Second)
		d.run(t, 30*time.Second)
		if state := d.store.state(); state != idp.OutboxUnknown || len(d.hand.messages) != 0 {
			t.Errorf("%s, sent %d times", state, len(d.hand.messages))
		}
		if log := d.log.String(); strings.Count(log, "mail not known to be sent") != 1 || !strings.Contains(log, string(ref.ID)) {
			t.Errorf("the log has\n%s", log)
		}
	})
}

func TestWakingNeverWaits(t *testing.T) {
	d := newDesk(t, always(nil), func(c *mail.Config) { c.Queue = 2 })
	for range 100 { // nobody runs
		d.Wake(ref)
	}
}

func TestAMailThatIsBeingSentIsFinishedAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		takes time.Duration
		want  idp.OutboxState
		ends  time.Duration
	}{
		{"in time", 10 * time.Second, idp.OutboxSent, 10 * time.Second},
		{"cut off", time.Minute, idp.OutboxUnknown, 15 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, &hand{send: func(ctx context.Context, _ mail.Message, _ int) error {
					select {
					case <-time.After(c.takes):
						return nil
					case <-ctx.Done():
						return fmt.Errorf("%w: %w", mail.ErrUnknown, ctx.Err())
					}
				}})
				d.run(t, time.Millisecond)
				if state, took := d.store.state(), time.Since(d.store.began).Truncate(time.Second); state != c.want || took != c.ends {
					t.Errorf("%s after %s, want %s after %s", state, took, c.want, c.ends)
				}
			})
		})
	}
}

func TestSendingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, &hand{send: func(ctx context.Context, _ mail.Message, _ int) error {
			<-ctx.Done()
			return mail.ErrTemporary
		}})
		d.run(t, 61*time.Second)
		if diff := cmp.Diff([]string{"queued at 1m0s"}, d.store.past); diff != "" {
			t.Error(diff)
		}
	})
}

func TestATenantsSenderAndHost(t *testing.T) {
	for _, c := range []struct {
		name   string
		tenant idp.Tenant
		from   idp.MailFrom
		link   string
		id     string
	}{
		{"the instance's", idp.Tenant{Slug: "acme"}, idp.MailFrom{Address: "login@id.example", Name: "Postern"}, "https://id.example/t/acme/auth/verify?token=", "@id.example"},
		{"a name of its own", idp.Tenant{Root: true, Settings: idp.TenantSettings{Mail: idp.MailFrom{Name: "Acme"}}}, idp.MailFrom{Address: "login@id.example", Name: "Acme"}, "https://id.example/auth/verify?token=", "@id.example"},
		{"a host and an address of its own", idp.Tenant{Host: "login.acme.example", Settings: idp.TenantSettings{Mail: idp.MailFrom{Address: "hi@acme.example"}}}, idp.MailFrom{Address: "hi@acme.example"}, "https://login.acme.example/auth/verify?token=", "@acme.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, always(nil))
				c.tenant.ID = ref.TenantID
				d.store.claimed.Tenant = c.tenant
				d.run(t, time.Second)
				m := d.hand.messages[0]
				if m.From != c.from || !strings.HasPrefix(m.Link, c.link) || m.MessageID != string(ref.ID)+c.id {
					t.Errorf("%+v", m)
				}
			})
		})
	}
}

func TestNoLinkGoesOverTheNetworkInTheClear(t *testing.T) {
	for _, c := range []struct {
		url  string
		want bool
	}{
		{"https://id.example", true},
		{"http://127.0.0.1:8080", true},
		{"http://localhost:8080", true},
		{"http://[::1]:8080", true},
		{"http://id.example", false},
		{"http://10.0.0.1", false},
		{"http://127.0.0.1.evil.example", false},
		{"ftp://127.0.0.1", false},
		{"//127.0.0.1", false},
		{"", false},
	} {
		_, err := mail.NewWorker(mail.Config{PublicURL: c.url, From: idp.MailFrom{Address: "login@id.example"}})
		if (err == nil) != c.want {
			t.Errorf("%q: %v", c.url, err)
		}
	}
	if _, err := mail.NewWorker(mail.Config{PublicURL: "https://id.example", From: idp.MailFrom{Address: "Login"}}); err == nil {
		t.Error("a sender that is no address is taken")
	}
}
