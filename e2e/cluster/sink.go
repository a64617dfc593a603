package cluster

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Sink is a mail server that keeps what it takes. The processes' own mailboxes
// are of no use here: each knows only what it sent itself.
type Sink struct {
	URL string

	listener net.Listener
	open     context.Context
	closing  context.CancelFunc
	serving  sync.WaitGroup

	mu    sync.Mutex
	pause func() time.Duration
	far   time.Duration
	mails map[string][]Mail
	more  chan struct{} // closed at the next mail
}

// Mail is one that was taken: its DATA was acknowledged.
type Mail struct {
	To, Link string
	// ID is its Message-ID, which begins with that of its outbox entry.
	ID string
	// Recipients are those of the envelope, as they came; Data is all that came after them.
	Recipients []string
	Data       []byte
}

// NewSink starts a mail server.
func NewSink() (*Sink, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Sink{
		URL: "smtp://" + l.Addr().String(), listener: l,
		mails: map[string][]Mail{}, more: make(chan struct{}), pause: func() time.Duration { return 0 },
	}
	s.open, s.closing = context.WithCancel(context.Background())
	s.serving.Go(s.accept)
	return s, nil
}

// Close ends it.
func (s *Sink) Close() {
	_ = s.listener.Close()
	s.closing()
	s.serving.Wait()
}

// Slow makes it wait between the end of a mail's data and the answer to it.
func (s *Sink) Slow(pause func() time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pause = pause
}

// Far makes it answer each command so late, as a server at a distance does.
func (s *Sink) Far(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.far = by
}

// wait waits for as long as a server at its distance takes.
func (s *Sink) wait() {
	s.mu.Lock()
	far := s.far
	s.mu.Unlock()
	if far > 0 {
		time.Sleep(far)
	}
}

// All gives every mail that was taken, by address.
func (s *Sink) All() map[string][]Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.mails)
}

// Mails gives what was taken for an address, oldest first.
func (s *Sink) Mails(to string) []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails[to]...)
}

// Wait waits for the first mail to an address, until ctx ends.
func (s *Sink) Wait(ctx context.Context, to string) (Mail, bool) { return s.WaitFor(ctx, to, 1) }

// WaitFor waits for mail number n to an address, until ctx ends.
func (s *Sink) WaitFor(ctx context.Context, to string, n int) (Mail, bool) {
	for {
		s.mu.Lock()
		mails, more := s.mails[to], s.more
		s.mu.Unlock()
		if len(mails) >= n {
			return mails[n-1], true
		}
		select {
		case <-more:
		case <-ctx.Done():
			return Mail{}, false
		}
	}
}

func (s *Sink) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() {
			stop := context.AfterFunc(s.open, func() { _ = conn.Close() })
			defer stop()
			defer conn.Close()
			s.serve(textproto.NewConn(conn))
		})
	}
}

// serve speaks as much SMTP as a sender needs (RFC 5321 §3).
func (s *Sink) serve(conn *textproto.Conn) {
	say := func(line string) bool { return conn.PrintfLine("%s", line) == nil }
	to := make([]string, 0, 1)
	for ok := say("220 sink.invalid"); ok; {
		line, err := conn.ReadLine()
		if err != nil {
			return
		}
		s.wait()
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "MAIL":
			to = make([]string, 0, 1)
			ok = say("250 ok")
		case "RCPT":
			to = append(to, rest)
			ok = say("250 ok")
		case "DATA":
			ok = say("354 go on") && s.take(conn, to)
		case "QUIT":
			say("221 bye")
			return
		default:
			ok = say("250 ok")
		}
	}
}

var (
	envelope = regexp.MustCompile(`[^<>\s]+@[^<>\s]+`)
	linkLine = regexp.MustCompile(`https?://\S+/auth/verify\?token=\S+`)
)

// take counts a mail as soon as its acknowledgement is on the way: from then on
// no second one is due.
func (s *Sink) take(conn *textproto.Conn, recipients []string) bool {
	data, err := conn.ReadDotBytes()
	if err != nil {
		return false
	}
	s.mu.Lock()
	pause := s.pause()
	s.mu.Unlock()
	select {
	case <-time.After(pause):
	case <-s.open.Done():
		return false
	}
	if conn.PrintfLine("250 taken") != nil {
		return false
	}
	id, link := read(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, recipient := range recipients {
		to := envelope.FindString(recipient)
		s.mails[to] = append(s.mails[to], Mail{To: to, ID: id, Link: link, Recipients: recipients, Data: data})
	}
	close(s.more)
	s.more = make(chan struct{})
	return true
}

// read finds a mail's Message-ID, and the link in its text part.
func read(data []byte) (id, link string) {
	m, err := mail.ReadMessage(bufio.NewReader(bytes.NewReader(data)))
	if err != nil {
		return "", ""
	}
	id = strings.Trim(m.Header.Get("Message-ID"), "<>")
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return id, ""
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextPart()
	if err != nil {
		return id, ""
	}
	text, err := io.ReadAll(part)
	if err != nil {
		return id, ""
	}
	return id, linkLine.FindString(string(text))
}
