package limit_test

import (
	"sync"
	"testing"
	"time"

	"postern/idp"
	"postern/limit"
)

func large(limitOf int64) limit.Rules {
	rules := limit.Default()
	rules.Attempt = idp.Rule{Limit: limitOf, Period: time.Minute}
	return rules
}

func TestLargeLimitsAreTakenAheadInFewTrips(t *testing.T) {
	w := newWorld(t, large(64_000))
	if n := w.attempts(home, 10_000); n != 10_000 {
		t.Fatalf("%d of 10,000 allowed", n)
	}
	if w.store.trips > 30 {
		t.Errorf("%d trips", w.store.trips)
	}
	if got := w.counted(); got != 10_000 {
		t.Errorf("%d counted", got)
	}
}

func TestReplicasThatTakeAheadNeverPassTheLimitTogether(t *testing.T) {
	const most = 6400
	one, two := newWorld(t, large(most)), newWorld(t, large(most))
	two.Limiter = limit.New(one.store, testMAC{}, large(most), nil)
	passed := 0
	for range 2 * most {
		passed += one.attempts(home, 1) + two.attempts(home, 1)
	}
	if passed > most || passed < most-2 {
		t.Errorf("%d of %d allowed over two replicas", passed, most)
	}
	if n := one.attempts(home, 10); n != 0 {
		t.Errorf("%d more", n)
	}
}

func TestWhatIsTakenAheadIsUsedInTimeOrLost(t *testing.T) {
	w := newWorld(t, large(64_000))
	w.attempts(home, 100)
	held := limit.InHand(w.Limiter)
	if held == 0 {
		t.Fatal("nothing in hand")
	}
	trips := w.store.trips
	w.after(time.Second).attempts(home, 1)
	if w.store.trips != trips+1 {
		t.Error("an old hand was used")
	}
}

// Whoever asks the store for the last while another holds some in hand is
// refused, and those are lost; never is there one too many.
func TestHandsNeverPassTheLimitUnderParallelUse(t *testing.T) {
	const most = 1280
	w := newWorld(t, large(most))
	var allowed [8]int
	var done sync.WaitGroup
	for i := range allowed {
		done.Go(func() {
			for range most {
				v, err := w.Attempt(t.Context(), acme, home, noon)
				if err != nil {
					t.Error(err)
				}
				if v.Allowed {
					allowed[i]++
				}
			}
		})
	}
	done.Wait()
	total := 0
	for _, n := range allowed {
		total += n
	}
	if total > most || total < most*9/10 {
		t.Errorf("%d of %d allowed", total, most)
	}
}
