package pgtest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// Wire stands between a store and its database and counts round trips: the
// server says ReadyForQuery once for each, whatever was asked in it. It can also
// hold back all that the server says, like a machine that hangs.
type Wire struct {
	listener net.Listener
	server   string
	trips    atomic.Int64

	mu    sync.Mutex
	hold  chan struct{} // closed while answers pass
	conns []net.Conn
}

// NewWire gives the URL of a database by way of a new wire, which is cut when
// the test ends.
func NewWire(tb testing.TB, database string) (*Wire, string) {
	tb.Helper()
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	w := &Wire{listener: listener, server: u.Host, hold: make(chan struct{})}
	close(w.hold)
	var serving sync.WaitGroup
	serving.Go(w.serve)
	tb.Cleanup(func() {
		_ = listener.Close()
		w.Release()
		w.Cut()
		serving.Wait()
	})
	u.Host = listener.Addr().String()
	query := u.Query()
	query.Set("sslmode", "disable") // what is counted must be read
	u.RawQuery = query.Encode()
	return w, u.String()
}

func (w *Wire) serve() {
	var both sync.WaitGroup
	defer both.Wait()
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := new(net.Dialer).DialContext(context.Background(), "tcp", w.server)
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

// Trips tells how many round trips there were.
func (w *Wire) Trips() int64 { return w.trips.Load() }

// answers passes messages on: a byte of type, four of length, the rest.
func (w *Wire) answers(client io.Writer, server io.Reader) {
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

// Stall holds back what the server says, until Release.
func (w *Wire) Stall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = make(chan struct{})
}

// Release lets answers pass again.
func (w *Wire) Release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.hold:
	default:
		close(w.hold)
	}
}

// Cut ends all connections.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
}
