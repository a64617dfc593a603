package mail_test

import (
	"testing"
	"time"

	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

func TestAChangeOfMailServersCountsWithinASecond(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		s := harness.StartFor(t, binary, "--limits", "relaxed")
		changesCount(t, s, s)
	})
	t.Run("PostgreSQL, in another process", func(t *testing.T) {
		dir, database := t.TempDir(), pgtest.Schema(t, pgtest.URL(t))
		changesCount(t, startOver(t, dir, database), startOver(t, dir, database))
	})
}

// startOver starts a process over what others share.
func startOver(t *testing.T, dir, database string) *harness.Server {
	t.Helper()
	s, err := harness.StartOn(binary, dir, database, "--limits", "relaxed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// changesCount makes changes beside one process, and has the other send.
func changesCount(t *testing.T, beside, sending *harness.Server) {
	t.Helper()
	first, second, whole := harness.StartFaulty(t, harness.Usual), harness.StartFaulty(t, harness.Usual), harness.StartFaulty(t, harness.Usual)
	n := newTenant(t, beside, "acme", first.URL())
	n.server = sending
	to := func(address string, f *harness.Faulty) {
		t.Helper()
		time.Sleep(time.Second)
		n.begin(address)
		harness.Eventually(t, address+" at the server of now", func() bool { return f.Taken(address) == 1 })
	}
	to("a@example.com", first)
	beside.Run(t, "mail", "set", "--tenant", "acme", second.URL(), "--name", "server-1")
	to("b@example.com", second)
	beside.Run(t, "mail", "remove", "--tenant", "acme", "server-1")
	beside.Run(t, "mail", "set", "--instance", whole.URL())
	to("c@example.com", whole)
	if first.Taken("") != 1 || second.Taken("") != 1 || whole.Taken("") != 1 {
		t.Errorf("%d, %d and %d mails", first.Taken(""), second.Taken(""), whole.Taken(""))
	}
}
