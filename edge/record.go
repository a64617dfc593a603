package edge

import (
	"context"
	"crypto/x509"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"

	"postern/templates"
)

// record is what the edge knows of a request. Each middleware writes its part
// into the one record before it passes the request on; after that it is read.
type record struct {
	id          string
	tenant      string
	client      netip.Addr        // who sent the request
	host        string            // to which host
	certificate *x509.Certificate // nil for none
	status      int
	written     bool
}

type recordKey struct{}

func recordOf(ctx context.Context) *record {
	rec, _ := ctx.Value(recordKey{}).(*record)
	return rec
}

// recorded gives the request's record and the request that bears it: the one
// that was asked for if it has a record already.
func recorded(r *http.Request) (*record, *http.Request) {
	if rec := recordOf(r.Context()); rec != nil {
		return rec, r
	}
	rec := &record{status: http.StatusOK}
	return rec, r.WithContext(context.WithValue(r.Context(), recordKey{}, rec))
}

// Recorder names each request, logs it once it is answered, and turns a panic
// into a page. The log holds the path but never the query, where link tokens
// and codes travel.
type Recorder struct {
	Log   *slog.Logger
	Clock func() time.Time
	Pages *templates.Set
	// Done, if set, hears of each request once it is answered.
	Done func(r *http.Request, status int, took time.Duration)
}

// Record is the middleware; it goes before all others.
func (rc *Recorder) Record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := rc.Clock()
		rec, r := recorded(r)
		rec.id = newRequestID()
		ctx := r.Context()
		sw := &statusWriter{ResponseWriter: w, rec: rec}
		w.Header().Set("X-Request-Id", rec.id)
		defer func() {
			rc.rescue(sw, r, recover())
			took := rc.Clock().Sub(began)
			if rc.Log.Enabled(ctx, slog.LevelInfo) {
				rc.Log.InfoContext(ctx, "request",
					"method", r.Method, "path", r.URL.Path, "status", rec.status,
					"tenant", rec.tenant, "took_ms", float64(took.Microseconds())/1000)
			}
			if rc.Done != nil {
				rc.Done(r, rec.status, took)
			}
		}()
		next.ServeHTTP(sw, r)
	})
}

// newRequestID gives 60 random bits. They name a line of the log and keep nothing
// secret, so they do not come from the system's source.
func newRequestID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var id [12]byte
	n := rand.Uint64() //nolint:gosec // see above
	for i := range id {
		id[i], n = letters[n%32], n/32
	}
	return string(id[:])
}

func (rc *Recorder) rescue(w *statusWriter, r *http.Request, fault any) {
	if fault == nil {
		return
	}
	rc.Log.ErrorContext(r.Context(), "panic", "fault", fault, "stack", string(debug.Stack()))
	if w.rec.written {
		return
	}
	locale := rc.Pages.Locale(nil, r.Header.Get("Accept-Language"), "")
	rc.Pages.Write(w, http.StatusInternalServerError, templates.Frame{Locale: locale, FormsStay: true},
		templates.Fault{Key: "internal", Request: w.rec.id})
}

type statusWriter struct {
	http.ResponseWriter
	rec *record
}

func (w *statusWriter) WriteHeader(status int) {
	if !w.rec.written {
		w.rec.status, w.rec.written = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if !w.rec.written {
		w.rec.status, w.rec.written = http.StatusOK, true
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the real writer.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
