package fetch_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"postern/fetch"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// host is a server that a client named, and how often it was reached.
type host struct {
	*httptest.Server
	hits  atomic.Int64
	roots *x509.CertPool
}

func newHost(t *testing.T, serve http.HandlerFunc) *host {
	t.Helper()
	h := &host{roots: x509.NewCertPool()}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.hits.Add(1)
		serve(w, r)
	}))
	t.Cleanup(h.Close)
	h.roots.AddCert(h.Certificate())
	return h
}

func (h *host) fetcher(change func(*fetch.Config)) *fetch.Fetcher {
	c := fetch.Config{Roots: h.roots, Clock: time.Now, Allow: loopback}
	change(&c)
	return fetch.New(c)
}

func as(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func TestWhatIsAllowedIsFetched(t *testing.T) {
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Method + r.Header.Get("Referer") + r.Header.Get("Cookie")))
	})
	got, err := h.fetcher(func(*fetch.Config) {}).Fetch(t.Context(), h.URL+"/keys#x")
	if err != nil || string(got) != "GET" {
		t.Errorf("got %q, %v", got, err)
	}
	status, err := h.fetcher(func(*fetch.Config) {}).Post(t.Context(), h.URL, url.Values{"a": {"b"}})
	if err != nil || status != http.StatusOK {
		t.Errorf("posted: %d, %v", status, err)
	}
}

// Nothing of our own network can be reached, however it is spelt.
func TestAddressesThatAreNotOfTheOpenInternetAreRefused(t *testing.T) {
	h := newHost(t, as("secret"))
	guarded := h.fetcher(func(c *fetch.Config) { c.Allow = nil })
	port := h.URL[strings.LastIndexByte(h.URL, ':'):]
	for name, at := range map[string]string{
		"loopback":                   "https://127.0.0.1",
		"elsewhere on loopback":      "https://127.9.9.9",
		"loopback by name":           "https://localhost",
		"loopback in IPv6":           "https://[::1]",
		"mapped loopback":            "https://[::ffff:127.0.0.1]",
		"mapped loopback in hex":     "https://[::ffff:7f00:1]",
		"compatible loopback":        "https://[::127.0.0.1]",
		"NAT64 loopback":             "https://[64:ff9b::7f00:1]",
		"NAT64 of a network":         "https://[64:ff9b:1::7f00:1]",
		"6to4 loopback":              "https://[2002:7f00:1::]",
		"Teredo":                     "https://[2001:0:7f00:1::]",
		"metadata service":           "https://169.254.169.254",
		"metadata service in IPv6":   "https://[fd00:ec2::254]",
		"mapped metadata service":    "https://[::ffff:169.254.169.254]",
		"link-local in IPv6":         "https://[fe80::1]",
		"private 10":                 "https://10.0.0.1",
		"private 172.16":             "https://172.16.0.1",
		"private 192.168":            "https://192.168.1.1",
		"carrier-grade NAT":          "https://100.64.0.1",
		"unspecified":                "https://0.0.0.0",
		"unspecified in IPv6":        "https://[::]",
		"this network":               "https://0.1.2.3",
		"multicast":                  "https://224.0.0.1",
		"multicast in IPv6":          "https://[ff02::1]",
		"broadcast":                  "https://255.255.255.255",
		"reserved":                   "https://240.0.0.1",
		"benchmarks":                 "https://198.18.0.1",
		"documentation":              "https://192.0.2.1",
		"decimal":                    "https://2130706433",
		"octal":                      "https://0177.0.0.1",
		"hexadecimal":                "https://0x7f000001",
		"hexadecimal last":           "https://127.0.0.0x1",
		"short":                      "https://127.1",
		"dot at the end":             "https://127.0.0.1.",
		"http":                       "http://127.0.0.1",
		"user info":                  "https://example.com@127.0.0.1",
		"another scheme":             "file:///etc/passwd?",
		"no host":                    "https://",
		"link-local with a zone":     "https://[fe80::1%25lo]",
		"a long URI":                 "https://127.0.0.1/" + strings.Repeat("x", 4096) + "?",
		"unique local of every kind": "https://[fc00::1]",
	} {
		_, err := guarded.Fetch(t.Context(), at+port)
		if !errors.Is(err, fetch.ErrRefused) {
			t.Errorf("%s: %s: %v", name, at, err)
		}
	}
	if n := h.hits.Load(); n != 0 {
		t.Errorf("the server was reached %d times", n)
	}
	open := h.fetcher(func(*fetch.Config) {})
	if _, err := open.Fetch(t.Context(), h.URL); err != nil || h.hits.Load() != 1 {
		t.Errorf("the server cannot be reached at all: %v", err)
	}
}

// A name that is public when it is checked and private when it is dialled gets
// nowhere, for what is checked is what is dialled.
func TestNamesThatRebindGetNowhere(t *testing.T) {
	h := newHost(t, as("secret"))
	var asked atomic.Int64
	resolver := nameserver(t, func() [4]byte {
		if asked.Add(1) == 1 {
			return [4]byte{192, 0, 2, 1}
		}
		return [4]byte{127, 0, 0, 1}
	})
	guarded := h.fetcher(func(c *fetch.Config) { c.Allow, c.Resolver = nil, resolver })
	port := h.URL[strings.LastIndexByte(h.URL, ':'):]
	for range 4 {
		if _, err := guarded.Fetch(t.Context(), "https://rebind.example"+port); !errors.Is(err, fetch.ErrRefused) {
			t.Fatalf("fetched: %v", err)
		}
	}
	if asked.Load() < 4 || h.hits.Load() != 0 {
		t.Errorf("asked %d times, reached %d times", asked.Load(), h.hits.Load())
	}
}

// nameserver answers every A query with what it is given.
func nameserver(t *testing.T, answer func() [4]byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: answer()},
				}}
			}
			packed, _ := m.Pack()
			_, _ = conn.WriteTo(packed, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	inside := newHost(t, as("secret"))
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside.URL, http.StatusFound) })
	if _, err := h.fetcher(func(*fetch.Config) {}).Fetch(t.Context(), h.URL); !errors.Is(err, fetch.ErrRefused) {
		t.Errorf("fetched: %v", err)
	}
	if inside.hits.Load() != 0 {
		t.Error("followed")
	}
}

func TestHugeBodiesAreCutOff(t *testing.T) {
	size := fetch.MaxBytes
	h := newHost(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) })
	f := h.fetcher(func(*fetch.Config) {})
	if got, err := f.Fetch(t.Context(), h.URL); err != nil || len(got) != fetch.MaxBytes {
		t.Errorf("the longest one: %d bytes, %v", len(got), err)
	}
	size++
	if _, err := f.Fetch(t.Context(), h.URL); !errors.Is(err, fetch.ErrRefused) {
		t.Errorf("one byte more: %v", err)
	}
}

// A body that trickles is given up after five seconds, whatever comes.
func TestSlowBodiesAreGivenUp(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("x"))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	began := time.Now()
	_, err := h.fetcher(func(*fetch.Config) {}).Fetch(t.Context(), h.URL)
	if took := time.Since(began); !errors.Is(err, fetch.ErrRefused) || took > 2*fetch.Timeout {
		t.Errorf("%v after %s", err, took)
	}
}

func TestProxiesOfTheEnvironmentAreIgnored(t *testing.T) {
	h := newHost(t, as("x"))
	t.Setenv("HTTPS_PROXY", "http://192.0.2.1:1")
	if _, err := h.fetcher(func(*fetch.Config) {}).Fetch(t.Context(), h.URL); err != nil {
		t.Error(err)
	}
}

func TestHTTPIsForLoopbackWhereItIsAllowed(t *testing.T) {
	plain := httptest.NewServer(as("x"))
	defer plain.Close()
	if _, err := fetch.New(fetch.Config{Clock: time.Now, Allow: loopback}).Fetch(t.Context(), plain.URL); err != nil {
		t.Error(err)
	}
	for name, allow := range map[string][]netip.Prefix{"nothing": nil, "another network": {netip.MustParsePrefix("10.0.0.0/8")}} {
		if _, err := fetch.New(fetch.Config{Clock: time.Now, Allow: allow}).Fetch(t.Context(), plain.URL); !errors.Is(err, fetch.ErrRefused) {
			t.Errorf("%s allowed: %v", name, err)
		}
	}
}

func TestOneHostIsAskedSoOftenAtOnce(t *testing.T) {
	gate := make(chan struct{})
	h := newHost(t, func(http.ResponseWriter, *http.Request) { <-gate })
	f := h.fetcher(func(*fetch.Config) {})
	var all sync.WaitGroup
	var refused atomic.Int64
	for range 10 {
		all.Go(func() {
			if _, err := f.Fetch(t.Context(), h.URL); err != nil {
				if refused.Add(1) == 6 {
					close(gate)
				}
			}
		})
	}
	all.Wait()
	if refused.Load() != 6 || h.hits.Load() != 4 {
		t.Errorf("%d refused, %d served", refused.Load(), h.hits.Load())
	}
}

// That a host was busy is not remembered as its failure.
func TestABusyHostIsAskedAgainAtOnce(t *testing.T) {
	gate := make(chan struct{})
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-gate
		}
		_, _ = w.Write([]byte("keys"))
	})
	f := h.fetcher(func(*fetch.Config) {})
	var slow sync.WaitGroup
	for range 4 {
		slow.Go(func() { _, _ = f.Fetch(t.Context(), h.URL+"/slow") })
	}
	for h.hits.Load() < 4 {
		time.Sleep(time.Millisecond)
	}
	if _, err := f.Cached(t.Context(), h.URL+"/keys", false); err == nil {
		t.Error("a fifth fetch was let through")
	}
	close(gate)
	slow.Wait()
	if got, err := f.Cached(t.Context(), h.URL+"/keys", false); string(got) != "keys" {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}
