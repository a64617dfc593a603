package mail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/idp"
	"postern/keys"
	"postern/mail"
)

const (
	acme = idp.TenantID("0193a000-0000-7000-8000-0000000000aa")
	bird = idp.TenantID("0193a000-0000-7000-8000-0000000000bb")
)

// setups is a Setups in memory, that counts its questions.
type setups struct {
	box   *keys.Box
	mu    sync.Mutex
	rows  map[idp.TenantID]idp.MailSetup
	asked map[idp.TenantID]int
	fails error
}

func newSetups() *setups {
	return &setups{box: keys.NewBox(keys.Master{}), rows: map[idp.TenantID]idp.MailSetup{}, asked: map[idp.TenantID]int{}}
}

func (s *setups) FindMailSetup(_ context.Context, t idp.TenantID) (idp.MailSetup, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[t]++
	row, ok := s.rows[t]
	if !ok && s.fails == nil {
		return row, idp.ErrNotFound
	}
	return row, s.fails
}

func (s *setups) put(t *testing.T, id idp.TenantID, setup mail.Setup) {
	t.Helper()
	row, err := setup.Seal(s.box, id, idp.NewID(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows[id] = row
}

func (s *setups) id(t idp.TenantID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows[t].ID
}

// offices are servers by name, each with an account.
type offices map[string]*mailServer

func (o offices) account(t *testing.T, name string) mail.Account {
	t.Helper()
	a := account(t, "smtp://"+o[name].address())
	a.Name = name
	return a
}

// got names the server of each mail that was taken.
func (o offices) got() string {
	var names []string
	for _, name := range []string{"own", "backup", "instance", "flag", "other"} {
		if s := o[name]; s != nil {
			for range s.mails() {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, " ")
}

func newRouter(t *testing.T, s *setups, started ...mail.Account) *mail.Router {
	t.Helper()
	return clockedRouter(t, s, time.Now, started...)
}

func clockedRouter(t *testing.T, s *setups, clock func() time.Time, started ...mail.Account) *mail.Router {
	t.Helper()
	r, err := mail.NewRouter(mail.RouterConfig{
		Setups: s, Sealer: s.box, Accounts: started, Helo: "id.example", Clock: clock, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *setups) message(t idp.TenantID) mail.Message {
	m := message()
	m.TenantID, m.Setup = t, s.id(t)
	return m
}

func TestAMailGoesByItsTenantThenTheInstance(t *testing.T) {
	servers := offices{}
	for _, name := range []string{"own", "instance", "flag", "other"} {
		servers[name] = startServer(t, usual)
	}
	s := newSetups()
	s.put(t, idp.Instance, mail.Setup{Accounts: []mail.Account{servers.account(t, "instance")}})
	s.put(t, acme, mail.Setup{Accounts: []mail.Account{servers.account(t, "own")}})
	s.put(t, bird, mail.Setup{Accounts: []mail.Account{servers.account(t, "other")}})
	r := newRouter(t, s, servers.account(t, "flag"))
	send := func(m mail.Message, want string) {
		t.Helper()
		if err := r.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if got := servers.got(); got != want {
			t.Fatalf("mails at %q, want %q", got, want)
		}
	}
	none := message()
	none.TenantID = "0193a000-0000-7000-8000-0000000000cc"
	send(none, "instance")
	send(s.message(acme), "own instance")
	send(s.message(acme), "own own instance")
	send(s.message(bird), "own own instance other")
	if s.asked[acme] != 1 || s.asked[idp.Instance] != 1 {
		t.Errorf("the store was asked %v", s.asked)
	}
	servers["own"].listener.Close()
	s.put(t, acme, mail.Setup{Accounts: []mail.Account{servers.account(t, "other")}})
	send(s.message(acme), "own own instance other other") // a new setup counts with the next mail
	s.put(t, acme, mail.Setup{})
	send(s.message(acme), "own own instance instance other other")
}

func TestAChangeOfTheInstancesSetupIsSeen(t *testing.T) {
	servers := offices{"instance": startServer(t, usual), "flag": startServer(t, usual)}
	s := newSetups()
	r := newRouter(t, s, servers.account(t, "flag"))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	if err := r.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	s.put(t, idp.Instance, mail.Setup{Accounts: []mail.Account{servers.account(t, "instance")}})
	time.Sleep(900 * time.Millisecond) // within a second, as commands promise
	if err := r.Send(t.Context(), message()); err != nil || servers.got() != "instance flag" {
		t.Errorf("%v, mails at %q", err, servers.got())
	}
	stop()
	<-ended
	eventually(t, "kept connections are closed", func() bool { _, open := servers["instance"].connections(); return open == 0 })
}

func TestASetupThatCannotBeReadLosesNoMail(t *testing.T) {
	for name, spoil := range map[string]func(*setups){
		"sealed under another key": func(s *setups) { s.rows[acme] = idp.MailSetup{TenantID: acme, ID: "x", Sealed: "AAAA"} },
		"sealed for another":       func(s *setups) { row := s.rows[bird]; row.TenantID = acme; s.rows[acme] = row },
		"taken away meanwhile":     func(s *setups) { delete(s.rows, acme) },
	} {
		t.Run(name, func(t *testing.T) {
			servers := offices{"own": startServer(t, usual), "flag": startServer(t, usual)}
			s := newSetups()
			for _, tenant := range []idp.TenantID{acme, bird} {
				s.put(t, tenant, mail.Setup{Accounts: []mail.Account{servers.account(t, "own")}})
			}
			m := s.message(acme)
			spoil(s)
			if err := newRouter(t, s, servers.account(t, "flag")).Send(t.Context(), m); err != nil || servers.got() != "flag" {
				t.Errorf("%v, mails at %q", err, servers.got())
			}
		})
	}
}

func TestAStoreThatDoesNotAnswerIsATemporaryFailure(t *testing.T) {
	s := newSetups()
	s.fails = idp.ErrUnavailable
	err := newRouter(t, s, account(t, "smtp://127.0.0.1:1")).Send(t.Context(), message())
	if !errors.Is(err, mail.ErrTemporary) {
		t.Error(err)
	}
}

func TestFailOver(t *testing.T) {
	large := message()
	large.Text = strings.Repeat("A line that is much like all the others.\n", 200_000)
	for _, c := range []struct {
		name   string
		first  script
		mail   mail.Message
		change func(*mail.Account) // of the first
		want   error
		got    string
		stalls bool
	}{
		{"all is well", usual, message(), nil, nil, "own", false},
		{"greeted with 421", on("CONNECT", "421 too busy"), message(), nil, nil, "backup", false},
		{"nobody greets", on("CONNECT", stall), message(), nil, nil, "backup", true},
		{"hung up on at EHLO", on("EHLO", hangUp), message(), nil, nil, "backup", false},
		{"no TLS is offered", usual, message(), func(a *mail.Account) { a.TLS = mail.StartTLS }, nil, "backup", false},
		{"the login is refused", on("AUTH", "535 5.7.8 no"), message(), login, nil, "backup", false},
		{"the sender is refused", on("MAIL", "550 5.7.1 not you"), message(), nil, nil, "backup", false},
		{"relaying is refused", on("RCPT", "554 5.7.1 relay access denied"), message(), nil, nil, "backup", false},
		{"the recipient is deferred", on("RCPT", "450 4.2.0 greylisted"), message(), nil, nil, "backup", false},
		{"the recipient's server stalls", on("RCPT", stall), message(), nil, nil, "backup", true},
		{"dies at DATA", on("DATA", hangUp), message(), nil, nil, "backup", false},
		{"dies within the data", on("LINE", hangUp), large, nil, nil, "backup", false},
		{"the mail is taken for spam", on("END", "554 5.7.1 spam"), message(), nil, nil, "backup", false},
		{"the mail is deferred", on("END", "451 4.3.0 later"), message(), nil, nil, "backup", false},
		{"there is no mailbox", on("RCPT", "550 5.1.1 nobody"), message(), nil, mail.ErrNoMailbox, "", false},
		{"dies before the answer", on("END", hangUp), message(), nil, mail.ErrUnknown, "own", false},
		{"never answers", on("END", stall), message(), nil, mail.ErrUnknown, "own", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			servers := offices{"own": startServer(t, c.first, offering("AUTH PLAIN")), "backup": startServer(t, usual)}
			first := servers.account(t, "own")
			if c.change != nil {
				c.change(&first)
			}
			s := newSetups()
			s.put(t, acme, mail.Setup{Accounts: []mail.Account{first, servers.account(t, "backup")}})
			c.mail.TenantID, c.mail.Setup = acme, s.id(acme)
			patience := time.Minute
			if c.stalls {
				patience = 6 * time.Second // half of it for the first
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := newRouter(t, s).Send(ctx, c.mail)
			if !errors.Is(err, c.want) || err != nil && c.want == nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if got := servers.got(); got != c.got {
				t.Errorf("mails at %q, want %q", got, c.got)
			}
		})
	}
}

// The time that a mail has is by the system's clock. A process whose own is
// ahead or behind, as replicas' are, must neither give up at once nor wait for long.
func TestAClockOfOurOwnTakesNoTimeFromAMail(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": 5 * time.Minute, "behind": -5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers := offices{"own": startServer(t, on("CONNECT", stall)), "backup": startServer(t, usual)}
			s := newSetups()
			s.put(t, acme, mail.Setup{Accounts: []mail.Account{servers.account(t, "own"), servers.account(t, "backup")}})
			m := message()
			m.TenantID, m.Setup = acme, s.id(acme)
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			router := clockedRouter(t, s, func() time.Time { return time.Now().Add(off) })
			if err := router.Send(ctx, m); err != nil || servers.got() != "backup" {
				t.Errorf("%v, mails at %q: half of the time was the first server's, and half the second's", err, servers.got())
			}
		})
	}
}

func login(a *mail.Account) { a.User, a.Password, a.Auth = someone, password, mail.Plain }

func TestWhenEveryWayFails(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second script
		want          error
		notTemporary  bool
	}{
		{"for now", on("RCPT", "450 later"), on("RCPT", "450 later"), mail.ErrTemporary, false},
		{"one for good, one for now", on("END", "554 5.7.1 spam"), on("CONNECT", "421 busy"), mail.ErrTemporary, false},
		{"for good", on("END", "554 5.7.1 spam"), on("RCPT", "554 5.7.1 no"), mail.ErrPermanent, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			servers := offices{"own": startServer(t, c.first), "backup": startServer(t, c.second)}
			err := newRouter(t, newSetups(), servers.account(t, "own"), servers.account(t, "backup")).Send(t.Context(), message())
			if !errors.Is(err, c.want) || errors.Is(err, mail.ErrTemporary) == c.notTemporary {
				t.Errorf("got %v", err)
			}
			if !strings.Contains(err.Error(), "own: ") || !strings.Contains(err.Error(), "backup: ") {
				t.Errorf("%q does not name both ways", err)
			}
		})
	}
	if err := newRouter(t, newSetups()).Send(t.Context(), message()); !errors.Is(err, mail.ErrTemporary) {
		t.Errorf("no way at all: %v", err)
	}
}

// hours is a clock that the test turns.
type hours struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hours) read() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hours) turn(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func TestALoginThatIsRefusedIsNotTriedAtEachMail(t *testing.T) {
	refuse := true
	var mu sync.Mutex
	s := startServer(t, func(_ int, verb string) string {
		mu.Lock()
		defer mu.Unlock()
		if verb == "AUTH" && refuse {
			return "535 5.7.8 no"
		}
		return ""
	}, offering("AUTH PLAIN"))
	servers := offices{"own": s}
	a := servers.account(t, "own")
	login(&a)
	clock := &hours{now: time.Now()}
	r := clockedRouter(t, newSetups(), clock.read, a)
	send := func(step string, want error, logins int) {
		t.Helper()
		err := r.Send(t.Context(), message())
		n := 0
		for _, command := range s.heard() {
			if strings.HasPrefix(command, "AUTH") {
				n++
			}
		}
		if !errors.Is(err, want) || err != nil && want == nil || n != logins {
			t.Fatalf("%s: %v after %d logins, want %v after %d", step, err, n, want, logins)
		}
	}
	send("first", mail.ErrLogin, 1)
	send("at once", mail.ErrLogin, 1)
	clock.turn(29 * time.Second)
	send("before the break is over", mail.ErrLogin, 1)
	clock.turn(time.Second)
	send("after it", mail.ErrLogin, 2)
	clock.turn(59 * time.Second)
	send("the second break is longer", mail.ErrLogin, 2)
	for range 10 {
		clock.turn(10 * time.Minute)
		_ = r.Send(t.Context(), message())
	}
	clock.turn(10 * time.Minute)
	mu.Lock()
	refuse = false
	mu.Unlock()
	send("mended, ten minutes later at the most", nil, 13)
	send("as before", nil, 13) // on the kept connection
}

func TestOneMailAloneTriesALoginAfterABreak(t *testing.T) {
	s := startServer(t, on("AUTH", "535 no"), offering("AUTH PLAIN"))
	a := offices{"own": s}.account(t, "own")
	login(&a)
	clock := &hours{now: time.Now()}
	r := clockedRouter(t, newSetups(), clock.read, a)
	_ = r.Send(t.Context(), message())
	clock.turn(time.Minute)
	var sending sync.WaitGroup
	for range 20 {
		sending.Go(func() { _ = r.Send(t.Context(), message()) })
	}
	sending.Wait()
	if opened, _ := s.connections(); opened != 2 {
		t.Errorf("%d connections, want the first and one after the break", opened)
	}
}

func TestAServerThatWasAwayIsTriedAfterTheOthers(t *testing.T) {
	servers := offices{"own": startServer(t, on("CONNECT", "421 closing")), "backup": startServer(t, usual)}
	clock := &hours{now: time.Now()}
	r := clockedRouter(t, newSetups(), clock.read, servers.account(t, "own"), servers.account(t, "backup"))
	for i, c := range []struct {
		later time.Duration
		asked int // connections to the first
	}{{0, 1}, {time.Second, 1}, {28 * time.Second, 1}, {time.Second, 2}} {
		clock.turn(c.later)
		if err := r.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
		if opened, _ := servers["own"].connections(); opened != c.asked {
			t.Errorf("mail %d: %d connections to the server that was away, want %d", i+1, opened, c.asked)
		}
	}
}

func TestAnAccountSendsAsItsOwnSenderAndTellsItsProvider(t *testing.T) {
	s := startServer(t, usual, offering("AUTH PLAIN"))
	a := account(t, "smtp://"+s.address()+"?from=no-reply@mail.acme.example")
	login(&a)
	a.Provider = "mailgun"
	m := message()
	m.From.Address = "login@id.example"
	m.MessageID = "0193a000@id.example"
	if err := newRouter(t, newSetups(), a).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := s.mails()[0]
	if !strings.HasPrefix(got.from, "FROM:<no-reply@mail.acme.example>") || !s.said("EHLO mail.acme.example") {
		t.Errorf("envelope %q, commands %q", got.from, s.heard())
	}
	for _, field := range []string{
		"From: \"Acme\" <no-reply@mail.acme.example>\r\n", "Message-ID: <0193a000@mail.acme.example>\r\n", "X-Mailgun-Track: no\r\n",
	} {
		if !strings.Contains(got.data, field) {
			t.Errorf("no %q in\n%s", field, got.data)
		}
	}
}

func TestEveryProvidersHeadersGoOutWhole(t *testing.T) {
	for _, p := range mail.Providers() {
		t.Run(p.Name, func(t *testing.T) {
			s := startServer(t, usual, offering("AUTH PLAIN"))
			a := account(t, "smtp://"+s.address())
			login(&a)
			a.Provider = p.Name
			if err := newRouter(t, newSetups(), a).Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			got := read(t, s.mails()[0].data)
			for _, h := range p.Headers {
				if v := got.Headers[h.Name]; len(v) != 1 || v[0] != h.Value {
					t.Errorf("%s: %q, want %q", h.Name, v, h.Value)
				}
			}
			if len(got.Defects) > 0 || got.Type != "multipart/alternative" {
				t.Errorf("%s, defects %q", got.Type, got.Defects)
			}
		})
	}
}

func TestSetupsAreBounded(t *testing.T) {
	var s mail.Setup
	for i := range 9 {
		s.Put(mail.Account{Name: fmt.Sprint(i)})
	}
	if _, err := s.Seal(newSetups().box, acme, "1"); err == nil {
		t.Error("nine transports are taken")
	}
}
