package observe

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reading is how an instance does at one moment.
type Reading struct {
	// Ready: it serves.
	Ready bool
	// Fresh: the database was read; else what follows from it is left out.
	Fresh bool
	// MailsWaiting are due and not sent yet, the oldest for MailWaits.
	MailsWaiting int
	MailWaits    time.Duration
	// KeyAge is for how long the tenants' oldest current signing key has been used.
	KeyAge time.Duration
	// Busy, Open and Most are connections to the database; Waits is how often one was waited for.
	Busy, Open, Most int
	Waits            int64
	// CertificateLeft is how long the server's own certificate is good; HasCertificate tells whether it has one.
	CertificateLeft time.Duration
	HasCertificate  bool
}

// Vitals reads how the instance does.
type Vitals func(ctx context.Context) Reading

// scrapeTimeout bounds what a scrape waits for the database.
const scrapeTimeout = 3 * time.Second

// gauges asks for the vitals when it is scraped.
type gauges struct {
	vitals                                       Vitals
	ready, waiting, oldest, keyAge, certificate  *prometheus.Desc
	connections, connectionsMost, connectionWait *prometheus.Desc
}

func newGauges(v Vitals) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &gauges{
		vitals:          v,
		ready:           desc("postern_ready", "1 while /readyz answers 200."),
		waiting:         desc("postern_outbox_waiting", "Mails that are due and not sent yet, 10000 at most, over all replicas."),
		oldest:          desc("postern_outbox_oldest_seconds", "For how long the oldest of them has been due."),
		keyAge:          desc("postern_signing_key_age_seconds", "For how long the oldest signing key that signs has been in use, over all tenants."),
		certificate:     desc("postern_tls_certificate_left_seconds", "How long the server's own certificate is good."),
		connections:     desc("postern_database_connections", "Connections to the database, by state.", "state"),
		connectionsMost: desc("postern_database_connections_max", "How many there may be."),
		connectionWait:  desc("postern_database_connection_waits_total", "How often a connection had to be waited for."),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		g.ready, g.waiting, g.oldest, g.keyAge, g.certificate, g.connections, g.connectionsMost, g.connectionWait,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	v := g.vitals(ctx)
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	ready := 0.0
	if v.Ready {
		ready = 1
	}
	gauge(g.ready, ready)
	if v.Fresh {
		gauge(g.waiting, float64(v.MailsWaiting))
		gauge(g.oldest, v.MailWaits.Seconds())
		gauge(g.keyAge, v.KeyAge.Seconds())
	}
	if v.HasCertificate {
		gauge(g.certificate, v.CertificateLeft.Seconds())
	}
	gauge(g.connections, float64(v.Busy), "busy")
	gauge(g.connections, float64(max(v.Open-v.Busy, 0)), "idle")
	gauge(g.connectionsMost, float64(v.Most))
	to <- prometheus.MustNewConstMetric(g.connectionWait, prometheus.CounterValue, float64(v.Waits))
}
