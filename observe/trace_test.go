package observe_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"postern/observe"
)

func recorded(t *testing.T) (*observe.Tracer, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tracer := observe.NewTracer(sdk.WithSpanProcessor(spans))
	t.Cleanup(func() { _ = tracer.Close(t.Context()) })
	return tracer, spans
}

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestARequestsStepsAreWithinItsSpan(t *testing.T) {
	tracer, spans := recorded(t)
	r := httptest.NewRequest(http.MethodGet, "/t/acme/auth/verify?token=secret", nil)
	ctx, end := tracer.Request(r, false)
	_, step := tracer.Step(ctx, "store.FindLink")
	step.End(true)
	end(observe.RouteOf([]string{"/t/{tenant}/*", "/auth/verify"}), http.StatusServiceUnavailable)
	got := spans.Ended()
	if len(got) != 2 || got[0].Name() != "store.FindLink" || got[1].Name() != "GET /auth/verify" {
		t.Fatalf("spans are %v", got)
	}
	if got[0].Parent().SpanID() != got[1].SpanContext().SpanID() {
		t.Error("the step is not within its request")
	}
	for _, span := range got {
		if span.Status().Code.String() != "Error" || span.Status().Description != "" {
			t.Errorf("%s ends as %v", span.Name(), span.Status())
		}
		for _, a := range span.Attributes() {
			if text := a.Value.String(); strings.Contains(text, "secret") || strings.Contains(text, "acme") {
				t.Errorf("%s says %s", span.Name(), a.Value.String())
			}
		}
	}
	if id := observe.ID(ctx); id != got[1].SpanContext().TraceID().String() {
		t.Errorf("the trace's id is %q", id)
	}
}

func TestStrangersDoNotJoinOurTraces(t *testing.T) {
	tracer, spans := recorded(t)
	for _, trusted := range []bool{false, true} {
		r := httptest.NewRequest("BREW", "/", nil)
		r.Header.Set("Traceparent", parent)
		_, end := tracer.Request(r, trusted)
		end(observe.Route{}, http.StatusNotFound)
		span := spans.Ended()[len(spans.Ended())-1]
		if joined := span.SpanContext().TraceID().String() == strings.Split(parent, "-")[1]; joined != trusted {
			t.Errorf("trusted %v, and joined is %v", trusted, joined)
		}
		if span.Name() != "other "+observe.Unmatched {
			t.Errorf("a method that strangers make up names the span: %s", span.Name())
		}
	}
}

func TestTracesGoOutOnlyWhereTheEnvironmentSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want bool
	}{
		"nothing said":              {nil, false},
		"an endpoint":               {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, true},
		"an endpoint of traces":     {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, true},
		"an endpoint, switched off": {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, false},
		"an endpoint, but no traces": {
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, false,
		},
	} {
		if got := observe.TracingAsked(func(key string) string { return c.env[key] }); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A collector over HTTP gets what the flag or the environment sends there.
func TestTracesReachACollector(t *testing.T) {
	got := make(chan string, 8)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type")
	}))
	defer collector.Close()
	for _, c := range []struct{ variable, endpoint string }{{collector.URL, ""}, {"", collector.URL}, {"http://127.0.0.1:1", collector.URL + "/"}} {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.variable)
		tracer, err := observe.OpenTracer(t.Context(), c.endpoint)
		if err != nil {
			t.Fatal(err)
		}
		_, step := tracer.Step(t.Context(), "mail.send")
		step.End(false)
		if err := tracer.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if first := <-got; first != "POST /v1/traces application/x-protobuf" {
			t.Errorf("%+v: the collector got %q", c, first)
		}
	}
}

func TestEndpointsThatAreNone(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:4318", "ftp://a.example", "http://", "%"} {
		if tracer, err := observe.OpenTracer(t.Context(), endpoint); err == nil {
			t.Errorf("%q: %v", endpoint, tracer)
		}
	}
}

func TestWithoutAnEndpointThereIsNoTracer(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	tracer, err := observe.OpenTracer(t.Context(), "")
	if tracer != nil || err != nil {
		t.Errorf("%v, %v", tracer, err)
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
