package mail_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/e2e/harness"
)

// TestWhatBecomesOfALogin has a mail meet each fault that a server can have,
// before a server that is well.
func TestWhatBecomesOfALogin(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	gone := harness.StartFaulty(t, harness.Usual)
	gone.Close()
	for i, c := range []struct {
		name   string
		script func(string) string
		as     func(*harness.Faulty) string
		first  int // mails that the faulty one has in the end
		second int
	}{
		{"nobody listens", harness.Usual, func(*harness.Faulty) string { return gone.URL() }, 0, 1},
		{"too busy", harness.On("CONNECT", "421 4.3.2 too busy"), (*harness.Faulty).URL, 0, 1},
		{"hangs up at EHLO", harness.On("EHLO", harness.HangUp), (*harness.Faulty).URL, 0, 1},
		{"offers no TLS", harness.Usual, func(f *harness.Faulty) string { return f.As("", "?tls=starttls") }, 0, 1},
		{"refuses the login", harness.On("AUTH", "535 5.7.8 no"), func(f *harness.Faulty) string { return f.As("ann@", "") }, 0, 1},
		{"refuses the sender", harness.On("MAIL", "550 5.7.1 not verified"), (*harness.Faulty).URL, 0, 1},
		{"does not relay", harness.On("RCPT", "554 5.7.1 relay access denied"), (*harness.Faulty).URL, 0, 1},
		{"defers", harness.On("RCPT", "450 4.2.0 greylisted"), (*harness.Faulty).URL, 0, 1},
		{"hangs up at DATA", harness.On("DATA", harness.HangUp), (*harness.Faulty).URL, 0, 1},
		{"takes it for spam", harness.On("END", "554 5.7.1 spam"), (*harness.Faulty).URL, 0, 1},
		{"has no such mailbox", harness.On("RCPT", "550 5.1.1 nobody"), (*harness.Faulty).URL, 0, 0},
		{"dies within the data", harness.On("LINE", harness.HangUp), (*harness.Faulty).URL, 0, 0}, // all was sent by then: it may have arrived
		{"dies before it answers", harness.On("END", harness.HangUp), (*harness.Faulty).URL, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first, second := harness.StartFaulty(t, c.script), harness.StartFaulty(t, harness.Usual)
			n := newTenant(t, s, fmt.Sprintf("t%d", i), c.as(first), second.URL())
			n.begin("ann@example.com")
			if c.second == 0 {
				harness.Eventually(t, "the fault", func() bool { return first.Heard("RCPT") > 0 })
				time.Sleep(7 * time.Second) // a second attempt would come after five, and a fifth of it
			} else {
				harness.Eventually(t, "the mail", func() bool { return second.Taken("") > 0 })
				time.Sleep(time.Second)
			}
			if first.Taken("") != c.first || second.Taken("") != c.second {
				t.Errorf("the first %s;\nthe second %s", first, second)
			}
			if c.name == "offers no TLS" && first.Heard("MAIL") != 0 {
				t.Error("spoke of the mail without TLS")
			}
		})
	}
}

func TestADeferredMailComesLaterAndOnce(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	f := harness.StartFaulty(t, harness.Once("RCPT", "451 4.7.1 try again later"))
	n := newTenant(t, s, "acme", f.URL())
	begun := time.Now()
	n.begin("ann@example.com")
	harness.Eventually(t, "the mail", func() bool { return f.Taken("") == 1 })
	if took := time.Since(begun); took < 5*time.Second || took > 10*time.Second {
		t.Errorf("came after %s, want five seconds, a fifth of that, and a sweep", took)
	}
	time.Sleep(time.Second)
	if f.Taken("") != 1 || f.Heard("RCPT") != 2 {
		t.Error(f)
	}
}

func TestAnAddressWithoutAMailboxIsSuppressedUntilItIsLetOut(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	f := harness.StartFaulty(t, harness.Once("RCPT", "550 5.1.1 nobody"))
	n := newTenant(t, s, "acme", f.URL())
	n.begin("ann@example.com")
	list := func() string { return string(s.Run(t, "mail", "suppression", "list", "--tenant", "acme")) }
	harness.Eventually(t, "the suppression", func() bool { return strings.Contains(list(), "ann@example.com") })
	if got := list(); !strings.Contains(got, "550 5.1.1  until ") {
		t.Errorf("suppressions:\n%s", got)
	}
	n.begin("ann@example.com")
	n.begin("bob@example.com") // is not
	harness.Eventually(t, "another's mail", func() bool { return f.Taken("bob@example.com") == 1 })
	time.Sleep(time.Second)
	if f.Taken("ann@example.com") != 0 || f.Heard("RCPT") != 2 {
		t.Error(f)
	}
	s.Run(t, "mail", "suppression", "remove", "--tenant", "acme", "ann@example.com")
	n.begin("ann@example.com")
	harness.Eventually(t, "the mail", func() bool { return f.Taken("ann@example.com") == 1 })
}

func TestFailOverLosesNoLoginAndDoublesNone(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	faults := []struct{ verb, reply string }{
		{"CONNECT", "421 busy"}, {"EHLO", harness.HangUp}, {"RCPT", "451 later"}, {"DATA", "452 full"}, {"END", "554 5.7.1 spam"}, {"", ""}, {"MAIL", harness.HangUp},
	}
	var turn atomic.Int64
	first, second := harness.StartFaulty(t, func(verb string) string {
		if f := faults[turn.Load()%int64(len(faults))]; f.verb == verb {
			return f.reply
		}
		return ""
	}), harness.StartFaulty(t, harness.Usual)
	n := newTenant(t, s, "acme", first.URL(), second.URL())
	const people = 42
	for i := range people {
		turn.Store(int64(i))
		n.begin(fmt.Sprintf("p%d@example.com", i))
		time.Sleep(20 * time.Millisecond) // so that the faults take turns
	}
	harness.Eventually(t, "all mails", func() bool { return first.Taken("")+second.Taken("") >= people })
	time.Sleep(7 * time.Second) // an attempt too many would come now
	for i := range people {
		address := fmt.Sprintf("p%d@example.com", i)
		if got := first.Taken(address) + second.Taken(address); got != 1 {
			t.Errorf("%s has %d mails", address, got)
		}
	}
	if second.Taken("") == 0 {
		t.Error("nothing went the other way")
	}
}

func TestALoginThatIsRefusedIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	first, second := harness.StartFaulty(t, harness.On("AUTH", "535 5.7.8 no")), harness.StartFaulty(t, harness.Usual)
	n := newTenant(t, s, "acme", first.As("ann@", ""), second.URL())
	for i := range 10 {
		n.begin(fmt.Sprintf("p%d@example.com", i))
		harness.Eventually(t, "the mail", func() bool { return second.Taken("") == i+1 })
	}
	if first.Heard("AUTH") != 1 {
		t.Errorf("the first %s", first)
	}
	if log := s.Logs(); !strings.Contains(log, "mail login refused") || strings.Contains(log, harness.PostfixPassword) {
		t.Errorf("the log:\n%s", log)
	}
}
