package production_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"postern/e2e/harness"
)

// twoProcesses are one provider over one database, with the default limits.
func twoProcesses(t *testing.T, open func(*testing.T) *world) *world {
	t.Helper()
	w := open(t)
	w.start()
	w.start()
	return w
}

var databases = map[string]func(*testing.T) *world{"SQLite": onSQLite, "PostgreSQL": onPostgres}

// onBoth runs a test with two processes on each kind of database.
func onBoth(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(twoProcesses(t, open))
		})
	}
}

// A person signs in, out and in again, twice within a minute, whichever process
// they come to, and each time the mail is there at once.
func TestAPersonSignsInOutAndInAgainTwiceWithinAMinute(t *testing.T) {
	onBoth(t, func(w *world) {
		b, address := w.browser(), newAddress()
		began := time.Now()
		for n := range 3 {
			w.signIn(b, address, n+1)
			w.signOut(b)
		}
		if took := time.Since(began); took > time.Minute {
			w.t.Errorf("it took %s: somebody was made to wait", took)
		}
	})
}

// Ten requests in somebody's name use up what strangers get, and not what the
// browser gets in which that person has signed in before.
func TestAnAttackersTenRequestsDoNotStopAKnownBrowser(t *testing.T) {
	onBoth(t, func(w *world) {
		b, address := w.browser(), newAddress()
		w.signIn(b, address, 1)
		w.signOut(b)
		for range 10 {
			w.ask(w.browser(), address)
		}
		w.mail(address, 2) // the attacker's one
		w.signIn(b, address, 3)
		if got := len(w.sink.Mails(address)); got != 3 {
			w.t.Errorf("%d mails, want the person's two and one of the attacker's", got)
		}
	})
}

// Forty people of one office, who share an address, sign in within five minutes.
func TestFortyPeopleBehindOneAddressSignInOverTwoProcesses(t *testing.T) {
	onBoth(t, func(w *world) {
		began := time.Now()
		browsers, addresses := make([]*harness.Browser, 40), make([]string, 40)
		for i := range browsers {
			browsers[i], addresses[i] = w.browser(), newAddress()
			w.ask(browsers[i], addresses[i])
		}
		for i, b := range browsers {
			w.press(b, w.mail(addresses[i], 1))
		}
		if took := time.Since(began); took > 5*time.Minute {
			w.t.Errorf("it took %s", took)
		}
	})
}

// Whichever process is asked, the same count goes on: a mailbox gets one mail a
// minute, and a network address its sixty requests, over both.
func TestTwoProcessesShareEveryCount(t *testing.T) {
	onBoth(t, func(w *world) {
		address := newAddress()
		for _, p := range w.processes {
			w.ask(w.browserTo(p), address)
		}
		last := newAddress()
		w.ask(w.browser(), last)
		w.mail(last, 1) // asked for later, so the first ones are out by now
		if got := len(w.sink.Mails(address)); got != 1 {
			w.t.Errorf("%d mails within a minute to one mailbox", got)
		}
		if took, most := w.takeAll(), 60-3; took != most {
			w.t.Errorf("%d further requests by one network address were taken, want %d", took, most)
		}
	})
}

// takeAll asks for mails to ever new addresses, of both processes at once, until
// both refuse, and tells how many requests were taken.
func (w *world) takeAll() int {
	w.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	taken := 0
	for _, p := range w.processes {
		for range 3 {
			b := w.browserTo(p)
			page := b.Get(w.authorize())
			form := page.FormTo(w.t, "/auth/login")
			all.Go(func() {
				for range 60 {
					answer, err := b.TrySubmit(page, form, nil, url.Values{"email": {newAddress()}})
					if err != nil {
						w.t.Error(err)
						return
					}
					if answer.Status == http.StatusTooManyRequests {
						return
					}
					mu.Lock()
					taken++
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	return taken
}

// browserTo is a person whose requests all go to one process.
func (w *world) browserTo(p *process) *harness.Browser {
	w.t.Helper()
	return harness.NewBrowser(w.t).Via(w.only(p, true).Transport).StopAt(callback)
}
