package edge

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"postern/idp"
	"postern/templates"
)

// Tenants finds the tenant that a request is for.
type Tenants interface {
	FindTenantBySlug(ctx context.Context, slug string) (idp.Tenant, error)
	FindTenantByHost(ctx context.Context, host string) (idp.Tenant, error)
	FindRootTenant(ctx context.Context) (idp.Tenant, error)
}

// Guard stands in front of every issuer: no handler runs before the request's
// host is one of ours and its tenant is in the context.
type Guard struct {
	Tenants Tenants
	// PublicURL is the instance's own, without a trailing slash.
	PublicURL *url.URL
	// CallsURL is where clients with certificates call, nil if nowhere else.
	CallsURL *url.URL
	Pages    *templates.Set
	Log      *slog.Logger
}

// Path admits requests to tenants at PublicURL/t/{tenant}.
func (g *Guard) Path(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.isPublic(hostOf(r.Context())) {
			g.unknownHost(w, r)
			return
		}
		t, err := g.Tenants.FindTenantBySlug(r.Context(), chi.URLParam(r, "tenant"))
		if err == nil && (t.Host != "" || t.Root) {
			err = idp.ErrNotFound // its issuer is elsewhere; two would be two providers
		}
		g.admit(next, w, r, t, err)
	})
}

// Calls admits requests to any tenant at CallsURL/t/{tenant}.
func (g *Guard) Calls(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := g.Tenants.FindTenantBySlug(r.Context(), chi.URLParam(r, "tenant"))
		g.admit(next, w, r, t, err)
	})
}

// AtCalls tells whether a request came to CallsURL.
func (g *Guard) AtCalls(r *http.Request) bool {
	return g.CallsURL != nil && canonicalHost(hostOf(r.Context()), g.CallsURL.Scheme) == canonicalHost(g.CallsURL.Host, g.CallsURL.Scheme)
}

// Host admits requests to tenants with a host of their own, and to the one at
// the public URL's root.
func (g *Guard) Host(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r.Context())
		if g.isPublic(host) {
			t, err := g.Tenants.FindRootTenant(r.Context())
			g.admit(next, w, r, t, err)
			return
		}
		t, err := g.Tenants.FindTenantByHost(r.Context(), canonicalHost(host, "https"))
		if errors.Is(err, idp.ErrNotFound) {
			g.unknownHost(w, r)
			return
		}
		g.admit(next, w, r, t, err)
	})
}

// Public admits requests to the instance's own host, for what belongs to no tenant.
func (g *Guard) Public(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.isPublic(hostOf(r.Context())) {
			g.unknownHost(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (g *Guard) admit(next http.Handler, w http.ResponseWriter, r *http.Request, t idp.Tenant, err error) {
	switch {
	case err == nil:
		ctx := idp.WithTenant(r.Context(), t)
		if rec := recordOf(ctx); rec != nil {
			rec.tenant = t.Slug
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	case errors.Is(err, idp.ErrNotFound):
		g.refuse(w, r, http.StatusNotFound, "unknown_tenant")
	default:
		g.Log.ErrorContext(r.Context(), "tenant lookup failed", "error", err)
		g.unavailable(w, r)
	}
}

// unavailable answers where nobody could be asked for the tenant: a page to a
// browser, an error of RFC 6749 §5.2 to a program.
func (g *Guard) unavailable(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "2")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		g.refuse(w, r, http.StatusServiceUnavailable, "unavailable")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"error":"temporarily_unavailable"}`) // who asked may have gone
}

// NotFound answers paths that nothing is at, and MethodNotAllowed wrong methods.
func (g *Guard) NotFound(w http.ResponseWriter, r *http.Request) {
	g.refuse(w, r, http.StatusNotFound, "not_found")
}

// MethodNotAllowed answers a method that a path does not take; chi has set Allow.
func (g *Guard) MethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	g.refuse(w, r, http.StatusMethodNotAllowed, "method")
}

// unknownHost never says which host was asked for (RFC 9110 §15.5.20).
func (g *Guard) unknownHost(w http.ResponseWriter, r *http.Request) {
	g.refuse(w, r, http.StatusMisdirectedRequest, "unknown_host")
}

func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, status int, key string) {
	locale := g.Pages.Locale(nil, r.Header.Get("Accept-Language"), "")
	frame := templates.Frame{Locale: locale, FormsStay: true}
	g.Pages.Write(w, status, frame, templates.Fault{Key: key, Request: RequestID(r.Context())})
}

func (g *Guard) isPublic(host string) bool {
	return canonicalHost(host, g.PublicURL.Scheme) == canonicalHost(g.PublicURL.Host, g.PublicURL.Scheme)
}

// canonicalHost lowers a host and drops the scheme's own port and one closing dot.
func canonicalHost(host, scheme string) string {
	host = strings.ToLower(host)
	if scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return strings.TrimSuffix(host, ".")
}
