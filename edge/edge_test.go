package edge_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"postern/edge"
	"postern/idp"
	"postern/templates"
)

func TestClientIsTheRightmostUntrustedHop(t *testing.T) {
	proxies := edge.Proxies{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		peer   string
		header []string
		want   string
	}{
		"no proxy, header ignored":           {"203.0.113.9:1", []string{"198.51.100.1"}, "203.0.113.9"},
		"one proxy":                          {"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		"client's own header is further off": {"10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		"two proxies":                        {"10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"several header lines":               {"10.0.0.1:1", []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1"},
		"client claims to be a proxy":        {"10.0.0.1:1", []string{"10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		"everything is a proxy":              {"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"garbage in front of the proxy":      {"10.0.0.1:1", []string{"198.51.100.1, nonsense"}, "10.0.0.1"},
		"empty header":                       {"10.0.0.1:1", []string{""}, "10.0.0.1"},
		"no header":                          {"10.0.0.1:1", nil, "10.0.0.1"},
		"mapped address":                     {"10.0.0.1:1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"mapped peer":                        {"[::ffff:10.0.0.1]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		"bracketed with a port":              {"10.0.0.1:1", []string{"[2001:db8::1]:443"}, "2001:db8::1"},
		"bracketed":                          {"10.0.0.1:1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		"with a zone":                        {"10.0.0.1:1", []string{"fe80::1%eth0"}, "fe80::1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			for _, h := range c.header {
				r.Header.Add("X-Forwarded-For", h)
			}
			var got netip.Addr
			proxies.Resolve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = edge.ClientIP(r.Context())
			})).ServeHTTP(httptest.NewRecorder(), r)
			if got != netip.MustParseAddr(c.want) {
				t.Errorf("client is %s, want %s", got, c.want)
			}
		})
	}
}

func FuzzForwardedHeaderOfAnUntrustedPeerChangesNothing(f *testing.F) {
	f.Add("198.51.100.1", "evil.example")
	f.Add("10.0.0.1, ::1", "\x00")
	f.Fuzz(func(t *testing.T, forwardedFor, forwardedHost string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "203.0.113.9:1"
		r.Header["X-Forwarded-For"] = []string{forwardedFor}
		r.Header["X-Forwarded-Host"] = []string{forwardedHost}
		proxies := edge.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
		proxies.Resolve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if edge.ClientIP(r.Context()) != netip.MustParseAddr("203.0.113.9") {
				t.Errorf("client is %s", edge.ClientIP(r.Context()))
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	})
}

// tenants is a fixed set; err, if set, is what the store answers instead.
type tenants struct {
	rows []idp.Tenant
	err  error
}

func (s tenants) find(match func(idp.Tenant) bool) (idp.Tenant, error) {
	for _, row := range s.rows {
		if s.err == nil && match(row) {
			return row, nil
		}
	}
	if s.err != nil {
		return idp.Tenant{}, s.err
	}
	return idp.Tenant{}, idp.ErrNotFound
}

func (s tenants) FindTenantBySlug(_ context.Context, slug string) (idp.Tenant, error) {
	return s.find(func(t idp.Tenant) bool { return t.Slug == slug })
}

func (s tenants) FindTenantByHost(_ context.Context, host string) (idp.Tenant, error) {
	return s.find(func(t idp.Tenant) bool { return t.Host == host && host != "" })
}

func (s tenants) FindRootTenant(context.Context) (idp.Tenant, error) {
	return s.find(func(t idp.Tenant) bool { return t.Root })
}

func router(t *testing.T, store edge.Tenants, log *bytes.Buffer) http.Handler {
	t.Helper()
	pages, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(edge.LogHandler{Handler: slog.NewJSONHandler(log, nil)})
	guard := &edge.Guard{Tenants: store, PublicURL: &url.URL{Scheme: "https", Host: "id.example"}, Pages: pages, Log: logger}
	recorder := &edge.Recorder{Log: logger, Pages: pages, Clock: func() time.Time { return time.Unix(0, 0) }}
	answer := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("panic") {
			panic("poisoned")
		}
		_, _ = w.Write([]byte(idp.TenantOf(r.Context()).Slug))
	}
	r := chi.NewRouter()
	r.Use(recorder.Record, edge.Proxies{netip.MustParsePrefix("127.0.0.0/8")}.Resolve)
	r.With(guard.Path).Get("/t/{tenant}/here", answer)
	r.With(guard.Host).Get("/here", answer)
	r.NotFound(guard.NotFound)
	r.MethodNotAllowed(guard.MethodNotAllowed)
	return r
}

func TestTenantComesFromHostAndPath(t *testing.T) {
	store := tenants{rows: []idp.Tenant{{Slug: "path"}, {Slug: "root", Root: true}, {Slug: "own", Host: "login.own.example"}}}
	for name, c := range map[string]struct {
		url, host, forwarded string
		status               int
		tenant               string
	}{
		"path tenant":                       {"/t/path/here", "id.example", "", 200, "path"},
		"path tenant, default port":         {"/t/path/here", "id.example:443", "", 200, "path"},
		"path tenant, capitals in the host": {"/t/path/here", "ID.example", "", 200, "path"},
		"root tenant":                       {"/here", "id.example", "", 200, "root"},
		"own host":                          {"/here", "login.own.example", "", 200, "own"},
		"host of a trusted proxy":           {"/t/path/here", "127.0.0.1:8080", "id.example", 200, "path"},
		"unknown slug":                      {"/t/nobody/here", "id.example", "", 404, ""},
		"slug of a tenant at the root":      {"/t/root/here", "id.example", "", 404, ""},
		"slug of a tenant with a host":      {"/t/own/here", "id.example", "", 404, ""},
		"path tenant on a tenant's host":    {"/t/path/here", "login.own.example", "", 421, ""},
		"unknown host":                      {"/here", "evil.example", "", 421, ""},
		"unknown host, path tenant":         {"/t/path/here", "evil.example", "", 421, ""},
		"host with another port":            {"/t/path/here", "id.example:8443", "", 421, ""},
		"empty host":                        {"/t/path/here", "", "", 421, ""},
		"nothing there":                     {"/elsewhere", "id.example", "", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			r := httptest.NewRequest(http.MethodGet, c.url, nil)
			r.Host, r.RemoteAddr = c.host, "127.0.0.1:4000"
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-Host", c.forwarded)
			}
			w := httptest.NewRecorder()
			router(t, store, &log).ServeHTTP(w, r)
			if w.Code != c.status || (c.status == 200 && w.Body.String() != c.tenant) {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.status, c.tenant)
			}
			if strings.Contains(w.Body.String(), "evil.example") {
				t.Error("the page echoes an unknown host")
			}
		})
	}
}

func TestCausesAndQueriesStayOutOfAnswersAndLogs(t *testing.T) {
	var log bytes.Buffer
	h := router(t, tenants{err: errors.New("secret cause")}, &log)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/t/x/here?token=do-not-log-me", nil)
	r.Host = "id.example"
	h.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "secret cause") {
		t.Errorf("a store that fails is answered %d %q", w.Code, w.Body)
	}
	if strings.Contains(log.String(), "do-not-log-me") {
		t.Error("the log holds the query")
	}
}

func TestAStoreThatFailsIsAnsweredInTheFormThatWhoAskedReads(t *testing.T) {
	for accept, want := range map[string]string{
		"text/html,application/xhtml+xml,*/*;q=0.8": "text/html",
		"application/json":                          "application/json",
		"*/*":                                       "application/json",
		"":                                          "application/json",
	} {
		var log bytes.Buffer
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/t/x/here", nil)
		r.Host = "id.example"
		r.Header.Set("Accept", accept)
		router(t, tenants{err: errors.New("secret cause")}, &log).ServeHTTP(w, r)
		if got := w.Header().Get("Content-Type"); w.Code != http.StatusServiceUnavailable || !strings.HasPrefix(got, want) {
			t.Errorf("%q is answered %d %q", accept, w.Code, got)
		}
		if w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%q is answered with %v", accept, w.Header())
		}
	}
}

func TestPanicsBecomeAPageWithTheRequestsID(t *testing.T) {
	var log bytes.Buffer
	h := router(t, tenants{rows: []idp.Tenant{{Slug: "path"}}}, &log)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/t/path/here?panic", nil)
	r.Host = "id.example"
	h.ServeHTTP(w, r)
	id := w.Header().Get("X-Request-Id")
	if w.Code != http.StatusInternalServerError || id == "" || !strings.Contains(log.String(), id) {
		t.Errorf("%d, id %q, log %s", w.Code, id, &log)
	}
	if strings.Contains(w.Body.String(), "poisoned") {
		t.Error("the page shows the cause")
	}
}

func TestFormsPostedFromElsewhereAreSeen(t *testing.T) {
	const origin = "https://id.example"
	for name, c := range map[string]struct {
		site, origin string
		want         bool
	}{
		"same-origin from a no-referrer page": {"same-origin", "null", true},
		"old browser, equal origin":           {"", origin, true},
		"cross-site":                          {"cross-site", origin, false},
		"same-site":                           {"same-site", origin, false},
		"typed in":                            {"none", origin, false},
		"old browser, other origin":           {"", "https://evil.example", false},
		"old browser, null alone":             {"", "null", false},
		"nothing":                             {"", "", false},
		"prefix of the origin":                {"", "https://id.example.evil", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if got := edge.FromHere(r, origin); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
