package postgres_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// wire stands between a store and its database and counts round trips: the
// server says ReadyForQuery once for each, whatever was asked in it. It can also
// hold back all that the server says, like a machine that hangs.
type wire struct {
	listener net.Listener
	server   string
	trips    atomic.Int64

	mu    sync.Mutex
	hold  chan struct{} // closed while answers pass
	conns []net.Conn
}

// wired gives the URL of a database by way of a new wire.
func wired(t *testing.T, database string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, server: u.Host, hold: make(chan struct{})}
	close(w.hold)
	var serving sync.WaitGroup
	serving.Go(w.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		w.release()
		w.cut()
		serving.Wait()
	})
	u.Host = listener.Addr().String()
	query := u.Query()
	query.Set("sslmode", "disable") // what is counted must be read
	u.RawQuery = query.Encode()
	return w, u.String()
}

func (w *wire) serve() {
	var both sync.WaitGroup
	defer both.Wait()
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, client, server)
		w.mu.Unlock()
		both.Go(func() {
			defer server.Close()
			_, _ = io.Copy(server, client)
		})
		both.Go(func() {
			defer client.Close()
			w.answers(client, server)
		})
	}
}

// answers passes messages on: a byte of type, four of length, the rest.
func (w *wire) answers(client io.Writer, server io.Reader) {
	for {
		var head [5]byte
		if _, err := io.ReadFull(server, head[:]); err != nil {
			return
		}
		if head[0] == 'Z' {
			w.trips.Add(1)
		}
		w.mu.Lock()
		hold := w.hold
		w.mu.Unlock()
		<-hold
		if _, err := client.Write(head[:]); err != nil {
			return
		}
		if _, err := io.CopyN(client, server, int64(binary.BigEndian.Uint32(head[1:]))-4); err != nil {
			return
		}
	}
}

func (w *wire) stall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = make(chan struct{})
}

func (w *wire) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.hold:
	default:
		close(w.hold)
	}
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
}

// withParameter adds a parameter to a database's URL.
func withParameter(database, parameter string) string {
	if strings.Contains(database, "?") {
		return database + "&" + parameter
	}
	return database + "?" + parameter
}
