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
	gone := startFaulty(t, usual)
	gone.listener.Close()
	for i, c := range []struct {
		name   string
		script func(string) string
		as     func(*faulty) string
		first  int // mails that the faulty one has in the end
		second int
	}{
		{"nobody listens", usual, func(*faulty) string { return gone.url() }, 0, 1},
		{"too busy", on("CONNECT", "421 4.3.2 too busy"), (*faulty).url, 0, 1},
		{"hangs up at EHLO", on("EHLO", hangUp), (*faulty).url, 0, 1},
		{"offers no TLS", usual, func(f *faulty) string { return f.as("", "?tls=starttls") }, 0, 1},
		{"refuses the login", on("AUTH", "535 5.7.8 no"), func(f *faulty) string { return f.as("ann@", "") }, 0, 1},
		{"refuses the sender", on("MAIL", "550 5.7.1 not verified"), (*faulty).url, 0, 1},
		{"does not relay", on("RCPT", "554 5.7.1 relay access denied"), (*faulty).url, 0, 1},
		{"defers", on("RCPT", "450 4.2.0 greylisted"), (*faulty).url, 0, 1},
		{"hangs up at DATA", on("DATA", hangUp), (*faulty).url, 0, 1},
		{"takes it for spam", on("END", "554 5.7.1 spam"), (*faulty).url, 0, 1},
		{"has no such mailbox", on("RCPT", "550 5.1.1 nobody"), (*faulty).url, 0, 0},
		{"dies within the data", on("LINE", hangUp), (*faulty).url, 0, 0}, // all was sent by then: it may have arrived
		{"dies before it answers", on("END", hangUp), (*faulty).url, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first, second := startFaulty(t, c.script), startFaulty(t, usual)
			n := newTenant(t, s, fmt.Sprintf("t%d", i), c.as(first), second.url())
			n.begin("ann@example.com")
			if c.second == 0 {
				harness.Eventually(t, "the fault", func() bool { return first.heard("RCPT") > 0 })
				time.Sleep(7 * time.Second) // a second attempt would come after five, and a fifth of it
			} else {
				harness.Eventually(t, "the mail", func() bool { return second.taken("") > 0 })
				time.Sleep(time.Second)
			}
			if first.taken("") != c.first || second.taken("") != c.second {
				t.Errorf("the first %s;\nthe second %s", first, second)
			}
			if c.name == "offers no TLS" && first.heard("MAIL") != 0 {
				t.Error("spoke of the mail without TLS")
			}
		})
	}
}

func TestADeferredMailComesLaterAndOnce(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	f := startFaulty(t, once("RCPT", "451 4.7.1 try again later"))
	n := newTenant(t, s, "acme", f.url())
	begun := time.Now()
	n.begin("ann@example.com")
	harness.Eventually(t, "the mail", func() bool { return f.taken("") == 1 })
	if took := time.Since(begun); took < 5*time.Second || took > 10*time.Second {
		t.Errorf("came after %s, want five seconds, a fifth of that, and a sweep", took)
	}
	time.Sleep(time.Second)
	if f.taken("") != 1 || f.heard("RCPT") != 2 {
		t.Error(f)
	}
}

func TestAnAddressWithoutAMailboxIsSuppressedUntilItIsLetOut(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	f := startFaulty(t, once("RCPT", "550 5.1.1 nobody"))
	n := newTenant(t, s, "acme", f.url())
	n.begin("ann@example.com")
	list := func() string { return string(s.Run(t, "mail", "suppression", "list", "--tenant", "acme")) }
	harness.Eventually(t, "the suppression", func() bool { return strings.Contains(list(), "ann@example.com") })
	if got := list(); !strings.Contains(got, "550 5.1.1  until ") {
		t.Errorf("suppressions:\n%s", got)
	}
	n.begin("ann@example.com")
	n.begin("bob@example.com") // is not
	harness.Eventually(t, "another's mail", func() bool { return f.taken("bob@example.com") == 1 })
	time.Sleep(time.Second)
	if f.taken("ann@example.com") != 0 || f.heard("RCPT") != 2 {
		t.Error(f)
	}
	s.Run(t, "mail", "suppression", "remove", "--tenant", "acme", "ann@example.com")
	n.begin("ann@example.com")
	harness.Eventually(t, "the mail", func() bool { return f.taken("ann@example.com") == 1 })
}

func TestFailOverLosesNoLoginAndDoublesNone(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	faults := []struct{ verb, reply string }{
		{"CONNECT", "421 busy"}, {"EHLO", hangUp}, {"RCPT", "451 later"}, {"DATA", "452 full"}, {"END", "554 5.7.1 spam"}, {"", ""}, {"MAIL", hangUp},
	}
	var turn atomic.Int64
	first, second := startFaulty(t, func(verb string) string {
		if f := faults[turn.Load()%int64(len(faults))]; f.verb == verb {
			return f.reply
		}
		return ""
	}), startFaulty(t, usual)
	n := newTenant(t, s, "acme", first.url(), second.url())
	const people = 42
	for i := range people {
		turn.Store(int64(i))
		n.begin(fmt.Sprintf("p%d@example.com", i))
		time.Sleep(20 * time.Millisecond) // so that the faults take turns
	}
	harness.Eventually(t, "all mails", func() bool { return first.taken("")+second.taken("") >= people })
	time.Sleep(7 * time.Second) // an attempt too many would come now
	for i := range people {
		address := fmt.Sprintf("p%d@example.com", i)
		if got := first.taken(address) + second.taken(address); got != 1 {
			t.Errorf("%s has %d mails", address, got)
		}
	}
	if second.taken("") == 0 {
		t.Error("nothing went the other way")
	}
}

func TestALoginThatIsRefusedIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary, "--limits", "relaxed")
	first, second := startFaulty(t, on("AUTH", "535 5.7.8 no")), startFaulty(t, usual)
	n := newTenant(t, s, "acme", first.as("ann@", ""), second.url())
	for i := range 10 {
		n.begin(fmt.Sprintf("p%d@example.com", i))
		harness.Eventually(t, "the mail", func() bool { return second.taken("") == i+1 })
	}
	if first.heard("AUTH") != 1 {
		t.Errorf("the first %s", first)
	}
	if log := s.Logs(); !strings.Contains(log, "mail login refused") || strings.Contains(log, harness.PostfixPassword) {
		t.Errorf("the log:\n%s", log)
	}
}
