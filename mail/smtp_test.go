package mail_test

import (
	"context"
	"crypto/tls"
	"errors"
	netmail "net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/idp"
	"postern/mail"
)

const ann = idp.Address("ann.o'neil+x@example.org")

func message() mail.Message {
	return mail.Message{
		From: idp.MailFrom{Address: "login@acme.example", Name: "Acme"}, To: ann,
		Subject: "Sign in", Text: "Hello\n.\nthere\n", HTML: "<p>Hello</p>",
		MessageID: "0193a000@acme.example", Date: noon,
	}
}

// dialTo gives a transport to the server; change may alter its configuration.
func dialTo(t *testing.T, s *mailServer, change ...func(*mail.SMTPConfig)) *mail.SMTP {
	t.Helper()
	c := mail.SMTPConfig{Account: account(t, "smtp://"+s.address()), Helo: "acme.example", Timeout: 5 * time.Second}
	for _, f := range change {
		f(&c)
	}
	transport, err := mail.NewSMTP(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.Close)
	return transport
}

// account reads a URL that has to be right.
func account(t *testing.T, url string) mail.Account {
	t.Helper()
	a, err := mail.ParseAccount(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func impatient(c *mail.SMTPConfig) { c.Timeout = 200 * time.Millisecond }

func TestAMailReachesTheServer(t *testing.T) {
	s := startServer(t, usual, offering("8BITMIME", "SMTPUTF8"))
	if err := dialTo(t, s).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	mails := s.mails()
	if len(mails) != 1 || mails[0].to != "TO:<"+string(ann)+">" {
		t.Fatalf("recipients %+v, want %s alone, byte for byte", mails, ann)
	}
	if !strings.HasPrefix(mails[0].from, "FROM:<login@acme.example>") || strings.Contains(mails[0].from, "SMTPUTF8") {
		t.Errorf("envelope sender %q", mails[0].from)
	}
	if !s.said("EHLO acme.example") {
		t.Error("greeted with another name than the sender's domain")
	}
	if m, err := netmail.ReadMessage(strings.NewReader(mails[0].data)); err != nil || m.Header.Get("Subject") != "Sign in" {
		t.Errorf("%v %v", m, err)
	}
}

func TestWhatBecomesOfAMail(t *testing.T) {
	large := message()
	large.Text = strings.Repeat("A line that is much like all the others.\n", 200_000)
	for _, c := range []struct {
		name    string
		server  script
		message mail.Message
		want    error // nil: sent
		taken   int   // how many mails the server has in the end
	}{
		{"greeted with 421", on("CONNECT", "421 too busy"), message(), mail.ErrTemporary, 0},
		{"greeted with 554", on("CONNECT", "554 go away"), message(), mail.ErrTemporary, 0},
		{"nobody greets", on("CONNECT", stall), message(), mail.ErrTemporary, 0},
		{"hung up on at EHLO", on("EHLO", hangUp), message(), mail.ErrTemporary, 0},
		{"sender refused", on("MAIL", "550 not you"), message(), mail.ErrTemporary, 0},
		{"sender deferred", on("MAIL", "451 later"), message(), mail.ErrTemporary, 0},
		{"hung up on at MAIL", on("MAIL", hangUp), message(), mail.ErrTemporary, 0},
		{"recipient unknown", on("RCPT", "550 5.1.1 nobody here"), message(), mail.ErrNoMailbox, 0},
		{"recipient refused", on("RCPT", "550 5.7.1 no relaying"), message(), mail.ErrRecipient, 0},
		{"recipient deferred", on("RCPT", "450 4.2.0 greylisted"), message(), mail.ErrTemporary, 0},
		{"closing at RCPT", on("RCPT", "421 closing"), message(), mail.ErrTemporary, 0},
		{"stalled at RCPT", on("RCPT", stall), message(), mail.ErrTemporary, 0},
		{"hung up on at RCPT", on("RCPT", hangUp), message(), mail.ErrTemporary, 0},
		{"nonsense at RCPT", on("RCPT", "what?"), message(), mail.ErrTemporary, 0},
		{"data refused before it is sent", on("DATA", "554 no"), message(), mail.ErrPermanent, 0},
		{"data deferred before it is sent", on("DATA", "452 full"), message(), mail.ErrTemporary, 0},
		{"hung up on at DATA", on("DATA", hangUp), message(), mail.ErrTemporary, 0},
		{"hung up on within the data", on("LINE", hangUp), large, mail.ErrTemporary, 0},
		{"hung up on within data that was all sent", on("LINE", hangUp), message(), mail.ErrUnknown, 0},
		{"mail refused", on("END", "554 5.7.1 looks like spam"), message(), mail.ErrPermanent, 0},
		{"mail deferred", on("END", "451 4.3.0 try later"), message(), mail.ErrTemporary, 0},
		{"hung up on before the answer", on("END", hangUp), message(), mail.ErrUnknown, 1},
		{"no answer in time", on("END", stall), message(), mail.ErrUnknown, 1},
		{"nonsense for an answer", on("END", "what?"), message(), mail.ErrUnknown, 0},
		{"hung up on after the answer", on("QUIT", hangUp), message(), nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, c.server)
			transport := dialTo(t, s, impatient)
			if c.message.Text == large.Text {
				transport = dialTo(t, s)
			}
			err := transport.Send(t.Context(), c.message)
			if !errors.Is(err, c.want) || err != nil && c.want == nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if n := len(s.mails()); n != c.taken {
				t.Errorf("the server has %d mails, want %d", n, c.taken)
			}
			transport.Close()
			eventually(t, "the connection is closed", func() bool { _, open := s.connections(); return open == 0 })
		})
	}
}

func TestAReplyThatQuotesTheMailIsNotInTheError(t *testing.T) {
	s := startServer(t, on("END", "554 blocked: https://acme.example/auth/verify?token=SECRET"))
	err := dialTo(t, s).Send(t.Context(), message())
	if err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Error(err)
	}
}

func TestNobodyListens(t *testing.T) {
	s := startServer(t, usual)
	transport := dialTo(t, s)
	s.listener.Close()
	if err := transport.Send(t.Context(), message()); !errors.Is(err, mail.ErrTemporary) {
		t.Error(err)
	}
}

func TestACancelledContextCutsASilentServerOff(t *testing.T) {
	for _, verb := range []string{"CONNECT", "RCPT"} {
		s := startServer(t, on(verb, stall))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		begun := time.Now()
		err := dialTo(t, s).Send(ctx, message())
		if took := time.Since(begun); !errors.Is(err, mail.ErrTemporary) || took > 3*time.Second {
			t.Errorf("stalled at %s: %v after %s", verb, err, took)
		}
	}
}

func TestTLS(t *testing.T) {
	cert, pool := certificate(t)
	trusting := func(c *mail.SMTPConfig) { c.TLS = &tls.Config{RootCAs: pool} }
	starttls := func(c *mail.SMTPConfig) { c.Account.TLS = mail.StartTLS }
	smtps := func(c *mail.SMTPConfig) { c.Account.TLS = mail.ImplicitTLS }
	login := func(c *mail.SMTPConfig) {
		c.Account.User, c.Account.Password, c.Account.Auth = "user", "p@ss", mail.Plain
	}
	for _, c := range []struct {
		name    string
		server  []serverOption
		do      script
		options []func(*mail.SMTPConfig)
		want    error
		auth    bool
	}{
		{"STARTTLS", []serverOption{withTLS(cert, false), offering("STARTTLS")}, usual, []func(*mail.SMTPConfig){trusting, starttls}, nil, false},
		{"STARTTLS is not offered", nil, usual, []func(*mail.SMTPConfig){trusting, starttls}, mail.ErrTemporary, false},
		{"STARTTLS is refused", []serverOption{offering("STARTTLS")}, on("STARTTLS", "454 not now"), []func(*mail.SMTPConfig){trusting, starttls}, mail.ErrTemporary, false},
		{"STARTTLS by a stranger", []serverOption{withTLS(cert, false), offering("STARTTLS")}, usual, []func(*mail.SMTPConfig){starttls}, mail.ErrTemporary, false},
		{"implicit TLS", []serverOption{withTLS(cert, true)}, usual, []func(*mail.SMTPConfig){trusting, smtps}, nil, false},
		{"implicit TLS by a stranger", []serverOption{withTLS(cert, true)}, usual, []func(*mail.SMTPConfig){smtps}, mail.ErrTemporary, false},
		{"implicit TLS and credentials", []serverOption{withTLS(cert, true), offering("AUTH NTLM CRAM-MD5 PLAIN")}, usual, []func(*mail.SMTPConfig){trusting, smtps, login}, nil, true},
		{"STARTTLS and credentials", []serverOption{withTLS(cert, false), offering("STARTTLS", "AUTH PLAIN")}, usual, []func(*mail.SMTPConfig){trusting, starttls, login}, nil, true},
		{"credentials refused", []serverOption{withTLS(cert, true), offering("AUTH PLAIN")}, on("AUTH", "535 5.7.8 no"), []func(*mail.SMTPConfig){trusting, smtps, login}, mail.ErrLogin, true},
		{"credentials, and no AUTH", []serverOption{withTLS(cert, true)}, usual, []func(*mail.SMTPConfig){trusting, smtps, login}, mail.ErrLogin, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t, c.do, c.server...)
			transport := dialTo(t, s, c.options...)
			err := transport.Send(t.Context(), message())
			if !errors.Is(err, c.want) || err != nil && c.want == nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "p@ss") {
				t.Errorf("the password is in the error: %v", err)
			}
			if len(s.mails()) != map[bool]int{true: 1}[c.want == nil] {
				t.Errorf("the server has %d mails", len(s.mails()))
			}
			if got := s.said("AUTH PLAIN AHVzZXIAcEBzcw=="); got != c.auth || s.said("AUTH") != c.auth {
				t.Errorf("logged in with PLAIN: %t, want %t", got, c.auth)
			}
			if c.want != nil {
				eventually(t, "the socket is closed", func() bool { _, open := s.connections(); return open == 0 })
			}
		})
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	s := startServer(t, usual)
	transport := dialTo(t, s)
	for range 20 {
		if err := transport.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
	}
	if opened, _ := s.connections(); opened != 1 || len(s.mails()) != 20 {
		t.Errorf("%d connections for %d mails", opened, len(s.mails()))
	}
}

func TestARefusedRecipientDoesNotCostTheConnection(t *testing.T) {
	refused := false
	s := startServer(t, func(_ int, verb string) string {
		if verb == "RCPT" && !refused {
			refused = true
			return "550 nobody"
		}
		return ""
	})
	transport := dialTo(t, s)
	if err := transport.Send(t.Context(), message()); !errors.Is(err, mail.ErrPermanent) {
		t.Fatal(err)
	}
	if err := transport.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if opened, _ := s.connections(); opened != 1 || s.mails()[0].to != "TO:<"+string(ann)+">" {
		t.Errorf("%d connections, mails %+v", opened, s.mails())
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := startServer(t, usual)
	transport := dialTo(t, s, func(c *mail.SMTPConfig) { c.Connections = 3 })
	var sending sync.WaitGroup
	failed := make(chan error, 60)
	for range 60 {
		sending.Go(func() { failed <- transport.Send(t.Context(), message()) })
	}
	sending.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			t.Error(err)
		}
	}
	if opened, _ := s.connections(); opened > 3 || len(s.mails()) != 60 {
		t.Errorf("%d connections, %d mails", opened, len(s.mails()))
	}
}

func TestADeadKeptConnectionIsReplacedBeforeTheDataOnly(t *testing.T) {
	for _, c := range []struct {
		name, verb, reply string
		want              error
		connections       int
	}{
		{"closed while it was kept", "MAIL", hangUp, nil, 2},
		{"closing with 421", "MAIL", "421 idle for too long", nil, 2},
		{"dead at RCPT", "RCPT", hangUp, nil, 2},
		{"dead at DATA", "DATA", hangUp, mail.ErrTemporary, 1},
		{"dead after the data", "END", hangUp, mail.ErrUnknown, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mails atomic.Int32 // over all connections
			s := startServer(t, func(connection int, verb string) string {
				if verb == "MAIL" {
					mails.Add(1)
				}
				if connection == 1 && mails.Load() == 2 && verb == c.verb {
					return c.reply
				}
				return ""
			})
			transport := dialTo(t, s)
			if err := transport.Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			err := transport.Send(t.Context(), message())
			if !errors.Is(err, c.want) || err != nil && c.want == nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if opened, _ := s.connections(); opened != c.connections {
				t.Errorf("%d connections, want %d", opened, c.connections)
			}
		})
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	s := startServer(t, usual)
	transport := dialTo(t, s, func(c *mail.SMTPConfig) { c.Idle = 20 * time.Millisecond })
	if err := transport.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the idle connection says QUIT", func() bool { return s.said("QUIT") })
	if err := transport.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if opened, _ := s.connections(); opened != 2 {
		t.Errorf("%d connections", opened)
	}
}
