package postgres_test

import (
	"strings"
	"testing"

	"postern/storage/postgres/pgtest"
)

func TestEachStepOfALoginIsOneRoundTrip(t *testing.T) {
	countTrips(t, pgtest.URL(t), nil)
}

// countTrips does a login twice on one connection: the first prepares the statements.
func countTrips(t *testing.T, base string, more map[string]int64) {
	t.Helper()
	t.Parallel()
	w, url := pgtest.NewWire(t, migrated(t, base))
	shop := newShop(t, open(t, withParameter(url, "pool_max_conns=1")))
	shop.login("first@example.org")
	trips := map[string]int64{}
	shop.around = func(name string, step func()) {
		before := w.Trips()
		step()
		trips[name] = w.Trips() - before
	}
	shop.login("second@example.org")
	for _, step := range steps {
		want := int64(1)
		if more[step] > 0 {
			want = more[step]
		}
		if trips[step] != want {
			t.Errorf("%s takes %d round trips, want %d", step, trips[step], want)
		}
	}
}

// withParameter adds a parameter to a database's URL.
func withParameter(database, parameter string) string {
	if strings.Contains(database, "?") {
		return database + "&" + parameter
	}
	return database + "?" + parameter
}
