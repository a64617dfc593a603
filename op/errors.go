package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postern/edge"
	"postern/idp"
	"postern/templates"
)

// refusal is an error as its receiver may see it. The cause stays here.
type refusal struct {
	status      int
	code        string // RFC 6749 §4.1.2.1, §5.2, RFC 6750 §3.1, OpenID Connect Core §3.1.2.6
	description string
	challenge   string // WWW-Authenticate
	page        string // key of the page's words, where a person sees it
	allow       string
	retryIn     time.Duration
	cause       error
}

// Error is for the log.
func (f *refusal) Error() string {
	text := f.code
	if f.description != "" {
		text += ": " + f.description
	}
	if f.cause != nil {
		text += ": " + f.cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (f *refusal) Unwrap() error { return f.cause }

func refuse(code, format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, code: code, description: fmt.Sprintf(format, args...), page: "bad_request"}
}

func invalidRequest(format string, args ...any) *refusal {
	return refuse("invalid_request", format, args...)
}

func expiredRequest(description string) *refusal {
	f := invalidRequest("%s", description)
	f.page = "expired_request"
	return f
}

// because keeps the cause for the log.
func (f *refusal) because(cause error) *refusal {
	f.cause = cause
	return f
}

func methodNotAllowed(allow []string) *refusal {
	f := invalidRequest("this endpoint takes %s", strings.Join(allow, ", "))
	f.status, f.page, f.allow = http.StatusMethodNotAllowed, "method", strings.Join(allow, ", ")
	return f
}

// asRefusal maps every error to what may be said of it. What is not known to be
// the caller's fault is ours, and ours are told without a reason.
func asRefusal(err error) *refusal {
	var f *refusal
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &tooLarge):
		f = invalidRequest("the request body is too large").because(err)
		f.status, f.page = http.StatusRequestEntityTooLarge, "too_large"
		return f
	case errors.Is(err, idp.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &refusal{
			status: http.StatusServiceUnavailable, code: "temporarily_unavailable", page: "unavailable",
			retryIn: 2 * time.Second, cause: err,
		}
	default:
		return &refusal{status: http.StatusInternalServerError, code: "server_error", page: "internal", cause: err}
	}
}

// clientError is an error that its client may see: the redirect URI is its own.
type clientError struct {
	request idp.AuthRequest
	err     error
}

func (e *clientError) Error() string { return e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

// fail is the one way in which errors leave: logged with their cause, answered
// without it, in the form that who asked can read.
func (p *Provider) fail(w http.ResponseWriter, r *http.Request, err error, write func(http.ResponseWriter, *http.Request, *refusal)) {
	f := asRefusal(err)
	level := slog.LevelInfo
	if f.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	p.log.LogAttrs(r.Context(), level, "request refused", slog.String("path", r.URL.Path),
		slog.Int("status", f.status), slog.String("code", f.code), slog.String("error", f.Error()))
	if f.retryIn > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.retryIn/time.Second)))
	}
	if f.allow != "" {
		w.Header().Set("Allow", f.allow)
	}
	var client *clientError
	if errors.As(err, &client) {
		unsigned := p.responder.Error(w, r, client.request, f.code, f.description)
		if unsigned == nil {
			return
		}
		p.log.ErrorContext(r.Context(), "an error could not be told to its client", "error", unsigned)
		f = asRefusal(unsigned)
	}
	write(w, r, f)
}

// writeJSON is how OAuth errors look (RFC 6749 §5.2).
func writeJSON(w http.ResponseWriter, _ *http.Request, f *refusal) {
	body, err := json.Marshal(struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{f.code, f.description})
	if err != nil {
		panic("op: " + err.Error()) // two strings always encode
	}
	header := w.Header()
	if f.challenge != "" {
		header.Set("WWW-Authenticate", f.challenge)
	}
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(f.status)
	w.Write(body) //nolint:errcheck // who asked is gone
}

// writePage is how errors look to a person.
func (p *Provider) writePage(w http.ResponseWriter, r *http.Request, f *refusal) {
	p.show(w, r, f.status, true, templates.Fault{
		Key: f.page, Detail: f.description, Request: edge.RequestID(r.Context()), RetryIn: f.retryIn,
	})
}

// show writes a page in the tenant's frame.
func (p *Provider) show(w http.ResponseWriter, r *http.Request, status int, formsStay bool, body templates.Body) {
	tenant := idp.TenantOf(r.Context())
	_, base := splitIssuer(p.issuer(r))
	locale := p.pages.Locale(uiLocales(r), r.Header.Get("Accept-Language"), tenant.Settings.Locale)
	p.pages.Write(w, status, templates.Frame{Locale: locale, Tenant: tenant.Name, Base: base, FormsStay: formsStay, Brand: templates.BrandOf(tenant)}, body)
}

func uiLocales(r *http.Request) []string {
	return strings.Fields(r.URL.Query().Get("ui_locales"))
}
