package postgres_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"postern/idp"
	"postern/storage/postgres/pgtest"
)

// BenchmarkLogin does logins one after the other and reports what each step
// took, in microseconds, on PostgreSQL and on the Citus that is named.
func BenchmarkLogin(b *testing.B) {
	b.Run("postgres", func(b *testing.B) { benchmarkLogin(b, pgtest.URL(b)) })
	if url := os.Getenv(pgtest.CitusVariable); url != "" {
		b.Run("citus", func(b *testing.B) { benchmarkLogin(b, url) })
	}
}

func benchmarkLogin(b *testing.B, base string) {
	b.Helper()
	shop := newShop(b, open(b, migrated(b, base)))
	took := map[string]time.Duration{}
	shop.around = func(name string, step func()) {
		began := time.Now()
		step()
		took[name] += time.Since(began)
	}
	n := 0
	for b.Loop() {
		n++
		shop.login(idp.Address(fmt.Sprintf("person%d@example.org", n)))
	}
	for name, all := range took {
		b.ReportMetric(float64(all.Microseconds())/float64(n), name+"-µs")
	}
}
