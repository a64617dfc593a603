package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"postern/e2e/harness"
)

// load is a number of people who sign in, one after the other, whatever
// happens to the processes.
type load struct {
	*world
	mu       sync.Mutex
	accepted []*login
	tried    int
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// soon is how long a person looks at the waiting page before the next one comes.
const soon = 700 * time.Millisecond

func (w *world) startLoad(people int) *load {
	ctx, stop := context.WithCancel(w.t.Context())
	ld := &load{world: w, stop: stop}
	w.t.Cleanup(func() { ld.end() })
	for range people {
		ld.running.Go(func() {
			for ctx.Err() == nil {
				if !ld.person(ctx) {
					rest(ctx, 20*time.Millisecond)
				}
			}
		})
	}
	return ld
}

// end waits for those who are at it.
func (ld *load) end() {
	ld.stop()
	ld.running.Wait()
}

// person signs in if nothing comes in between, and tells whether it did. An
// address that was accepted is kept for later.
func (ld *load) person(ctx context.Context) bool {
	l, err := ld.begin(ld.app)
	ld.mu.Lock()
	ld.tried++
	if l != nil && l.flow != "" {
		ld.accepted = append(ld.accepted, l)
	}
	ld.mu.Unlock()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	mail, ok := ld.Sink.Wait(ctx, l.address)
	return ok && ld.press(l, mail.Link)
}

// press opens the link, then races its button against the relay code, and tells
// whether the client was reached.
func (w *world) press(l *login, link string) bool {
	opened, err := l.get(link) // which gives a session whose answer was lost
	if err != nil {
		return false
	}
	var tries []func() (*harness.Page, error)
	tries = append(tries, func() (*harness.Page, error) { return l.submit(opened, "/auth/verify", nil) })
	if code, err := w.relayCode(link); err == nil && l.waiting != nil {
		tries = append(tries, func() (*harness.Page, error) {
			return l.submit(l.waiting, "/auth/code", url.Values{"code": {code}})
		})
	}
	codes := make([]string, len(tries))
	var both sync.WaitGroup
	for i, try := range tries {
		both.Go(func() {
			if p, err := try(); err == nil {
				codes[i] = codeOf(p)
			}
		})
	}
	both.Wait()
	for _, code := range codes {
		if code != "" {
			w.spend(l, code)
		}
	}
	return l.won != ""
}

// spend notes a code that reached the client, and redeems it twice at once.
func (w *world) spend(l *login, code string) {
	if l.won != "" && l.won != code {
		w.t.Errorf("%s: two codes reached the client", l.address)
	}
	if l.won != "" {
		return
	}
	l.won = code
	var both sync.WaitGroup
	good := make([]bool, 2)
	for i := range good {
		both.Go(func() {
			a, err := w.redeem(w.t.Context(), rand.IntN(len(w.Processes)), code, l.request.verifier)
			good[i] = err == nil && a.status == http.StatusOK
		})
	}
	both.Wait()
	if good[0] && good[1] {
		w.t.Errorf("%s: a code was redeemed twice", l.address)
	}
}

// arrive brings a login that was mailed to its end, whatever came in between
// before: by its link, or, where the answer was lost, by the session that this
// browser is given again.
func (w *world) arrive(l *login, link string) error {
	if l.won != "" || w.press(l, link) {
		return nil
	}
	p, err := l.get(w.request().url)
	if err != nil {
		return err
	}
	if codeOf(p) == "" {
		return fmt.Errorf("%s: mailed, and no way to sign in: status %d at %s:\n%s", l.address, p.Status, p.URL.Redacted(), p.Text("main"))
	}
	return nil
}

// arriveAll does so for everyone who was mailed.
func (ld *load) arriveAll() (mailed int) {
	ld.t.Helper()
	for _, l := range ld.accepted {
		mails := ld.Sink.Mails(l.address)
		if len(mails) == 0 {
			continue
		}
		mailed++
		if err := ld.arrive(l, mails[0].Link); err != nil {
			ld.t.Error(err)
		}
	}
	return mailed
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// within fails the test unless something has come true in time, and tells how
// long it took.
func within(t *testing.T, most time.Duration, what string, done func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !done() {
		if time.Since(began) > most {
			t.Fatalf("not within %s: %s", most, what)
		}
		rest(t.Context(), 50*time.Millisecond)
	}
	return time.Since(began)
}
