package edge

import (
	"context"
	"log/slog"
)

// LogHandler adds the request's id to every line that is logged while it is
// served, and that of its trace, if it has one.
type LogHandler struct {
	slog.Handler
	// TraceID, if set, gives the id of the trace that a context is in, or nothing.
	TraceID func(context.Context) string
}

// Handle implements slog.Handler.
func (h LogHandler) Handle(ctx context.Context, line slog.Record) error {
	if id := RequestID(ctx); id != "" {
		line.AddAttrs(slog.String("request_id", id))
	}
	if h.TraceID != nil {
		if id := h.TraceID(ctx); id != "" {
			line.AddAttrs(slog.String("trace_id", id))
		}
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h LogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return LogHandler{h.Handler.WithAttrs(attrs), h.TraceID}
}

// WithGroup implements slog.Handler.
func (h LogHandler) WithGroup(name string) slog.Handler {
	return LogHandler{h.Handler.WithGroup(name), h.TraceID}
}
