package harness

import (
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
)

// HangUp is a reply that is none: the connection is closed without a word.
const HangUp = "(hang up)"

// Faulty is a mail server on loopback (RFC 5321), that answers as its script
// wants. Verbs beside SMTP's: CONNECT, LINE (the first line of data), END (all of it).
type Faulty struct {
	listener net.Listener
	script   func(verb string) string

	mu    sync.Mutex
	seen  map[string]int // verbs
	mails []string       // recipients of mails that were taken
}

// Usual answers as a healthy server does.
func Usual(string) string { return "" }

// On gives one reply to one verb.
func On(verb, reply string) func(string) string {
	return func(v string) string {
		if v == verb {
			return reply
		}
		return ""
	}
}

// Once gives it once only, over all connections.
func Once(verb, reply string) func(string) string {
	var mu sync.Mutex
	done := false
	return func(v string) string {
		mu.Lock()
		defer mu.Unlock()
		if v != verb || done {
			return ""
		}
		done = true
		return reply
	}
}

// StartFaulty starts a server that ends with the test.
func StartFaulty(t *testing.T, script func(verb string) string) *Faulty {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f := &Faulty{listener: l, script: script, seen: map[string]int{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(textproto.NewConn(conn))
		}
	}()
	return f
}

// Close leaves nobody listening.
func (f *Faulty) Close() { _ = f.listener.Close() }

// URL is how a tenant names it; without TLS, as on loopback.
func (f *Faulty) URL() string { return f.As("", "") }

// As is its URL with a user, or parameters.
func (f *Faulty) As(user, parameters string) string {
	return "smtp://" + user + f.listener.Addr().String() + parameters
}

func (f *Faulty) serve(c *textproto.Conn) {
	defer c.Close()
	to := ""
	usually := map[string]string{
		"EHLO": "250-test\r\n250 AUTH PLAIN", "AUTH": "235 welcome", "DATA": "354 go on", "QUIT": "221 bye",
	}
	if !f.say(c, "CONNECT", "220 test") {
		return
	}
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		verb := strings.ToUpper(strings.Fields(line + " ?")[0])
		if verb == "RCPT" {
			to = strings.Trim(strings.TrimPrefix(line, "RCPT TO:"), "<>")
		}
		usual, special := usually[verb]
		if !special {
			usual = "250 ok"
		}
		if !f.say(c, verb, usual) {
			return
		}
		if verb == "DATA" && !f.take(c, to) {
			return
		}
	}
}

// take reads the data, if it was asked for.
func (f *Faulty) take(c *textproto.Conn, to string) bool {
	if f.script("DATA") != "" {
		return true
	}
	if f.script("LINE") == HangUp {
		_, _ = c.ReadLine()
		return false
	}
	if _, err := c.ReadDotBytes(); err != nil {
		return false
	}
	reply := f.script("END")
	if reply == "" || reply == HangUp {
		f.mu.Lock()
		f.mails = append(f.mails, to)
		f.mu.Unlock()
	}
	if reply == "" {
		reply = "250 taken"
	}
	return reply != HangUp && c.PrintfLine("%s", reply) == nil
}

func (f *Faulty) say(c *textproto.Conn, verb, usual string) bool {
	f.mu.Lock()
	f.seen[verb]++
	f.mu.Unlock()
	reply := f.script(verb)
	if reply == "" {
		reply = usual
	}
	return reply != HangUp && c.PrintfLine("%s", reply) == nil
}

// Taken counts the mails to an address, or all.
func (f *Faulty) Taken(to string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, mail := range f.mails {
		if to == "" || mail == to {
			n++
		}
	}
	return n
}

// Heard counts a verb.
func (f *Faulty) Heard(verb string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[verb]
}

func (f *Faulty) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("heard %v, has mails to %q", f.seen, f.mails)
}
