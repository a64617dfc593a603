package observe

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Route names what served a request by the patterns that the router matched,
// outermost first; places that no pattern fills are empty.
type Route [3]string

// Unmatched is the label of requests that no route is for.
const Unmatched = "unmatched"

// tenantBase is where tenants without a host of their own are; their routes
// count with those of all others.
const tenantBase = "/t/{tenant}"

// Label is the route's pattern below the issuer's base.
func (r Route) Label() string {
	if r[0] == "" || r == (Route{tenantBase + "/*"}) { // a base with nothing there
		return Unmatched
	}
	path := ""
	for _, pattern := range r {
		if pattern != "" {
			path = strings.TrimSuffix(path, "/*") + pattern
		}
	}
	return strings.TrimPrefix(path, tenantBase)
}

// methods are those that are told apart.
var methods = [...]string{http.MethodGet, http.MethodPost, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, "other"}

func methodIndex(method string) int {
	for i, known := range methods[:len(methods)-1] {
		if method == known {
			return i
		}
	}
	return len(methods) - 1
}

// classes are those of RFC 9110 §15.
var classes = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

func classIndex(status int) int { return min(max(status/100, 1), len(classes)) - 1 }

// requests counts what was served. The series of a route are looked up once and
// then kept, in a map that is copied when it grows: a request costs one look-up
// and two additions, and takes no memory.
type requests struct {
	total *prometheus.CounterVec
	took  *prometheus.HistogramVec
	mu    sync.Mutex // held to grow
	known atomic.Pointer[map[Route]*served]
}

// served are the series of one route.
type served struct {
	label string
	took  prometheus.Observer
	total [len(methods)][len(classes)]atomic.Pointer[prometheus.Counter]
}

func newRequests(r prometheus.Registerer) *requests {
	q := &requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_requests_total", Help: "Requests answered, by route below the issuer, method and class of status.",
		}, []string{"route", "method", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "postern_request_seconds", Help: "How long requests took.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5},
		}, []string{"route"}),
	}
	r.MustRegister(q.total, q.took)
	q.known.Store(&map[Route]*served{})
	return q
}

func (q *requests) count(route Route, method string, status int, took time.Duration) {
	s, ok := (*q.known.Load())[route]
	if !ok {
		s = q.learn(route)
	}
	s.took.Observe(took.Seconds())
	m, c := methodIndex(method), classIndex(status)
	total := s.total[m][c].Load()
	if total == nil {
		counter := q.total.WithLabelValues(s.label, methods[m], classes[c])
		total = &counter
		s.total[m][c].Store(total)
	}
	(*total).Inc()
}

func (q *requests) learn(route Route) *served {
	q.mu.Lock()
	defer q.mu.Unlock()
	former := *q.known.Load()
	if s, ok := former[route]; ok {
		return s
	}
	grown := make(map[Route]*served, len(former)+1)
	for r, s := range former {
		grown[r] = s
	}
	s := &served{label: route.Label()}
	s.took = q.took.WithLabelValues(s.label)
	grown[route] = s
	q.known.Store(&grown)
	return s
}
