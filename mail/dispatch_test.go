package mail_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
	"postern/mail"
)

// start runs the worker until the test is over, and waits for it to be there. The
// entry is not written yet.
func (d *desk) start(t *testing.T) {
	t.Helper()
	d.store.claimed.Entry.State = idp.OutboxDropped
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { d.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	synctest.Wait()
}

// hold holds a hand for the desk's one mail, and writes it as StartFlow does.
func (d *desk) hold(t *testing.T) (idp.ClaimedMail, *idp.Dispatch) {
	t.Helper()
	d.store.mu.Lock()
	defer d.store.mu.Unlock()
	m := &d.store.claimed
	dispatch := d.Hold(m.Tenant, m.Flow, time.Now())
	if dispatch == nil {
		t.Fatal("no hand is free")
	}
	m.Entry.State, m.Entry.Attempt = idp.OutboxSending, 1
	d.store.lease = time.Now().Add(dispatch.Lease)
	return *m, dispatch
}

func TestAMailThatAHandIsHeldForLeavesAtOnceWithItsLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, always(nil))
		d.start(t)
		m, dispatch := d.hold(t)
		d.Send(m, dispatch)
		synctest.Wait()
		if sent := d.hand.sent(); len(sent) != 0 {
			t.Error("the mail did not wait for the answer to be out")
		}
		time.Sleep(100 * time.Millisecond)
		if sent := d.hand.sent(); len(sent) != 1 || !strings.HasSuffix(sent[0].Link, "?token="+dispatch.Credential.Reveal()) {
			t.Fatalf("sent: %+v", sent)
		}
		link := dispatch.Link
		want := idp.Link{
			TenantID: ref.TenantID, ID: dispatch.Credential.ID, FlowID: "flow", ClientID: "app",
			Verifier: dispatch.Credential.Secret.Digest(), SentAt: d.store.began, Expires: d.store.began.Add(idp.DefaultLinkLife),
		}
		if diff := cmp.Diff(want, link, cmp.Comparer(idp.Digest.Equal)); diff != "" {
			t.Errorf("link:\n%s", diff)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"sent at 0s"}, d.store.past); diff != "" {
			t.Error(diff)
		}
	})
}

func TestADispatchHoldsToPolicyAndTime(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*idp.ClaimedMail)
		waits  time.Duration
		want   string
	}{
		{"user disabled, and not everyone is mailed", func(m *idp.ClaimedMail) {
			m.UserDisabled, m.Tenant.Settings.SignUp = true, idp.SignUpInvited
		}, 0, "dropped at 0s"},
		{"suppressed", func(m *idp.ClaimedMail) { m.Suppressed = true }, 0, "refused at 0s"},
		{"withheld by a limit", func(m *idp.ClaimedMail) { m.Entry.Withheld = true }, 0, "dropped at 0s"},
		// The sweep finds it queued, and sends it with a link of its own.
		{"held up for long", func(*idp.ClaimedMail) {}, time.Minute, "queued at 1m0s, sent at 1m1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, always(nil))
				d.start(t)
				m, dispatch := d.hold(t)
				c.change(&m)
				time.Sleep(c.waits)
				d.Send(m, dispatch)
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if got := strings.Join(d.store.past, ", "); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
				for _, sent := range d.hand.messages {
					if strings.Contains(sent.Link, dispatch.Credential.Reveal()) {
						t.Error("the held link was sent")
					}
				}
			})
		})
	}
}

func TestADispatchRefusedForNowIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, &hand{send: func(_ context.Context, _ mail.Message, n int) error {
			if n == 1 {
				return mail.ErrTemporary
			}
			return nil
		}})
		d.start(t)
		d.Send(d.hold(t))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if state := d.store.state(); state != idp.OutboxSent || len(d.hand.messages) != 2 || len(d.store.links) != 1 {
			t.Errorf("%s after %d attempts, %d links made since", state, len(d.hand.messages), len(d.store.links))
		}
	})
}

func TestNoHandIsPromisedThatIsNotFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, always(nil), func(c *mail.Config) { c.Workers = 2 })
		m := d.store.claimed
		if d.Hold(m.Tenant, m.Flow, time.Now()) != nil {
			t.Error("a hand is held though nothing runs")
		}
		d.start(t)
		for range 2 {
			if d.Hold(m.Tenant, m.Flow, time.Now()) == nil {
				t.Fatal("both should be free")
			}
		}
		if d.Hold(m.Tenant, m.Flow, time.Now()) != nil {
			t.Error("a third hand of two")
		}
		d.Release()
		if d.Hold(m.Tenant, m.Flow, time.Now()) == nil {
			t.Error("the one let go is not free")
		}
		d.Release()
		d.Release()
	})
}

func TestWhatAHandIsHeldForIsSentThoughTheWorkerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, always(nil))
		d.store.claimed.Entry.State = idp.OutboxDropped
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { d.Run(ctx); close(done) }()
		synctest.Wait()
		m, dispatch := d.hold(t)
		cancel()
		synctest.Wait()
		if d.Hold(m.Tenant, m.Flow, time.Now()) != nil {
			t.Error("a hand is held while the worker ends")
		}
		d.Send(m, dispatch)
		<-done
		if state := d.store.state(); state != idp.OutboxSent {
			t.Error(state)
		}
	})
}

func TestTheWorkerEndsThoughAHandIsNeverLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, always(errors.New("never")))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		time.AfterFunc(100*time.Millisecond, func() { d.hold(t) })
		d.Run(ctx)
		if took := time.Since(d.store.began).Truncate(time.Second); took != 21*time.Second {
			t.Errorf("ended after %s", took)
		}
	})
}
