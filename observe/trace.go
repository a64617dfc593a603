package observe

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer makes spans: one for each request, store step and mail. A nil *Tracer
// is usable and makes none.
//
// It is never made the program's global tracer: libraries would begin to write
// spans whose attributes nobody here has looked at.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// TracingAsked tells whether the environment names a place for traces, by the
// variables of the OpenTelemetry specification.
func TracingAsked(getenv func(string) string) bool {
	if getenv("OTEL_SDK_DISABLED") == "true" || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// OpenTracer gives a tracer that exports by OTLP over HTTP to an endpoint such
// as http://127.0.0.1:4318, and else as the OTEL_* variables say; nil where
// neither names one.
func OpenTracer(ctx context.Context, endpoint string) (*Tracer, error) {
	var options []otlptracehttp.Option
	switch u, err := url.Parse(endpoint); {
	case endpoint == "" && !TracingAsked(os.Getenv):
		return nil, nil //nolint:nilnil // a nil Tracer is one that makes no spans
	case endpoint == "":
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("traces to %q: use a URL such as http://127.0.0.1:4318", endpoint)
	default:
		options = append(options, otlptracehttp.WithEndpointURL(u.JoinPath("v1/traces").String()))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("traces: %w; look at OTEL_EXPORTER_OTLP_ENDPOINT", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "postern")),
		resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("traces: %w; look at OTEL_RESOURCE_ATTRIBUTES", err)
	}
	return NewTracer(sdk.WithBatcher(exporter), sdk.WithResource(about)), nil
}

// NewTracer gives a tracer over the SDK with these options.
func NewTracer(options ...sdk.TracerProviderOption) *Tracer {
	provider := sdk.NewTracerProvider(options...)
	return &Tracer{provider: provider, tracer: provider.Tracer("postern")}
}

// Close exports what is left.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Span is one piece of work; end it once.
type Span struct{ span trace.Span }

// End ends the span. A failure is marked so, without its words: they may hold
// what no trace may.
func (s Span) End(failed bool) {
	if failed {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

// Step begins the span of a step within a request or a mail.
func (t *Tracer) Step(ctx context.Context, name string) (context.Context, Span) {
	ctx, span := t.tracer.Start(ctx, name)
	return ctx, Span{span}
}

// Request begins the span of a request. The caller's trace is gone on with only
// if the caller is trusted: a stranger's would let strangers join our traces.
func (t *Tracer) Request(r *http.Request, trusted bool) (context.Context, func(route Route, status int)) {
	ctx := r.Context()
	if trusted {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	method := methods[methodIndex(r.Method)]
	ctx, span := t.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer))
	return ctx, func(route Route, status int) {
		label := route.Label()
		span.SetName(method + " " + label)
		span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", label),
			attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// ID gives the id of the trace that ctx is in, for the log; empty if there is none.
func ID(ctx context.Context) string {
	if at := trace.SpanContextFromContext(ctx); at.HasTraceID() {
		return at.TraceID().String()
	}
	return ""
}

// RouteOf makes a Route of a router's patterns.
func RouteOf(patterns []string) (r Route) {
	copy(r[:], patterns)
	return r
}
