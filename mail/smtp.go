package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"postern/idp"
)

// SMTPConfig says how to reach a mail server.
type SMTPConfig struct {
	// URL is smtp://[user:password@]host[:port] with STARTTLS, or smtps:// with
	// TLS from the start. On loopback, smtp:// goes without TLS, unless
	// ?starttls=required asks for it.
	URL string
	// Helo is the name to greet with: the sender's domain, never this machine's.
	Helo string
	// TLS, if not nil, is taken for its roots; name and lowest version are set here.
	TLS *tls.Config
	// Timeout bounds connecting, and then each mail. Zero is 30 seconds.
	Timeout time.Duration
	// Connections bounds how many mails go out at once. Zero is 8.
	Connections int
	// Idle is how long a connection is kept open for the next mail. Zero is 30 seconds.
	Idle time.Duration
}

// server is a parsed SMTPConfig.
type server struct {
	host, user, password string
	port                 int
	implicitTLS, plain   bool
	helo                 string
	tls                  *tls.Config
	timeout              time.Duration
}

func parseServer(c SMTPConfig) (server, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		// The parser's error would show the URL, and with it the password.
		return server{}, errors.New("mail server: not a URL such as smtp://mail.example:587")
	}
	s := server{host: u.Hostname(), helo: c.Helo, timeout: c.Timeout, tls: &tls.Config{}, user: u.User.Username()}
	s.password, _ = u.User.Password()
	switch u.Scheme {
	case "smtp":
		s.port = 587
		s.plain = idp.IsLoopback(s.host) && u.Query().Get("starttls") != "required"
	case "smtps":
		s.port, s.implicitTLS = 465, true
	default:
		return server{}, fmt.Errorf("mail server: scheme %q: smtp or smtps", u.Scheme)
	}
	if s.host == "" || u.Path != "" && u.Path != "/" {
		return server{}, errors.New("mail server: host and port, and no path")
	}
	if port := u.Port(); port != "" {
		if s.port, err = strconv.Atoi(port); err != nil || s.port < 1 || s.port > 65535 {
			return server{}, fmt.Errorf("mail server: port %q", port)
		}
	}
	if c.TLS != nil {
		s.tls = c.TLS.Clone()
	}
	s.tls.ServerName, s.tls.MinVersion = s.host, tls.VersionTLS12
	return s, nil
}

// session is one open connection to the server, ready for a mail.
type session struct {
	client *gomail.Client
	smtp   *smtp.Client
	raw    net.Conn
	mails  int
	// unwatch ends the watch over the context that connecting began under.
	unwatch func() bool
}

// dial opens a connection, up to and including authentication.
func (s server) dial(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	opened := &session{unwatch: func() bool { return true }}
	client, err := gomail.NewClient(s.host, s.options(ctx, opened)...)
	if err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	defer func() { opened.unwatch() }()
	opened.client = client
	if opened.smtp, err = client.DialToSMTPClientWithContext(ctx); err != nil {
		opened.abort() // the library leaves the socket open on most failures
		return nil, judgeDial(err)
	}
	return opened, nil
}

func (s server) options(ctx context.Context, opened *session) []gomail.Option {
	options := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithHELO(s.helo), gomail.WithTimeout(s.timeout), gomail.WithTLSConfig(s.tls),
		gomail.WithoutSMTPUTF8(), // addresses are ASCII
		// Both are a round trip for nothing: a kept connection that is dead shows
		// itself at MAIL, and after a mail there is nothing to reset.
		gomail.WithoutNoop(), gomail.WithoutRset(),
		// The library's own context ends as soon as it has connected, so ours is taken.
		gomail.WithDialContextFunc(func(_ context.Context, network, address string) (net.Conn, error) {
			return s.connect(ctx, network, address, opened)
		}),
	}
	switch {
	case s.implicitTLS:
		options = append(options, gomail.WithSSL())
	case s.plain:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.user != "" {
		// Named, for discovery prefers NTLM and CRAM-MD5.
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthPlain), gomail.WithUsername(s.user), gomail.WithPassword(s.password))
	}
	return options
}

func (s server) connect(ctx context.Context, network, address string, opened *session) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if s.plain && !loopbackPeer(conn) {
		return nil, errors.Join(errors.New("a loopback name that leads off this machine"), conn.Close())
	}
	// Once connected, the library looks at no context any more.
	opened.raw = conn
	opened.unwatch = context.AfterFunc(ctx, opened.abort)
	if s.implicitTLS {
		return tls.Client(conn, s.tls), nil
	}
	return conn, nil
}

func loopbackPeer(conn net.Conn) bool {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// send hands over one mail. It is bounded by the server's timeout and by ctx.
func (c *session) send(ctx context.Context, m Message) (verdict, error) {
	msg, err := m.encode()
	if err != nil {
		return verdict{reusable: true}, err
	}
	stop := context.AfterFunc(ctx, c.abort)
	defer stop()
	c.mails++
	err = c.client.SendWithSMTPClient(c.smtp, msg)
	if err == nil {
		return verdict{reusable: true}, nil
	}
	if msg.IsDelivered() {
		return verdict{}, nil
	}
	v := judge(err)
	return v, v.err
}

// abort closes the connection without a word. Any command after a mail that
// broke off within its data would send the end of the data first, and so have
// the half of it delivered.
func (c *session) abort() {
	if c.raw != nil {
		_ = c.raw.Close()
	}
}

// quit ends the session politely; it is between two mails.
func (c *session) quit() {
	_ = c.smtp.UpdateDeadline(5 * time.Second)
	_ = c.smtp.Quit()
	c.abort()
}
