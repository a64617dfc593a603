package mail_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Replies that are none: what the script does with the connection instead.
const (
	hangUp = "(hang up)"
	stall  = "(stall)"
)

// script answers a verb on the nth connection; empty is the usual answer. Verbs
// beside SMTP's: CONNECT, LINE (each line of data), END (the whole of it).
type script func(connection int, verb string) string

// mailServer speaks SMTP (RFC 5321) over TCP, as its script wants.
type mailServer struct {
	*testing.T
	listener   net.Listener
	script     script
	extensions []string
	tls        *tls.Config
	done       chan struct{}

	mu       sync.Mutex
	taken    []taken
	commands []string
	opened   int
	open     int
}

type taken struct{ from, to, data string }

type serverOption func(*mailServer)

func offering(extensions ...string) serverOption {
	return func(s *mailServer) { s.extensions = extensions }
}

// withTLS gives the server a certificate for its address; implicit speaks TLS from the start.
func withTLS(certificate tls.Certificate, implicit bool) serverOption {
	return func(s *mailServer) {
		s.tls = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
		if implicit {
			s.listener = tls.NewListener(s.listener, s.tls)
		}
	}
}

func startServer(t *testing.T, do script, options ...serverOption) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{T: t, listener: listener, script: do, done: make(chan struct{})}
	for _, option := range options {
		option(s)
	}
	var serving sync.WaitGroup
	serving.Go(func() { s.accept(&serving) })
	t.Cleanup(func() {
		close(s.done)
		s.listener.Close()
		serving.Wait()
	})
	return s
}

func (s *mailServer) address() string { return s.listener.Addr().String() }

func (s *mailServer) accept(serving *sync.WaitGroup) {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.opened++
		s.open++
		n := s.opened
		s.mu.Unlock()
		serving.Go(func() {
			s.serve(conn, n)
			s.mu.Lock()
			s.open--
			s.mu.Unlock()
		})
	}
}

// dialogue is one connection.
type dialogue struct {
	*mailServer
	conn   net.Conn
	n      int
	reader *textproto.Reader
	mail   taken
}

func (s *mailServer) serve(conn net.Conn, n int) {
	stop := make(chan struct{})
	defer close(stop)
	go func() { // a client that keeps a connection open must not hold the test up
		select {
		case <-s.done:
			conn.Close()
		case <-stop:
		}
	}()
	d := &dialogue{mailServer: s, conn: conn, n: n, reader: textproto.NewReader(bufio.NewReader(conn))}
	defer func() { d.conn.Close() }()
	if !d.say("CONNECT", "220 test") {
		return
	}
	for {
		line, err := d.reader.ReadLine()
		if err != nil || !d.answer(line) {
			return
		}
	}
}

// say gives the script's reply to a verb, or the usual one; false ends the connection.
func (d *dialogue) say(verb, usual string) bool {
	reply := d.script(d.n, verb)
	switch reply {
	case hangUp:
		return false
	case stall:
		_, _ = io.Copy(io.Discard, d.conn) // until the client gives up, or the test is over
		return false
	case "":
		reply = usual
	}
	if reply == "" {
		return true
	}
	_, err := io.WriteString(d.conn, reply+"\r\n")
	return err == nil
}

func (d *dialogue) answer(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	d.mu.Lock()
	d.commands = append(d.commands, line)
	d.mu.Unlock()
	switch verb {
	case "EHLO":
		return d.say(verb, "250-test\r\n250-"+strings.Join(append(slices.Clone(d.extensions), "HELP"), "\r\n250-")+"\r\n250 PIPELINING")
	case "STARTTLS":
		if !d.say(verb, "220 go") {
			return false
		}
		d.conn = tls.Server(d.conn, d.tls)
		d.reader = textproto.NewReader(bufio.NewReader(d.conn))
		return true
	case "AUTH":
		return d.auth(rest)
	case "MAIL":
		d.mail = taken{from: rest}
		return d.say(verb, "250 ok")
	case "RCPT":
		d.mail.to += rest
		return d.say(verb, "250 ok")
	case "DATA":
		return d.data()
	case "QUIT":
		d.say(verb, "221 bye")
		return false
	default:
		return d.say(verb, "250 ok")
	}
}

func (d *dialogue) data() bool {
	reply := d.script(d.n, "DATA")
	if reply != "" {
		return d.say("DATA", "")
	}
	if _, err := io.WriteString(d.conn, "354 go on\r\n"); err != nil {
		return false
	}
	var lines []string
	for {
		line, err := d.reader.ReadLine()
		if err != nil {
			return false
		}
		if line == "." {
			break
		}
		if !d.say("LINE", "") {
			return false
		}
		lines = append(lines, strings.TrimPrefix(line, "."))
	}
	d.mail.data = strings.Join(lines, "\r\n") + "\r\n"
	if reply := d.script(d.n, "END"); reply == "" || reply == hangUp || reply == stall {
		d.mu.Lock()
		d.taken = append(d.taken, d.mail)
		d.mu.Unlock()
	}
	return d.say("END", "250 taken")
}

func (s *mailServer) mails() []taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

func (s *mailServer) connections() (opened, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened, s.open
}

// said tells whether the client sent such a command.
func (s *mailServer) said(prefix string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.commands, func(c string) bool { return strings.HasPrefix(c, prefix) })
}

// eventually waits for what another goroutine of the test does.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// usual answers as a healthy server does.
func usual(int, string) string { return "" }

// on gives one reply to one verb, on every connection.
func on(verb, reply string) script {
	return func(_ int, v string) string {
		if v == verb {
			return reply
		}
		return ""
	}
}

// certificate makes one for 127.0.0.1, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// heard gives all commands so far.
func (s *mailServer) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}
