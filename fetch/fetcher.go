package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"postern/idp"
)

// Bounds of a fetch.
const (
	// Timeout is for all of it: resolving, connecting, and the whole answer.
	Timeout = 5 * time.Second
	// MaxBytes is the longest answer that is read.
	MaxBytes = 64 << 10

	maxHeader  = 16 << 10
	maxURI     = 2048
	maxPerHost = 4
	maxAtOnce  = 64
)

// ErrRefused is wrapped by every error about an answer or an address: it is the
// client's fault, not ours.
var ErrRefused = errors.New("not fetched")

// errBusy: others are asking the host just now, which says nothing about it.
var errBusy = errors.New("too many fetches at once")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRefused, fmt.Errorf(format, args...))
}

// Config is what a Fetcher is made of.
type Config struct {
	// Allow are networks that may be reached though they are not public. Loopback
	// in it also allows http to a loopback host.
	Allow []netip.Prefix
	// Roots, if set, replace the system's certificate authorities.
	Roots *x509.CertPool
	// Resolver, if set, replaces the system's.
	Resolver *net.Resolver
	Clock    func() time.Time
}

// Fetcher gets documents from strangers' URIs. It is safe for concurrent use.
type Fetcher struct {
	allow  []netip.Prefix
	client *http.Client
	clock  func() time.Time

	mu    sync.Mutex
	busy  map[string]int // by host
	total int

	cache cache
}

// document is what was there.
type document struct {
	body []byte
	// maxAge is how long the server says it stays good; zero if it does not say.
	maxAge time.Duration
}

// New makes a Fetcher.
func New(c Config) *Fetcher {
	f := &Fetcher{allow: c.Allow, clock: c.Clock, busy: map[string]int{}}
	dialer := &net.Dialer{Timeout: Timeout, Control: f.control, Resolver: c.Resolver}
	f.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, DisableCompression: true, DisableKeepAlives: true,
			TLSClientConfig:       &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   Timeout,
			ResponseHeaderTimeout: Timeout, MaxResponseHeaderBytes: maxHeader, ForceAttemptHTTP2: false,
		},
	}
	return f
}

// control sees the address that is about to be dialled, after resolution.
func (f *Fetcher) control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return refused("address %q", address)
	}
	if a := at.Addr().Unmap(); !public(a) && !contains(f.allow, a) {
		return refused("%s is no address of the open internet (--outgoing-allow lets it be reached)", a)
	}
	return nil
}

// Fetch gets a document; only 200 is an answer.
func (f *Fetcher) Fetch(ctx context.Context, uri string) ([]byte, error) {
	doc, err := f.get(ctx, uri)
	return doc.body, err
}

func (f *Fetcher) get(ctx context.Context, uri string) (document, error) {
	u, err := f.check(uri)
	if err != nil {
		return document{}, err
	}
	done, err := f.enter(u.Host)
	if err != nil {
		return document{}, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return document{}, refused("%w", err)
	}
	r.Header.Set("User-Agent", "Postern")
	res, err := f.client.Do(r)
	if err != nil {
		return document{}, refused("%w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return document{}, refused("%s answered %d; only 200 counts, and redirects are not followed", u.Host, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxBytes+1))
	if err == nil {
		// A connection that is cut when the time is over can look like the end of the answer.
		err = ctx.Err()
	}
	if err != nil {
		return document{}, refused("%w", err)
	}
	if len(body) > MaxBytes {
		return document{}, refused("%s sent more than %d bytes", u.Host, MaxBytes)
	}
	return document{body: body, maxAge: maxAge(res.Header)}, nil
}

// Post sends a form; any 2xx is an answer, and its body is not looked at. It is
// for what clients want to be told (OpenID Connect Back-Channel Logout §2.5).
func (f *Fetcher) Post(ctx context.Context, uri string, form url.Values) (status int, err error) {
	u, err := f.check(uri)
	if err != nil {
		return 0, err
	}
	done, err := f.enter(u.Host)
	if err != nil {
		return 0, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return 0, refused("%w", err)
	}
	r.Header.Set("User-Agent", "Postern")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := f.client.Do(r)
	if err != nil {
		return 0, refused("%w", err)
	}
	return res.StatusCode, res.Body.Close()
}

// check refuses, before anything is resolved, what cannot be fetched.
func (f *Fetcher) check(uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	switch {
	case len(uri) > maxURI || err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, refused("not a web URI")
	case u.User != nil:
		return nil, refused("no user name or password in it")
	case oddNumber(u.Hostname()):
		return nil, refused("host %q is a number and no address", u.Hostname())
	case u.Scheme == "http" && idp.IsLoopback(u.Hostname()) && f.loopback():
	case u.Scheme != "https":
		return nil, refused("https only")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func (f *Fetcher) loopback() bool {
	return contains(f.allow, netip.AddrFrom4([4]byte{127, 0, 0, 1})) || contains(f.allow, netip.IPv6Loopback())
}

// oddNumber finds 2130706433, 0x7f000001, 0177.0.0.1 and 127.1: addresses to
// some resolvers, names to others.
func oddNumber(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	last := strings.TrimSuffix(host, ".")
	last = strings.ToLower(last[strings.LastIndexByte(last, '.')+1:])
	return last == "" || strings.HasPrefix(last, "0x") || strings.Trim(last, "0123456789") == ""
}

// enter bounds how many fetches run at once, to one host and in all, so that a
// slow host cannot hold every request up.
func (f *Fetcher) enter(host string) (done func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy[host] >= maxPerHost || f.total >= maxAtOnce {
		return nil, refused("%s: %w", host, errBusy)
	}
	f.busy[host]++
	f.total++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.total--
		if f.busy[host]--; f.busy[host] == 0 {
			delete(f.busy, host)
		}
	}, nil
}
