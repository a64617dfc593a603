package observe

import (
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what happens. The zero value is not usable; a nil *Metrics is,
// and counts nothing.
type Metrics struct {
	registry *prometheus.Registry
	requests *requests
	started  prometheus.Counter
	// Further counters by the one label that tells them apart; all values are
	// there from the start, so that an alert on their growth never misses the first.
	completed, refused, mails, limits, work labelled
}

// labelled are counters by the values of one label.
type labelled map[string]prometheus.Counter

func (l labelled) inc(value string) {
	c, ok := l[value]
	if !ok {
		c = l["other"]
	}
	c.Inc()
}

// What logins are completed by, and what they are refused for.
const (
	ByLink = "link"
	ByCode = "code"

	RefusedUsed        = "used"
	RefusedExpired     = "expired"
	RefusedUnknown     = "unknown"
	RefusedMismatch    = "mismatch"
	RefusedNotAllowed  = "not_allowed"
	RefusedLocked      = "locked"
	RefusedUnavailable = "unavailable"
	RefusedReplaced    = "replaced"
)

// What becomes of mails, by each attempt.
const (
	MailSent    = "sent"
	MailRefused = "refused"
	MailFailed  = "failed"
	MailUnknown = "unknown"
	MailDropped = "dropped"
	MailRetried = "retried"
)

// The rules of which a limit was hit.
const (
	LimitMailbox = "mailbox"
	LimitSending = "sending"
	LimitTenant  = "tenant"
	LimitAttempt = "attempt"
)

// What becomes of the tasks that keep bots off.
const (
	WorkAsked  = "asked"
	WorkSolved = "solved"
	WorkWaited = "waited"
	WorkFailed = "failed"
)

// New makes the metrics of an instance, which runs a version of the program.
// vitals are asked at each scrape.
func New(version string, vitals Vitals) *Metrics {
	r := prometheus.NewRegistry()
	m := &Metrics{registry: r, requests: newRequests(r)}
	m.started = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "postern_logins_started_total", Help: "Logins begun: an address was posted and a mail queued or withheld.",
	})
	r.MustRegister(m.started)
	m.completed = counters(r, "postern_logins_completed_total", "Logins completed, by what was used.", "by", ByLink, ByCode)
	m.refused = counters(r, "postern_logins_refused_total", "Attempts to complete a login that were refused, by reason.", "reason",
		RefusedUsed, RefusedExpired, RefusedUnknown, RefusedMismatch, RefusedNotAllowed, RefusedLocked, RefusedReplaced, RefusedUnavailable)
	m.mails = counters(r, "postern_mails_total", "Attempts to send a mail, by outcome; dropped are those that policy or a limit withholds.", "outcome",
		MailSent, MailRefused, MailFailed, MailUnknown, MailDropped, MailRetried)
	m.limits = counters(r, "postern_limits_hit_total", "Requests that were over a limit, by rule.", "rule",
		LimitMailbox, LimitSending, LimitTenant, LimitAttempt)
	m.work = counters(r, "postern_work_total", "Tasks that keep bots off, by what became of them: set, solved or waited out for a login, handed in wrongly, late or twice.",
		"outcome", WorkAsked, WorkSolved, WorkWaited, WorkFailed)
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build(version), newGauges(vitals))
	return m
}

func counters(r prometheus.Registerer, name, help, label string, values ...string) labelled {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	r.MustRegister(vec)
	l := labelled{"other": vec.WithLabelValues("other")}
	for _, value := range values {
		l[value] = vec.WithLabelValues(value)
	}
	return l
}

// build says which program this is.
func build(version string) prometheus.Collector {
	revision, goVersion := "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		goVersion = info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "postern_build_info", Help: "Always 1; the labels say which build this is.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "goversion": goVersion},
	})
	g.Set(1)
	return g
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// Request counts a request that was answered.
func (m *Metrics) Request(route Route, method string, status int, took time.Duration) {
	if m != nil {
		m.requests.count(route, method, status, took)
	}
}

// LoginStarted counts a login that began.
func (m *Metrics) LoginStarted() {
	if m != nil {
		m.started.Inc()
	}
}

// LoginCompleted counts a login that came to its end.
func (m *Metrics) LoginCompleted(by string) {
	if m != nil {
		m.completed.inc(by)
	}
}

// LoginRefused counts an attempt to complete a login that was refused.
func (m *Metrics) LoginRefused(reason string) {
	if m != nil {
		m.refused.inc(reason)
	}
}

// Work counts what became of a task that keeps bots off.
func (m *Metrics) Work(outcome string) {
	if m != nil {
		m.work.inc(outcome)
	}
}

// Mail counts an attempt to send a mail.
func (m *Metrics) Mail(outcome string) {
	if m != nil {
		m.mails.inc(outcome)
	}
}

// LimitHit counts a request that was over a limit.
func (m *Metrics) LimitHit(rule string) {
	if m != nil {
		m.limits.inc(rule)
	}
}
