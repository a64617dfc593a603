package dev

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"

	"github.com/go-chi/chi/v5"

	"postern/edge"
)

//go:embed html/*.html
var htmlFiles embed.FS

//go:embed assets
var assetFiles embed.FS

var views = parseViews("app", "account", "spa", "mail", "fault")

func parseViews(names ...string) map[string]*template.Template {
	parsed := map[string]*template.Template{}
	for _, name := range names {
		parsed[name] = template.Must(template.ParseFS(htmlFiles, "html/frame.html", "html/"+name+".html"))
	}
	return parsed
}

// refusalError is a refusal with words for the page; cause is for the log.
type refusalError struct {
	status      int
	Title, Text string
	cause       error
}

// Error implements error.
func (f refusalError) Error() string { return fmt.Sprintf("%s: %v", f.Title, f.cause) }

// Unwrap gives the cause.
func (f refusalError) Unwrap() error { return f.cause }

// page turns a handler's error into a page, and its cause into a line of the log.
func (p *Pages) page(handle func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := handle(w, r)
		if err == nil {
			return
		}
		var f refusalError
		if !errors.As(err, &f) {
			f = refusalError{http.StatusInternalServerError, "Something went wrong", "The demo app's log says more.", err}
		}
		if f.cause != nil {
			p.cfg.Log.ErrorContext(r.Context(), "demo app refused", "title", f.Title, "cause", f.cause, "request", edge.RequestID(r.Context()))
		}
		if err := p.render(w, f.status, "fault", f); err != nil {
			p.cfg.Log.ErrorContext(r.Context(), "demo app page", "cause", err)
		}
	}
}

func (p *Pages) render(w http.ResponseWriter, status int, view string, data any) error {
	return p.renderStyled(w, status, view, data, nil)
}

// renderStyled allows, beside our stylesheet, inline styles of the given hashes.
func (p *Pages) renderStyled(w http.ResponseWriter, status int, view string, data any, hashes []string) error {
	var b bytes.Buffer
	if err := views[view].ExecuteTemplate(&b, "frame", data); err != nil {
		return fmt.Errorf("page %s: %w", view, err)
	}
	styles := "'self'"
	if len(hashes) > 0 {
		styles += " 'unsafe-hashes' " + strings.Join(hashes, " ")
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src "+styles+
		"; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}

func (p *Pages) notFound(http.ResponseWriter, *http.Request) error {
	return refusalError{http.StatusNotFound, "There is no such page", "The demo app has a web app, a single-page app and a mailbox.", nil}
}

func (p *Pages) wrongMethod(_ http.ResponseWriter, r *http.Request) error {
	return refusalError{http.StatusMethodNotAllowed, "That is not how this page is asked", "It does not take " + clip(r.Method) + ".", nil}
}

var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func (p *Pages) asset(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "name")
	content, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		return p.notFound(w, r)
	}
	w.Header().Set("Content-Type", assetTypes[path.Ext(name)])
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, err = w.Write(content) //nolint:gosec // one of our embedded files, with its own type and nosniff
	return err
}
