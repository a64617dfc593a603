package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// server is where and how an account's connections are opened.
type server struct {
	account Account
	helo    string
	tls     *tls.Config
	timeout time.Duration
	tokens  tokenSource
	trace   Trace
}

// session is one open connection to the server, ready for a mail.
type session struct {
	smtp    *smtp.Client
	raw     net.Conn
	timeout time.Duration
	trace   Trace
	mails   int
}

// dial opens a connection, up to and including authentication.
func (s *server) dial(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	c := &session{raw: conn, timeout: s.timeout, trace: s.trace}
	// Once connected, the library looks at no context any more.
	unwatch := context.AfterFunc(ctx, c.abort)
	err = s.open(ctx, c)
	if !unwatch() && err == nil {
		err = fmt.Errorf("%w: connect: %w", errUnreachable, ctx.Err())
	}
	if err != nil {
		c.abort()
		return nil, err
	}
	return c, nil
}

func (s *server) connect(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", s.account.Server())
	if err != nil {
		return nil, fmt.Errorf("%w: connect: %w", errUnreachable, err)
	}
	if s.account.TLS == NoTLS && !loopbackPeer(conn) {
		err := errors.New("a loopback name that leads off this machine")
		return nil, fmt.Errorf("%w: connect: %w", errUnreachable, errors.Join(err, conn.Close()))
	}
	s.trace.done(StepConnect, conn.RemoteAddr().String())
	return conn, nil
}

func loopbackPeer(conn net.Conn) bool {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// open greets, turns TLS on and logs in.
func (s *server) open(ctx context.Context, c *session) (err error) {
	conn := c.raw
	if s.account.TLS == ImplicitTLS {
		secure := tls.Client(conn, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("%w: TLS: %w", errUnreachable, err)
		}
		s.trace.tls(secure.ConnectionState())
		conn = secure
	}
	if c.smtp, err = smtp.NewClient(conn, s.account.Host); err != nil {
		return opening("greeting", err)
	}
	c.smtp.SkipSMTPUTF8(true) // addresses are ASCII
	if err := c.smtp.Hello(s.helo); err != nil {
		return opening("EHLO", err)
	}
	s.trace.done(StepGreet, "as "+s.helo)
	if err := s.startTLS(c.smtp); err != nil {
		return err
	}
	if err := s.login(ctx, c.smtp); err != nil {
		return err
	}
	s.trace.login(s.account)
	return nil
}

// startTLS goes no further without TLS, whatever the server says.
func (s *server) startTLS(client *smtp.Client) error {
	if s.account.TLS != StartTLS {
		return nil
	}
	if offered, _ := client.Extension("STARTTLS"); !offered {
		return fmt.Errorf("%w: it offers no STARTTLS", errUnreachable)
	}
	if err := client.StartTLS(s.tls); err != nil {
		return opening("STARTTLS", err)
	}
	if state, secure := client.TLSConnectionState(); secure {
		s.trace.tls(state)
	}
	return nil
}

// opening tells what a failure before the login means: nothing of the recipient.
func opening(at string, err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return refused(errUnreachable, at, reply)
	}
	return fmt.Errorf("%w: %s: %w", errUnreachable, at, err)
}

// send hands over one mail. It is bounded by the server's timeout and by ctx.
func (c *session) send(ctx context.Context, m Message, data []byte) verdict {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, c.abort)
	defer stop()
	c.mails++
	if err := c.smtp.Mail("<" + string(m.From.Address) + ">"); err != nil {
		return judge("MAIL", err)
	}
	c.trace.done(StepSender, string(m.From.Address))
	if err := c.smtp.Rcpt("<" + string(m.To) + ">"); err != nil {
		return judge("RCPT", err)
	}
	c.trace.done(StepRecipient, string(m.To))
	body, err := c.smtp.Data()
	if err != nil {
		return judge("DATA", err)
	}
	if _, err := body.Write(data); err != nil {
		// The end of the data was never sent, so the server must not deliver (RFC 5321 §4.1.1.4).
		return verdict{err: fmt.Errorf("%w: connection lost within the data", ErrTemporary)}
	}
	v := judgeAnswer(body.Close())
	if v.err == nil {
		c.trace.done(StepData, "taken")
	}
	return v
}

// abort closes the connection without a word. Any command after a mail that
// broke off within its data would send the end of the data first, and so have
// the half of it delivered.
func (c *session) abort() { _ = c.raw.Close() }

// quit ends the session politely; it is between two mails.
func (c *session) quit() {
	_ = c.smtp.UpdateDeadline(5 * time.Second)
	_ = c.smtp.Quit()
	c.abort()
}
