package login

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"postern/edge"
	"postern/idp"
	"postern/templates"
)

// refusal is an error that a person is shown as a page. The cause goes to the
// log only.
type refusal struct {
	status  int
	body    templates.Body
	locales []string
	retryIn time.Duration
	cause   error
}

func (f *refusal) Error() string {
	text := "refused with " + strconv.Itoa(f.status)
	if f.cause != nil {
		text += ": " + f.cause.Error()
	}
	return text
}

func (f *refusal) Unwrap() error { return f.cause }

func refuse(status int, key string, cause error) error {
	return &refusal{status: status, body: templates.Fault{Key: key}, cause: cause}
}

func refuseUntil(status int, key string, retryIn time.Duration) error {
	retryIn = max(retryIn, time.Second)
	return &refusal{status: status, body: templates.Fault{Key: key, RetryIn: retryIn}, retryIn: retryIn}
}

func badForm(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return refuse(http.StatusRequestEntityTooLarge, "too_large", err)
	}
	return refuse(http.StatusBadRequest, "bad_request", err)
}

// retrySoon is what a person waits before trying a store again that did not answer.
const retrySoon = 5 * time.Second

// refusalOf maps every error to what the person sees of it.
func refusalOf(err error) *refusal {
	var f *refusal
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, idp.ErrReplayed): // what the app asked for has been answered by another login
		return &refusal{status: http.StatusBadRequest, cause: err, body: templates.Fault{Key: "expired_request"}}
	case errors.Is(err, idp.ErrUnavailable):
		return &refusal{
			status: http.StatusServiceUnavailable, retryIn: retrySoon, cause: err,
			body: templates.Fault{Key: "unavailable", RetryIn: retrySoon},
		}
	default:
		return &refusal{status: http.StatusInternalServerError, body: templates.Fault{Key: "internal"}, cause: err}
	}
}

// page is the room's one edge: it picks the endpoint and renders its errors.
func (h *Handler) page(m methods) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve := m.of(r.Method)
		if serve == nil {
			w.Header().Set("Allow", m.allow())
			h.fail(w, r, refuse(http.StatusMethodNotAllowed, "method", nil))
			return
		}
		if err := serve(w, h.visit(r)); err != nil {
			h.fail(w, r, err)
		}
	})
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := refusalOf(err)
	request := edge.RequestID(r.Context())
	h.logRefusal(r.Context(), f)
	body := f.body
	if fault, ok := body.(templates.Fault); ok {
		fault.Request = request
		body = fault
	}
	if f.retryIn > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((f.retryIn+time.Second-1)/time.Second)))
	}
	h.write(w, h.visit(r), f.status, f.locales, true, body)
}

// logRefusal writes the cause down. A person who has gone is no fault of ours.
func (h *Handler) logRefusal(ctx context.Context, f *refusal) {
	level := slog.LevelInfo
	if f.status >= http.StatusInternalServerError && ctx.Err() == nil {
		level = slog.LevelError
	}
	attributes := []slog.Attr{slog.Int("status", f.status)}
	if f.cause != nil {
		attributes = append(attributes, slog.Any("error", f.cause))
	}
	h.Log.LogAttrs(ctx, level, "login page refused", attributes...)
}
