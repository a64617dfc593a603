package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
	"postern/storage/postgres/pgtest"
)

// ruleSets are small and large rules, alone and together, and such as nobody should write.
var ruleSets = [][]idp.Rule{
	mailRules,
	{{Limit: 60, Period: 10 * time.Minute}, {Limit: 1000, Period: 24 * time.Hour}},
	{{Limit: 65, Period: time.Minute}, {Limit: 200, Period: 7 * time.Minute}},
	{{Limit: 70, Period: 30 * time.Second}, {Limit: 90, Period: 30 * time.Second}, {Limit: 2, Period: time.Second}},
	{{Limit: 64, Period: 1234567891}},
	{{Limit: 100, Period: 1234567891}},
	{{Limit: 2, Period: time.Hour}, {Limit: 5, Period: time.Minute}},
	{{Limit: 0, Period: time.Minute}, {Limit: 5, Period: time.Minute}},
	{{Limit: 3, Period: 0}, {Limit: 100, Period: 0}},
	{},
}

// model counts as idp.Counter does, keeping what was counted and no more.
type model map[idp.LimitKey]idp.Counter

func (m model) take(hits []idp.Hit, now time.Time) []idp.Verdict {
	verdicts := make([]idp.Verdict, len(hits))
	for i, hit := range hits {
		counter, verdict := m[hit.Key].TakeMany(hit.Rules, hit.Hits(), now)
		if verdict.Allowed {
			m[hit.Key] = counter
		}
		verdicts[i] = verdict
	}
	return verdicts
}

func TestTheDatabaseCountsAsTheDomainDoes(t *testing.T) {
	t.Parallel()
	store := open(t, migrated(t, pgtest.URL(t)))
	for seed := range uint64(len(ruleSets)) * 2 {
		t.Run(fmt.Sprintf("history %d", seed), func(t *testing.T) {
			rng, at, counters := rand.New(rand.NewPCG(seed, 7)), now, model{}
			rules := ruleSets[int(seed)%len(ruleSets)]
			var taken []idp.Taken
			for step := range 250 {
				at = at.Add(stride(rng, rules))
				if len(taken) > 0 && rng.IntN(6) == 0 {
					back := taken[rng.IntN(len(taken))]
					counters[back.Key] = counters[back.Key].Return(back.Rules, back.At)
					if err := store.ReturnHits(t.Context(), []idp.Taken{back}); err != nil {
						t.Fatal(err)
					}
				}
				if rng.IntN(40) == 0 { // settings change: the same key under other rules
					rules = ruleSets[rng.IntN(len(ruleSets))]
				}
				hits := make([]idp.Hit, 1+rng.IntN(3))
				for i := range hits {
					hits[i] = idp.Hit{Key: idp.LimitKey{byte(seed), byte(rng.IntN(2))}, Rules: rules, Count: rng.Int64N(4)}
				}
				got, err := store.TakeHits(t.Context(), hits, at)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(counters.take(hits, at), got); diff != "" {
					t.Fatalf("step %d under %v (-domain +database):\n%s", step, rules, diff)
				}
				for i, verdict := range got {
					if verdict.Allowed {
						taken = append(taken, idp.Taken{Key: hits[i].Key, At: at, Rules: rules})
					}
				}
			}
		})
	}
}

// stride is mostly a share of the rules' periods, at times long, at times back:
// another replica's clock.
func stride(rng *rand.Rand, rules []idp.Rule) time.Duration {
	period := time.Minute
	if len(rules) > 0 && rules[0].Period > 0 {
		period = rules[rng.IntN(len(rules))].Period
	}
	switch rng.IntN(12) {
	case 0:
		return -time.Duration(rng.Int64N(int64(2 * time.Second)))
	case 1:
		return period + time.Duration(rng.Int64N(int64(period)+1))
	default:
		return time.Duration(rng.Int64N(int64(period)/40 + 1))
	}
}

func TestTwoHundredAtOnceAreCountedExactly(t *testing.T) {
	t.Parallel()
	stores := twoReplicas(t)
	const requests, limit = 200, 37
	keys := []idp.LimitKey{{1}, {2}, {3}, {4}}
	allowed := make([]int, len(keys))
	var mu sync.Mutex
	var done sync.WaitGroup
	for i := range requests {
		done.Go(func() {
			// Each asks for all keys, in an order of its own.
			order := rand.New(rand.NewPCG(uint64(i), 1)).Perm(len(keys))
			hits := make([]idp.Hit, len(order))
			for j, k := range order {
				hits[j] = idp.Hit{Key: keys[k], Rules: []idp.Rule{{Limit: limit, Period: time.Hour}}}
			}
			verdicts, err := stores[i%2].TakeHits(t.Context(), hits, now)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for j, k := range order {
				if verdicts[j].Allowed {
					allowed[k]++
				}
			}
		})
	}
	done.Wait()
	if !slices.Equal(allowed, []int{limit, limit, limit, limit}) {
		t.Errorf("allowed %v of each, want %d", allowed, limit)
	}
}
