package cluster

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Replica is the request header that names the process which a request goes to,
// by its number. Without it, requests go round.
const Replica = "X-Replica"

// NoAnswer is the header of the balancer's own answer, where no process gave one.
const NoAnswer = "X-Balancer"

// Balancer is a reverse proxy in front of the processes, as any real one: it
// tells who asked and for which host, and tries another process where one does
// not take the connection, but nowhere else.
type Balancer struct {
	URL string

	server  *http.Server
	targets []string
	next    atomic.Uint64
	mu      sync.Mutex
	answers []Answer
}

// Answer is what a process answered.
type Answer struct {
	Replica      int
	Method, Path string
	Status       int
}

// NewBalancer starts a balancer for that many processes.
func NewBalancer(processes int) (*Balancer, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Balancer{URL: "http://" + l.Addr().String(), targets: make([]string, processes)}
	proxy := &httputil.ReverseProxy{Rewrite: rewrite, Transport: b.transport(), ErrorHandler: unanswered}
	b.server = &http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}
	go func() { _ = b.server.Serve(l) }() // until Close
	return b, nil
}

// Close ends it.
func (b *Balancer) Close() { _ = b.server.Close() }

func (b *Balancer) place(number int, address string) { b.targets[number] = address }

func rewrite(r *httputil.ProxyRequest) {
	r.SetXForwarded()
	r.Out.Host = r.In.Host
	r.Out.URL.Scheme = "http"
}

func unanswered(w http.ResponseWriter, _ *http.Request, _ error) {
	w.Header().Set(NoAnswer, "no answer")
	w.WriteHeader(http.StatusBadGateway)
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (b *Balancer) transport() http.RoundTripper {
	upstream := &http.Transport{MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: time.Minute}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				return nil, err
			}
		}
		chosen, pinned := choice(r.Header, len(b.targets))
		if !pinned {
			chosen = int(b.next.Add(1) % uint64(len(b.targets)))
		}
		for left := len(b.targets); ; left-- {
			answer, err := upstream.RoundTrip(aim(r, b.targets[chosen], body))
			if err == nil {
				b.note(Answer{chosen, r.Method, r.URL.Path, answer.StatusCode})
				return answer, nil
			}
			if pinned || left == 1 || !refused(err) {
				return nil, err
			}
			chosen = (chosen + 1) % len(b.targets)
		}
	})
}

// choice reads the replica that a request names.
func choice(h http.Header, replicas int) (int, bool) {
	n, err := strconv.Atoi(h.Get(Replica))
	return n, err == nil && n >= 0 && n < replicas
}

func aim(r *http.Request, target string, body []byte) *http.Request {
	to := r.Clone(r.Context())
	to.URL = &url.URL{Scheme: "http", Host: target, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	to.Header.Del(Replica)
	to.Body = http.NoBody
	if len(body) > 0 {
		to.Body = io.NopCloser(bytes.NewReader(body))
	}
	to.ContentLength = int64(len(body))
	return to
}

// refused tells that no process can have seen the request.
func refused(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "dial"
}

func (b *Balancer) note(a Answer) {
	if a.Status < http.StatusInternalServerError {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers = append(b.answers, a)
}

// Faults gives the 5xx answers of the processes so far, and forgets them.
func (b *Balancer) Faults() []Answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	faults := b.answers
	b.answers = nil
	return faults
}
