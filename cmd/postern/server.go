package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Bounds of a request.
const (
	maxBody        = 64 << 10
	maxHeaders     = 32 << 10
	headerTimeout  = 10 * time.Second
	requestTimeout = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	drainTimeout   = 20 * time.Second
)

// front is where requests come in.
type front struct {
	listener net.Listener
	handler  http.Handler
	// metrics, if not nil, is where the operator looks.
	metrics net.Listener
	// greet: the mail servers are tried, beside serving.
	greet bool
	// delay is how long to serve on once asked to stop.
	delay time.Duration
}

// listen opens the address; a port of 0 is chosen by the system.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, unheard(flag+" "+address, err)
	}
	return l, nil
}

// unheard says what is wrong with an address to listen on, and how to mend it.
func unheard(what string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: another program listens there: end it (`ss -ltnp` shows it), or choose another port", what)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s: this machine has no such address: choose one of its own, or 0.0.0.0 or [::] for all", what)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s: ports below 1024 are for programs with CAP_NET_BIND_SERVICE: give it that, or choose a port above", what)
	default:
		return usage("%s: %w: use HOST:PORT, such as 127.0.0.1:8080", what, err)
	}
}

// run serves until ctx ends. Then /readyz refuses while all else is served for
// the front's delay, so that balancers notice; and at last requests and mails in
// flight finish.
func (a *app) run(ctx context.Context, f front, ready func()) error {
	collectLess()
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	defer background.Wait()
	defer stopWork()
	for _, job := range []func(context.Context){a.worker.Run, a.router.Run, a.janitor.Run, a.logouts.Run, a.spares.Run, a.certificate.watch} {
		background.Go(func() { job(work) })
	}
	if f.greet {
		background.Go(func() { a.greetServers(work) })
	}
	server := newServer(ctx, a.stopping.announce(f.handler))
	failed := make(chan error, 2)
	go func() { failed <- a.serve(server, f.listener) }()
	if f.metrics != nil {
		own := newServer(ctx, a.watched())
		go func() { failed <- serveUntilClosed(own.Serve(f.metrics)) }()
		defer own.Close()
	}
	ready()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	a.stopping.Store(true)
	a.term.log.InfoContext(ctx, "stopping: no new requests are wanted", "delay", f.delay.String())
	select {
	case err := <-failed:
		return err
	case <-time.After(f.delay):
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	return server.Shutdown(drain)
}

// newServer bounds what a request may take. The context of requests is that of
// the process without its end: they finish.
func newServer(ctx context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaders,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
}

// serve serves https with a certificate of its own, else http, for loopback and
// behind a proxy.
func (a *app) serve(server *http.Server, l net.Listener) error {
	if a.certificate == nil {
		return serveUntilClosed(server.Serve(l))
	}
	server.TLSConfig = a.mtls.asking(&tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: a.certificate.get})
	return serveUntilClosed(server.ServeTLS(l, "", ""))
}

// serveUntilClosed makes an error only of an end that nobody asked for.
func serveUntilClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

// stopping is whether the process has been asked to end.
type stopping struct{ atomic.Bool }

// announce closes each connection with the answer it carries once the process
// is to end: its client opens the next one elsewhere, and none is cut off.
func (s *stopping) announce(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
