package edge_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"postern/edge"
)

func TestAProxyThatIsNotTrustedIsToldOfOnce(t *testing.T) {
	ten := edge.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name, peer, header string
		trusted            edge.Proxies
		want               string // the flag that mends it; empty for not a word
	}{
		{"nobody is trusted", "203.0.113.9:1", "X-Forwarded-For", nil, "--trusted-proxy 203.0.113.9/32"},
		{"nobody is trusted, by IPv6", "[2001:db8::1]:1", "X-Forwarded-Host", nil, "--trusted-proxy 2001:db8::1/128"},
		{"another one near is trusted", "192.168.0.7:1", "X-Forwarded-For", ten, "--trusted-proxy 192.168.0.7/32"},
		{"it is trusted", "10.1.2.3:1", "X-Forwarded-For", ten, ""},
		{"a stranger from afar sends it", "203.0.113.9:1", "X-Forwarded-For", ten, ""},
		{"no such header", "203.0.113.9:1", "Accept", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			u := &edge.Unheeded{Trusted: c.trusted, Log: slog.New(slog.NewTextHandler(&log, nil))}
			served := 0
			h := u.Watch(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
			for range 3 {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.RemoteAddr = c.peer
				r.Header.Set(c.header, "198.51.100.1")
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
			if served != 3 {
				t.Errorf("%d of 3 were served", served)
			}
			lines := strings.Count(log.String(), "\n")
			if c.want == "" && lines != 0 || c.want != "" && (lines != 1 || !strings.Contains(log.String(), c.want)) {
				t.Errorf("%d lines, want one with %q: %s", lines, c.want, &log)
			}
		})
	}
}
