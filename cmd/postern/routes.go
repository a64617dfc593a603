package main

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"

	"postern/edge"
)

// routes lays out what is where. Every issuer's paths are the same, below its base.
func (a *app) routes(also func(chi.Router)) http.Handler {
	r := chi.NewRouter()
	unheeded := &edge.Unheeded{Trusted: a.proxies, Log: a.term.log}
	r.Use(a.trace, a.recorder().Record, a.strict.Say, unheeded.Watch, edge.Proxies(a.proxies).Resolve,
		edge.ClientCertificates{Header: a.mtls.header, Trusted: a.proxies}.Read, capBody, a.calls)
	r.NotFound(a.guard.NotFound)
	r.MethodNotAllowed(a.guard.MethodNotAllowed)
	r.Get("/healthz", a.healthz)
	r.Get("/readyz", a.readyz)
	// Assets are the same for all and need no tenant, so that pages about unknown
	// hosts and tenants are dressed, too.
	r.Get("/auth/assets/*", a.pages.Assets().ServeHTTP)
	r.Get("/t/{tenant}/auth/assets/*", a.pages.Assets().ServeHTTP)
	// But for a tenant's own colours and logo.
	r.With(a.guard.Host).Handle("/auth/assets/brand/*", a.login.BrandAsset())
	r.With(a.guard.Path).Handle("/t/{tenant}/auth/assets/brand/*", a.login.BrandAsset())
	r.With(a.guard.Path).Get("/.well-known/oauth-authorization-server/t/{tenant}", a.provider.Metadata)
	r.Route("/t/{tenant}", func(r chi.Router) {
		r.Use(a.guard.Path)
		a.issuer(r)
	})
	if also != nil {
		also(r)
	}
	r.Group(func(r chi.Router) {
		r.Use(a.guard.Host)
		a.issuer(r)
	})
	return r
}

func (a *app) issuer(r chi.Router) {
	a.login.Routes(r)
	a.provider.Routes(r)
}

// capBody bounds what is read of a request, where there is anything to read.
func capBody(next http.Handler) http.Handler {
	capped := http.MaxBytesHandler(next, maxBody)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		capped.ServeHTTP(w, r)
	})
}

// healthz tells that the process runs, and nothing of what it depends on.
func (a *app) healthz(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") }

// readyz tells whether requests can be served now.
func (a *app) readyz(w http.ResponseWriter, r *http.Request) {
	if why := a.notReady(r.Context()); why != "" {
		plain(w, http.StatusServiceUnavailable, why+"\n")
		return
	}
	plain(w, http.StatusOK, "ready\n")
}

// notReady says why no requests are wanted, or nothing if they are.
func (a *app) notReady(ctx context.Context) string {
	if a.stopping.Load() {
		return "stopping"
	}
	if err := a.store.Ping(ctx); err != nil {
		a.term.log.WarnContext(ctx, "not ready", "error", err)
		return "database does not answer"
	}
	return ""
}

// watched is what the operator's own listener serves.
func (a *app) watched() http.Handler {
	r := chi.NewRouter()
	r.Get("/metrics", a.metrics.Handler().ServeHTTP)
	r.Get("/healthz", a.healthz)
	r.Get("/readyz", a.readyz)
	return r
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
