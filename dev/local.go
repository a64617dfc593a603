package dev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// localTransport answers requests to one origin by calling a handler in this
// process, and refuses every other: the demo app has no other peer.
type localTransport struct {
	origin  string
	handler http.Handler
}

// RoundTrip implements http.RoundTripper.
func (t *localTransport) RoundTrip(out *http.Request) (*http.Response, error) {
	if out.Body != nil {
		defer out.Body.Close()
	}
	if origin := out.URL.Scheme + "://" + out.URL.Host; origin != t.origin {
		return nil, fmt.Errorf("dev: the demo app calls %s only, not %s", t.origin, origin)
	}
	if t.handler == nil {
		return nil, errors.New("dev: no handler was set")
	}
	if err := out.Context().Err(); err != nil {
		return nil, err
	}
	// What the context carries belongs to the page's request (its route, its
	// tenant): this one is new, and ends no later.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer context.AfterFunc(out.Context(), cancel)()
	in := out.Clone(ctx) //nolint:contextcheck // see above
	in.RequestURI = out.URL.RequestURI()
	in.Host = out.URL.Host
	in.RemoteAddr = "127.0.0.1:0"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	answer := &buffered{header: http.Header{}}
	t.handler.ServeHTTP(answer, in)
	return answer.response(out), nil
}

// buffered is a response that is kept in memory.
type buffered struct {
	header http.Header
	sent   http.Header // what the header was when the status was written
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (b *buffered) Header() http.Header { return b.header }

// WriteHeader implements http.ResponseWriter.
func (b *buffered) WriteHeader(status int) {
	if b.status == 0 && status >= http.StatusOK {
		b.status, b.sent = status, b.header.Clone()
	}
}

// Write implements http.ResponseWriter.
func (b *buffered) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

func (b *buffered) response(out *http.Request) *http.Response {
	b.WriteHeader(http.StatusOK)
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", b.status, http.StatusText(b.status)),
		StatusCode: b.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        b.sent,
		Body:          io.NopCloser(&b.body),
		ContentLength: int64(b.body.Len()),
		Request:       out,
	}
}
